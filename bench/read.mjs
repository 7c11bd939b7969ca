// Reading a trace into columns by the byte scanner, against csv-parse making strings of the same cells. Rounds interleaved.
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse'
import { openTrace } from '../packages/core/dist/index.js'
import { median, seeded } from './batch.mjs'

const ROWS = 300_000
const ROUNDS = 5
const HEADER =
  '# pinscope-trace 1\nts,end,event,mm,op,iter,segs,backing,file,offset,len,result,flags,consumer,pins_acquired,pins_released\n'

/** Seeded direct reads and writes with every cell of a recording. */
function traceText() {
  const random = seeded(11)
  const rows = []
  for (let r = 0; r < ROWS; r++) {
    const address = (0x7f0000000000 + Math.floor(random() * 1e6) * 512).toString(16)
    const length = 512 * (1 + Math.floor(random() * 128))
    rows.push(
      `${r * 1000},${r * 1000 + 90000},io,${1 + (r & 3)},${r & 1 ? 'read' : 'write'},ubuf,0x${address}+${length},,data${r & 7},${length * 2},${length},${length},direct,bio,9,9`,
    )
  }
  return Buffer.from(`${HEADER}${rows.join('\n')}\n`)
}

async function* chunks(bytes) {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536)
}

async function scan(bytes) {
  let rows = 0
  for await (const batch of (await openTrace(chunks(bytes), 'bench')).batches()) rows += batch.length
  return rows
}

async function parseStrings(bytes) {
  let rows = 0
  const parser = parse({ comment: '#' })
  const reading = (async () => {
    for await (const _ of parser) rows++
  })()
  for await (const chunk of chunks(bytes))
    if (!parser.write(chunk)) await new Promise((done) => parser.once('drain', done))
  parser.end()
  await reading
  return rows - 1
}

export async function reading() {
  const bytes = traceText()
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) {
    const scanNs = await timed(() => scan(bytes))
    const parseNs = await timed(() => parseStrings(bytes))
    rounds.push({ scanNs, parseNs, ratio: parseNs / scanNs })
  }
  const of = (key) => median(rounds.map((round) => round[key]))
  return { bytesPerRow: bytes.length / ROWS, scanNs: of('scanNs'), parseNs: of('parseNs'), ratio: of('ratio') }
}

async function timed(run) {
  const start = process.hrtime.bigint()
  const rows = await run()
  if (rows !== ROWS) throw new Error(`read ${rows} of ${ROWS} rows`)
  return Number(process.hrtime.bigint() - start) / ROWS
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(await reading()))
