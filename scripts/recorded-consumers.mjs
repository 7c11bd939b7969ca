// Writes traces/ground-truth/consumers-*.csv: the operations that running kernels did on AF_ALG, kTLS and vhost-scsi (6.1)
// and on 9p and RDS (6.12), as traces, out of what was recorded of them; and rdma-*-rxe.csv (recorded-rxe.mjs):
//
//   traces/ground-truth/calls/kernel-V/ops.csv         what was done, in order: address, length, result
//   traces/ground-truth/calls/kernel-V/iter-calls.csv  the segments, one or more in each call, and what backs them
//   traces/ground-truth/counts/op-counts-consumers-V.csv   what the kernel itself counted
//
//   node scripts/recorded-consumers.mjs
//
// The output depends on these files alone. What is decided here, and why:
//
// Segments  A call shows the segment that is current: its address and its length. An operation that extracted all of its
//           memory has shown every segment; their number and their lengths must then be what its first call says was
//           left (nr_segs, count). An operation without calls had one buffer, which is in ops.csv. The type is that of the
//           recorded iterator; where there was none, what that kernel makes of the system call (6.1: sendmsg gives an
//           iovec, read a ubuf; 6.12: one buffer is a ubuf).
// Memory    `map` rows cover the pages used, and gaps of one page. A page whose counts are those of a large folio is
//           mapped with its 2 MiB block; one frame at many addresses is the zero page, under memory that nobody touched.
// Time      Made up: one operation a millisecond. All are synchronous: the programs did one after the other.
// Sockets   `file` is the socket or the file, whose state goes from operation to operation. The recordings do not number
//           them; that one socket of each kind was used follows from the programs' order: what is received was sent before.
// Results   vhost-scsi gives a status, not a length: 0 of all, so everything was transferred.
// Registered  A registration is a row without counts: what the kernel counted for it is in counts/ alone.
// Not there Rows that did nothing (`idle control`), and operations that no consumer here stands for: NOT_REPLAYED. The file
//           names them. What was done and not recorded, but follows from what was: NOT_RECORDED, rows without counts.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse/sync'
import { recordedRxe } from './recorded-rxe.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'traces/ground-truth')

const PAGE_BYTES = 4096
const HUGE_PAGES = 512

const COLUMNS = [
  ...['ts', 'event', 'mm', 'op', 'call', 'iter', 'segs', 'backing', 'file', 'len', 'result', 'flags', 'consumer'],
  ...['pins_acquired', 'pins_released', 'x_op'],
]

const RDS_SENDER = { file: 'sender', consumer: 'rds' }

