// Writes a trace of any length to standard output, faster than anybody reads it: the operations of `pinscope bench` round and round,
// rendered once, with the times of each round patched in.
//
//   node bench/growth-trace.mjs csv|arrow ROWS > trace
//   node bench/growth-trace.mjs csv|arrow ROWS FIFO        says "ready" when all is rendered, then writes to whoever reads it
import { openSync, writeSync } from 'node:fs'
import { benchOperations } from '../packages/cli/dist/services/bench-operations.js'
import { BenchTrace, bytesOf } from '../packages/cli/dist/services/bench-trace.js'

const SEED = 1
const ROUND_ROWS = 65_536
const BATCH_ROWS = 4096
/** Longer than the operations of a round, so that a round changes nothing but the digits above. */
const ROUND_NS = 100_000_000
/** Times have 13 digits from the first row to the last. */
const FIRST_NS = 1_000_000_000_000
const UPPER_DIGITS = 5
const LINE_FEED = 10
/** Ends an Arrow stream. */
const END_OF_STREAM = Buffer.from([255, 255, 255, 255, 0, 0, 0, 0])

const [form, rowsText, fifo] = process.argv.slice(2)
const rows = Number(rowsText)
if (!['csv', 'arrow'].includes(form) || !Number.isInteger(rows)) {
  process.stderr.write('usage: growth-trace.mjs csv|arrow ROWS [FIFO]\n')
  process.exit(2)
}
const output = { fd: 1 }
await (form === 'csv' ? writeCsv() : writeArrow())

/** Operations whose times begin with a round. */
function operationsOf(round) {
  const operations = benchOperations(SEED, false)
  const { batches } = operations
  for (const { tsNs } of batches) for (let row = 0; row < BATCH_ROWS; row++) tsNs[row] += FIRST_NS + round * ROUND_NS
  return operations
}

async function writeCsv() {
  const whole = await bytesOf(new BenchTrace(operationsOf(0), ROUND_ROWS), 'csv')
  const body = whole.indexOf(LINE_FEED, whole.indexOf('\nts,') + 1) + 1
  const round = Buffer.from(whole.subarray(body))
  const starts = lineStarts(round)
  open()
  write(whole.subarray(0, body))
  for (let done = 0; done < rows; done += ROUND_ROWS) {
    const digits = Buffer.from(String(FIRST_NS / ROUND_NS + done / ROUND_ROWS))
    if (digits.length !== UPPER_DIGITS) throw new Error('a trace so long has times of more digits')
    for (const start of starts) for (let i = 0; i < UPPER_DIGITS; i++) round[start + i] = digits[i]
    write(round.subarray(0, starts[Math.min(ROUND_ROWS, rows - done)]))
  }
}

/** Where each line begins, and the end. */
function lineStarts(text) {
  const starts = new Int32Array(ROUND_ROWS + 1)
  for (let line = 1; line <= ROUND_ROWS; line++) starts[line] = text.indexOf(LINE_FEED, starts[line - 1]) + 1
  return starts
}

async function writeArrow() {
  const stream = (round, count) => bytesOf(new BenchTrace(operationsOf(round), count), 'arrow-stream')
  const [one, two] = [await stream(0, BATCH_ROWS), await stream(0, 2 * BATCH_ROWS)]
  // Every batch has the same columns and rows, and so the same number of bytes.
  const batchBytes = two.length - one.length
  const head = one.length - batchBytes - END_OF_STREAM.length
  const round = Buffer.from((await stream(0, ROUND_ROWS)).subarray(head, -END_OF_STREAM.length))
  const times = timesOf(round, batchBytes)
  const short = rows % ROUND_ROWS
  const last = short === 0 ? null : await stream((rows - short) / ROUND_ROWS, short)
  open()
  write(one.subarray(0, head))
  for (let done = 0; done + ROUND_ROWS <= rows; done += ROUND_ROWS) {
    write(round)
    for (const column of times) for (let row = 0; row < BATCH_ROWS; row++) column[row] += BigInt(ROUND_NS)
  }
  if (last !== null) write(last.subarray(head, -END_OF_STREAM.length))
  write(END_OF_STREAM)
}

/** The times of each batch, as a column over its bytes. */
function timesOf(round, batchBytes) {
  const { batches } = operationsOf(0)
  return batches.map(({ tsNs }, index) => {
    const wanted = Buffer.from(BigInt64Array.from(tsNs.subarray(0, 4), BigInt).buffer)
    const at = round.indexOf(wanted, index * batchBytes)
    const own = round.byteOffset + at
    if (at < 0 || own % 8 !== 0) throw new Error('the times are not where they were expected')
    return new BigInt64Array(round.buffer, own, BATCH_ROWS)
  })
}

/** Waits for the reader of the FIFO. */
function open() {
  if (fifo === undefined) return
  writeSync(1, 'ready\n')
  output.fd = openSync(fifo, 'w')
}

function write(bytes) {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(output.fd, bytes, at)
    } catch (error) {
      if (error.code === 'EPIPE') process.exit(0)
      if (error.code !== 'EAGAIN') throw error
    }
  }
}
