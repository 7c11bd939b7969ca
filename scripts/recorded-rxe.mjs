// Makes traces/ground-truth/rdma-*-rxe.csv: memory that a program registered with Soft-RoCE and let go of again, on running
// kernels, out of
//
//   traces/ground-truth/calls/kernel-V/ops.csv         what was done, in order: address, length
//   traces/ground-truth/counts/op-counts-rxe-V.csv     what the kernel itself counted, in the same order
//
// Part of recorded-consumers.mjs, which writes the files. What is decided here, and why:
//
// Rows      ibv_reg_mr is a `register` row and ibv_dereg_mr an `unregister` row. Registrations were let go of one by one: the
//           pair has a name, mr1 to mr5. `idle control` did nothing and has no row.
// Results   None: the recorded ones are lengths of commands of the uverbs interface (48 and 12 bytes).
// Memory    What the operations' names say: THP is a huge page, untouched memory nobody had touched before it was registered,
//           and the rest small pages. Which of these are contiguous a trace does not tell; the recorded releases do
//           (calls/kernel-V/gup-calls.csv, unpin_range), and the test gives them to the model.
// Time      Made up: one operation a millisecond.
import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'

const FOLDER = new URL('../traces/ground-truth/', import.meta.url)
const PAGE_BYTES = 4096
const COLUMNS = [
  ...[
    'ts',
    'event',
    'id',
    'mm',
    'call',
    'segs',
    'backing',
    'flags',
    'consumer',
    'pins_acquired',
    'pins_released',
    'x_op',
  ],
]

const RECORDINGS = [
  { kernel: '6.1', release: '6.1.192' },
  { kernel: '6.12', release: '6.12.95' },
]

const rowsOf = (file) => parse(readFileSync(new URL(file, FOLDER), 'utf8'), { columns: true })
const segment = (address, bytes) => `0x${address.toString(16)}+${bytes}`

/** The operations, in order: { name, address, length, counts }. */
function operationsOf(kernel) {
  const operations = rowsOf(`calls/kernel-${kernel}/ops.csv`).filter(
    ({ group, op }) => group === 'rxe' && op !== 'idle control',
  )
  const counts = rowsOf(`counts/op-counts-rxe-${kernel}.csv`)
  return operations.map(({ op, buf, len }, i) => {
    if (counts[i]?.op !== op) throw new Error(`${op}: no counts of it in their place`)
    return { name: op, address: Number.parseInt(buf, 16), length: Number(len), counts: counts[i] }
  })
}

/** A `map` row for each kind of memory: from its first page to its last. */
function mapRows(operations) {
  const kinds = new Map()
  for (const { name, address, length } of operations.filter((one) => one.name.includes(' reg_mr'))) {
    const kind = name.includes('THP') ? 'thp' : name.includes('untouched') ? 'untouched' : 'anon'
    const start = Math.floor(address / PAGE_BYTES) * PAGE_BYTES
    const end = Math.ceil((address + length) / PAGE_BYTES) * PAGE_BYTES
    const [from, to] = kinds.get(kind) ?? [start, end]
    kinds.set(kind, [Math.min(from, start), Math.max(to, end)])
  }
  return [...kinds].map(([kind, [start, end]]) => ({
    ts: 0,
    event: 'map',
    mm: 1,
    segs: segment(start, end - start),
    backing: kind === 'thp' ? 'thp' : 'anon',
    flags: kind === 'untouched' ? 'untouched' : '',
  }))
}

function registrationRow({ name, address, length, counts }, index) {
  const isRegister = name.includes(' reg_mr')
  return {
    ts: (index + 1) * 1_000_000,
    event: isRegister ? 'register' : 'unregister',
    id: `mr${Math.floor(index / 2) + 1}`,
    mm: 1,
    call: isRegister ? 'ibv_reg_mr' : 'ibv_dereg_mr',
    segs: isRegister ? segment(address, length) : '',
    consumer: 'ib-umem',
    pins_acquired: counts.pins_acquired,
    pins_released: counts.pins_released,
    x_op: name,
  }
}

function textOf({ kernel, release }) {
  const operations = operationsOf(kernel)
  const rows = [...mapRows(operations), ...operations.map(registrationRow)]
  const header = [
    '# pinscope-trace 1',
    '# title Memory registered with Soft-RoCE (rxe): ibv_reg_mr, ibv_dereg_mr',
    `# kernel ${release}`,
    '# recorder probes of mm/gup.c for the calls; nr_foll_pin_* read around each operation for the counts',
    '# written-by node scripts/recorded-consumers.mjs',
  ]
  const lines = rows.map((row) => COLUMNS.map((column) => row[column] ?? '').join(','))
  return [...header, COLUMNS.join(','), ...lines, ''].join('\n')
}

/** Name and text of each trace. */
export function recordedRxe() {
  return RECORDINGS.map((recording) => [`ground-truth/rdma-${recording.kernel}-rxe`, textOf(recording)])
}