/** A trace each. `rows` tells what an operation was by its name: the first pattern that matches. */
const GROUPS = [
  {
    group: 'alg',
    kernel: '6.1',
    release: '6.1.192',
    trace: 'consumers-6.1-alg',
    title: 'AF_ALG: skcipher and hash sockets',
    rows: [
      [/skcipher sendmsg/, { op: 'write', call: 'sendmsg', file: 'skcipher', consumer: 'af-alg-skcipher' }],
      [/skcipher readv/, { op: 'read', call: 'readv', file: 'skcipher', consumer: 'af-alg-skcipher' }],
      [/pipe->alg/, { op: 'write', call: 'splice', file: 'skcipher', consumer: 'af-alg-skcipher', flags: 'splice' }],
      [/skcipher read|after splice/, { op: 'read', call: 'read', file: 'skcipher', consumer: 'af-alg-skcipher' }],
      [/hash send/, { op: 'write', call: 'send', file: 'hash', consumer: 'af-alg-hash' }],
      [/hash read/, { op: 'read', call: 'read', file: 'hash', consumer: 'af-alg-hash' }],
    ],
  },
  {
    group: 'ktls',
    kernel: '6.1',
    release: '6.1.192',
    trace: 'consumers-6.1-ktls',
    title: 'kTLS in software: two ends of a TCP connection',
    rows: [
      [/MSG_MORE/, { op: 'write', call: 'send', file: 'sender', consumer: 'tls', flags: 'more' }],
      [/send/, { op: 'write', call: 'send', file: 'sender', consumer: 'tls' }],
      [/writev/, { op: 'write', call: 'writev', file: 'sender', consumer: 'tls' }],
      [/recv/, { op: 'read', call: 'recv', file: 'receiver', consumer: 'tls' }],
    ],
  },
  {
    group: 'vhost_scsi',
    kernel: '6.1',
    release: '6.1.192',
    trace: 'consumers-6.1-vhost-scsi',
    title: 'vhost-scsi: commands with their data in the memory of a guest',
    rows: [
      [/WRITE10/, { op: 'write', call: 'WRITE(10)', file: 'vhost-scsi', consumer: 'vhost-scsi' }],
      [/READ10/, { op: 'read', call: 'READ(10)', file: 'vhost-scsi', consumer: 'vhost-scsi' }],
      [/TEST_UNIT_READY/, { op: 'read', call: 'TEST UNIT READY', file: 'vhost-scsi', consumer: 'vhost-scsi' }],
    ],
  },
  {
    group: '9p',
    kernel: '6.12',
    release: '6.12.95',
    trace: 'consumers-6.12-9p',
    title: '9p over virtio, mounted with cache=none',
    rows: [
      [/O_DIRECT pwritev/, { op: 'write', call: 'pwritev', file: '9p', consumer: '9p', flags: 'direct' }],
      [/O_DIRECT preadv/, { op: 'read', call: 'preadv', file: '9p', consumer: '9p', flags: 'direct' }],
      [/O_DIRECT pwrite/, { op: 'write', call: 'pwrite64', file: '9p', consumer: '9p', flags: 'direct' }],
      [/O_DIRECT pread/, { op: 'read', call: 'pread64', file: '9p', consumer: '9p', flags: 'direct' }],
      [/buffered preadv/, { op: 'read', call: 'preadv', file: '9p', consumer: '9p' }],
      [/buffered pwrite/, { op: 'write', call: 'pwrite64', file: '9p', consumer: '9p' }],
      [/buffered pread/, { op: 'read', call: 'pread64', file: '9p', consumer: '9p' }],
    ],
  },
  {
    group: 'rds',
    kernel: '6.12',
    release: '6.12.95',
    trace: 'rdma-6.12-rds',
    title: 'RDS over TCP: messages copied and zero-copy, and a registration that TCP refuses',
    counts: 'rds',
    columns: ['ts', 'event', 'id', ...COLUMNS.slice(2)],
    rows: [
      [/GET_MR/, { event: 'register', id: 'mr', op: 'read', call: 'RDS_GET_MR', iter: 'ubuf', ...RDS_SENDER }],
      [/ZEROCOPY/, { op: 'write', call: 'sendmsg', flags: 'zerocopy', ...RDS_SENDER }],
      [/sendmsg/, { op: 'write', call: 'sendmsg', iter: 'ubuf', ...RDS_SENDER }],
      [/recv/, { op: 'read', call: 'recv', file: 'receiver', consumer: 'rds' }],
    ],
  },
]

/** Operations that are no rows, and why. */
const NOT_REPLAYED = {
  'af_alg vmsplice 32K': 'fills a pipe (fs/splice.c: vmsplice_to_pipe): no consumer here; what it took is spliced next',
}

/**
 * Operations that nobody recorded and that must have been, by the operation before which they stand. The receive has all
 * its bytes in one request (`maxsize` of its first call is what the socket had): they were sent between the two.
 */
const NOT_RECORDED = {
  'af_alg skcipher readv 8x4K': { like: 'af_alg skcipher sendmsg 32768@+0' },
}

/** Operations of AF_ALG that carry pages of a pipe, and the operation that put them there. */
const SPLICED_FROM = { 'af_alg splice 32K pipe->alg': 'af_alg vmsplice 32K' }

/** Rows of a file of the recordings. */
function rowsOf(file) {
  return parse(readFileSync(join(folder, file), 'utf8'), { columns: true })
}

