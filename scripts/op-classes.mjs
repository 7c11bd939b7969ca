// Writes docs/op-classes.md: every class of operation that a real kernel was measured with, what the kernel counted, and
// what the model counts for it. The model never sees the kernel's figures here: they are replaced before replaying.
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openTrace, Registry, replay } from '../packages/core/dist/index.js'
import registerFs from '../packages/plugin-fs/dist/register.js'
import registerNet from '../packages/plugin-net/dist/register.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'traces/ground-truth')
/** No kernel counts this many: the model's own figure comes back as a mismatch, for every row. */
const IMPOSSIBLE = 2 ** 30

/** Traces of a kind, `op-classes-KIND.csv`, and the file system that the kernel's table names for it. */
const TRACES = [
  ['ext4', 'ext4'],
  ['xfs', 'xfs'],
  ['btrfs', 'btrfs'],
  ['blockdev', 'blockdev'],
  ['buffered', 'tmpfs'],
  ['net', 'ext4'],
  ['net-udp', 'ext4'],
  ['pipe', 'ext4'],
  ['process-vm', 'ext4'],
]

/** Class name as the traces' x_class column has it. */
const plain = (name) => name.replaceAll(',', '')

/** Class of each row of a trace, '' where it has none. Plain splitting will do: no cell of these files has a comma. */
function classesOf(file) {
  const lines = readFileSync(join(folder, file), 'utf8').split('\n')
  const start = lines.findIndex((line) => !line.startsWith('#'))
  const column = lines[start].split(',').indexOf('x_class')
  const rows = lines.slice(start + 1).filter(Boolean)
  return rows.map((line) => line.split(',')[column] ?? '')
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
  const registry = new Registry()
  registry.register('@pinscope/plugin-net', await registerNet())
  registry.register('@pinscope/plugin-fs', await registerFs())
  const options = {
    registry,
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
  for (const [kind, filesystem] of TRACES) {
    const file = `op-classes-${kind}.csv`
    const figures = await modelled(file)
    classesOf(file).forEach((name, index) => {
      const figure = figures.get(index + 1)
      if (name !== '' && figure !== undefined) byClass.set(`${filesystem} ${name}`, figure)
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
      return `| ${filesystem} | ${name} | ${result} | ${kernel} | ${range} | no trace |`
    }
    modelledClasses++
    const same = figure.acquired === Number(acquired) && figure.released === Number(released)
    if (same) equal++
    return `| ${filesystem} | ${name} | ${result} | ${kernel} | ${range} | ${figure.acquired} / ${figure.released}${same ? '' : ' **differs**'} |`
  })
  return `# Classes of operations, counted by a kernel and by the model

Linux 6.18 on x86-64. One operation of each class; pins are \`nr_foll_pin_acquired\` / \`nr_foll_pin_released\` of
/proc/vmstat around it, the same in seven runs except where "least..most" (of the pins taken) says otherwise. The model's
figures come from replaying \`traces/ground-truth/op-classes-*.csv\` with \`--kernel 6.18\`.

${modelledClasses} of ${lines.length} classes are modelled, and ${equal} of those agree. This page is written by
\`node scripts/op-classes.mjs\`, and a test holds it up to date.

One class has a range: a direct read on btrfs into a private file mapping took 0 to 16 pins in its seven runs. Faults are
disabled while its pages are extracted. Where none is there yet nothing is pinned, the page cache serves the read, and
copying makes the pages the process's own; from then on they are there and are pinned. The trace has the read twice, and the
model counts 0 / 0 and then 16 / 16; the table shows the second.

| file system | class | result | kernel, taken / dropped | least..most | model, taken / dropped |
|---|---|---|---|---|---|
${rows.join('\n')}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, 'docs/op-classes.md'), await opClassesMarkdown())
}
