// Writes docs/op-classes.md: every class of operation that a real kernel was measured with, what the kernel counted, and
// what the model counts for it. The model never sees the kernel's figures here: they are replaced before replaying.
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openTrace, Registry, replay } from '../packages/core/dist/index.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'traces/ground-truth')
/** No kernel counts this many: the model's own figure comes back as a mismatch, for every row. */
const IMPOSSIBLE = 2 ** 30

const LATER = [
  [
    /^btrfs .*DIO|^btrfs libaio|^btrfs io_uring (READV|WRITEV|READ_FIXED|WRITE_FIXED)|^btrfs splice/,
    'btrfs direct I/O',
  ],
  [/TCP|UDP|sendfile/, 'sockets'],
  [/vmsplice/, 'vmsplice'],
  [/process_vm|\/proc\/self\/mem/, 'process_vm and /proc/pid/mem'],
  [/AF_XDP/, 'AF_XDP'],
]

/** Class name as the traces' x_class column has it. */
const plain = (name) => name.replaceAll(',', '')

/** Rows of a trace: { class, filesystem, line }. Plain splitting will do: no cell of these files has a comma. */
function rowsOf(file) {
  const lines = readFileSync(join(folder, file), 'utf8').split('\n')
  const start = lines.findIndex((line) => !line.startsWith('#'))
  const columns = lines[start].split(',')
  const cell = (cells, name) => cells[columns.indexOf(name)] ?? ''
  return lines
    .slice(start + 1)
    .filter(Boolean)
    .map((line) => {
      const cells = line.split(',')
      return { class: cell(cells, 'x_class'), filesystem: cell(cells, 'x_filesystem') }
    })
}

/** The model's figures by row number: { acquired, released }. */
async function modelled(file) {
  const trace = await openTrace(createReadStream(join(folder, file)), file)
  const blind = {
    ...trace,
    header: trace.header,
    get bytesRead() {
      return trace.bytesRead
    },
    async *batches() {
      for await (const batch of trace.batches()) {
        batch.pinsAcquired.fill(IMPOSSIBLE, 0, batch.length)
        batch.pinsReleased.fill(IMPOSSIBLE, 0, batch.length)
        yield batch
      }
    },
  }
  for (const name of ['files', 'calls', 'ids', 'consumers']) blind[name] = trace[name]
  const options = {
    registry: new Registry(),
    policies: null,
    consumers: null,
    kernel: '6.18',
    consumerOptions: {},
    inFlight: false,
  }
  const report = await replay(blind, options)
  const figures = new Map()
  for (const lane of report.lanes) {
    for (const { row, got, gotReleased } of lane.groundTruth.mismatched) {
      figures.set(row, { acquired: got, released: gotReleased })
    }
  }
  return figures
}

/** By "filesystem class": the model's figures. */
export async function modelByClass() {
  const byClass = new Map()
  for (const filesystem of ['ext4', 'xfs', 'blockdev', 'buffered']) {
    const file = `op-classes-${filesystem}.csv`
    const figures = await modelled(file)
    rowsOf(file).forEach((row, index) => {
      const figure = figures.get(index + 1)
      if (row.class === '' || figure === undefined) return
      byClass.set(`${row.filesystem || (filesystem === 'buffered' ? 'tmpfs' : filesystem)} ${row.class}`, figure)
    })
  }
  return byClass
}

/** The page, from the kernel's table and the model's figures. */
export async function opClassesMarkdown() {
  const [, ...lines] = readFileSync(join(folder, 'counts/op-classes-6.18.csv'), 'utf8').trim().split('\n')
  const model = await modelByClass()
  let modelledClasses = 0
  let equal = 0
  const rows = lines.map((line) => {
    const cells = line.split(',')
    const [filesystem, name, result] = [cells[0], cells.slice(1, -4).join(','), cells.at(-4)]
    const [acquired, released, range] = [cells.at(-3), cells.at(-2), cells.at(-1)]
    const figure = model.get(`${filesystem} ${plain(name)}`)
    const kernel = `${acquired} / ${released}`
    if (figure === undefined) {
      const why = LATER.find(([pattern]) => pattern.test(`${filesystem} ${name}`))?.[1] ?? 'no trace yet'
      return `| ${filesystem} | ${name} | ${result} | ${kernel} | ${range} | later: ${why} |`
    }
    modelledClasses++
    const same = figure.acquired === Number(acquired) && figure.released === Number(released)
    if (same) equal++
    return `| ${filesystem} | ${name} | ${result} | ${kernel} | ${range} | ${figure.acquired} / ${figure.released}${same ? '' : ' **differs**'} |`
  })
  return `# Classes of operations, counted by a kernel and by the model

Linux 6.18 on x86-64. One operation of each class; pins are \`nr_foll_pin_acquired\` / \`nr_foll_pin_released\` of
/proc/vmstat around it, the same in seven runs except where "least..most" (of the pins taken) says otherwise. The model's
figures come from replaying \`traces/ground-truth/op-classes-*.csv\` with \`--kernel 6.18\` (tmpfs and btrfs: buffered
I/O and registered buffers only).

${modelledClasses} of ${lines.length} classes are modelled, and ${equal} of those agree. The others wait for their
consumers. This page is written by \`node scripts/op-classes.mjs\`, and a test holds it up to date.

| file system | class | result | kernel, taken / dropped | least..most | model, taken / dropped |
|---|---|---|---|---|---|
${rows.join('\n')}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, 'docs/op-classes.md'), await opClassesMarkdown())
}