/** The operations of a group, in order: { name, address, length, result, calls, counts }. */
function operationsOf({ group, kernel, counts: file = 'consumers' }) {
  const mine = (row) => row.group === group
  const calls = rowsOf(`calls/kernel-${kernel}/iter-calls.csv`).filter(mine)
  const counts = rowsOf(`counts/op-counts-${file}-${kernel}.csv`)
  return rowsOf(`calls/kernel-${kernel}/ops.csv`)
    .filter(mine)
    .filter(({ op }) => op !== 'idle control')
    .map(({ op, buf, len, result }) => ({
      name: op,
      address: Number.parseInt(buf, 16),
      length: Number(len),
      result: resultOf(result, Number(len)),
      calls: calls.filter((call) => call.op === op).map(callOf),
      counts: counts.find((row) => row.op === op),
    }))
}

function callOf({ type, off, count, nseg, seg0_base, seg0_len, pages_pfn_ref_pin }) {
  return {
    type,
    offset: Number(off),
    count: Number(count),
    segments: Number(nseg),
    base: Number.parseInt(seg0_base, 16),
    length: Number(seg0_len),
    pages: pages_pfn_ref_pin.split(' ').filter(Boolean),
  }
}

function resultOf(text, length) {
  const [, bytes] = /^res=(\d+) errno=0$/.exec(text) ?? []
  if (bytes !== undefined) return Number(bytes)
  const [, errno] = /^res=-1 errno=(\d+)$/.exec(text) ?? []
  if (errno !== undefined) return -Number(errno)
  if (text === 'done=1 response=0 status=0') return length
  throw new Error(`no result: ${text}`)
}

/** Calls on memory of the program; what is made of it within the kernel is extracted again (9p). */
const userCalls = ({ calls }) => calls.filter(({ type }) => type !== 'bvec')

/** {type, segments: [address, length][]} of an operation, with every segment that its calls show. */
function memoryOf(operation, { op, call, iter }) {
  const calls = userCalls(operation)
  const [first] = calls
  if (first === undefined) {
    const { address, length } = operation
    const type = iter ?? (op === 'write' && call !== 'read' ? 'iovec' : 'ubuf')
    return { type, segments: length === 0 ? [] : [[address, length]] }
  }
  const segments = calls.filter(({ offset }) => offset === 0).map(({ base, length }) => [base, length])
  const bytes = segments.reduce((sum, [, length]) => sum + length, 0)
  if (segments.length !== first.segments || bytes !== first.count) {
    throw new Error(`${operation.name}: its calls show ${segments.length} segments, ${bytes} bytes`)
  }
  return { type: first.type, segments }
}

/** Pages of a pipe as a bvec, in the order in which they were put there. */
function pipeOf({ calls }) {
  const pages = calls.flatMap((call) => call.pages)
  return { type: 'bvec', segments: pages.map((page) => [Number.parseInt(page, 16), PAGE_BYTES]) }
}

// ---------------------------------------------------------------------------------------------------- memory

/** By page number: `anon`, `thp` or `untouched`, as the calls on it show. */
function kindsOf(operations) {
  const kinds = new Map()
  for (const operation of operations) {
    for (const call of userCalls(operation)) markPages(kinds, call)
    if (operation.calls.length === 0) markRange(kinds, operation.address, operation.length, 'anon')
  }
  return kinds
}

function markPages(kinds, { base, offset, length, pages }) {
  const frames = pages.map((page) => page.split('/')[0])
  const isHuge = pages.some((page) => page.includes('/p'))
  const isZeroPage = !isHuge && new Set(frames).size < frames.length
  if (!isHuge) {
    markRange(kinds, base, length, isZeroPage ? 'untouched' : 'anon')
    return
  }
  const block = HUGE_PAGES * PAGE_BYTES
  markRange(kinds, Math.floor((base + offset) / block) * block, Math.ceil(length / block) * block, 'thp')
}

/** What was marked before stays: a page is of one kind all through. */
function markRange(kinds, address, length, kind) {
  if (length === 0) return
  const end = Math.ceil((address + length) / PAGE_BYTES)
  for (let page = Math.floor(address / PAGE_BYTES); page < end; page++) {
    if (kinds.has(page) && kinds.get(page) !== kind) throw new Error(`page ${page} is ${kinds.get(page)} and ${kind}`)
    kinds.set(page, kind)
  }
}

/** `map` rows for pages by kind: a row for pages of one kind with gaps of a page at most. */
function mapRows(kinds) {
  const rows = []
  for (const page of [...kinds.keys()].sort((a, b) => a - b)) {
    const last = rows.at(-1)
    if (last !== undefined && last.kind === kinds.get(page) && page - last.end <= 1) last.end = page + 1
    else rows.push({ kind: kinds.get(page), start: page, end: page + 1 })
  }
  return rows.map(({ kind, start, end }) => ({
    ts: 0,
    event: 'map',
    mm: 1,
    segs: `0x${(start * PAGE_BYTES).toString(16)}+${(end - start) * PAGE_BYTES}`,
    backing: kind === 'untouched' ? 'anon' : kind,
    flags: kind === 'untouched' ? 'untouched' : '',
  }))
}

// ---------------------------------------------------------------------------------------------------- the trace

function rowOf(operation, what, memory) {
  const { type, segments } = memory
  const bytes = segments.reduce((sum, [, length]) => sum + length, 0)
  const start = (at) => `0x${at.toString(16)}${type === 'bvec' ? ':0' : ''}`
  const segs = segments.map(([at, length]) => `${start(at)}+${length}`)
  return {
    mm: 1,
    ...what,
    iter: segments.length === 0 ? '' : type,
    segs: segs.join(';'),
    len: bytes,
    result: operation.result,
    ...(what.event === 'register' ? {} : countsOf(operation)),
    x_op: operation.name.replaceAll(',', ''),
  }
}

function countsOf({ counts }) {
  return { pins_acquired: counts?.pins_acquired, pins_released: counts?.pins_released }
}

function ioRows(group, operations) {
  const named = (name) => operations.find((operation) => operation.name === name)
  const whatOf = (name) => group.rows.find(([pattern]) => pattern.test(name))[1]
  return operations.flatMap((operation) => {
    const { name } = operation
    if (Object.hasOwn(NOT_REPLAYED, name)) return []
    const what = whatOf(name)
    const pipe = SPLICED_FROM[name]
    const rows = [rowOf(operation, what, pipe === undefined ? memoryOf(operation, what) : pipeOf(named(pipe)))]
    const missing = NOT_RECORDED[name]
    if (missing === undefined) return rows
    const like = { ...named(missing.like), counts: undefined }
    return [{ ...rowOf(like, whatOf(like.name), memoryOf(like, whatOf(like.name))), x_op: '' }, ...rows]
  })
}

function textOf(group) {
  const operations = operationsOf(group)
  // What went through the pipe is no memory of the operation that carries it.
  const own = operations.filter(({ name }) => !Object.hasOwn(SPLICED_FROM, name) && !Object.hasOwn(NOT_REPLAYED, name))
  const rows = ioRows(group, operations).map((row, index) => ({ ts: (index + 1) * 1_000_000, ...row }))
  const left = operations.filter(({ name }) => Object.hasOwn(NOT_REPLAYED, name))
  const header = [
    '# pinscope-trace 1',
    `# title ${group.title}`,
    `# kernel ${group.release}`,
    '# recorder probes of the extraction functions for the segments; nr_foll_pin_* read around each operation for the counts',
    '# written-by node scripts/recorded-consumers.mjs',
    ...left.map(({ name }) => `# not-replayed ${name}: ${NOT_REPLAYED[name]}`),
  ]
  const { columns = COLUMNS } = group
  const lines = [...mapRows(kindsOf(own)), ...rows].map((row) => columns.map((column) => row[column] ?? '').join(','))
  return [...header, columns.join(','), ...lines, ''].join('\n')
}

/** Every trace, by its name: what the file must hold. */
export function recordedConsumers() {
  return new Map([...GROUPS.map((group) => [`ground-truth/${group.trace}`, textOf(group)]), ...recordedRxe()])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of recordedConsumers()) writeFileSync(join(root, 'traces', `${name}.csv`), text)
}
