// Fills in the generated parts of docs/consumers/*.md: what the code itself knows of each consumer of a plugin, and what it
// takes of each type of iterator. `<!-- generated: PART NAME -->` … `<!-- end -->`; the prose around them is written by hand.
// `PART NAME like OTHER`: only what differs from another consumer.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { KERNEL_ITER_TYPE_NAMES, KERNEL_VERSIONS, QUIRKS, Registry } from '../packages/core/dist/index.js'
import { PRESETS } from '../packages/plugin-rdma/dist/index.js'
import { CASES, CORE_CASES } from './consumer-cases.mjs'
import { ownershipRows } from './consumer-ownership.mjs'
import { DIFFERENCES } from './ownership-differences.mjs'
import { comparedCells, listedFor } from './ownership-reference.mjs'
import { withOutputs } from './readme-output.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
export const FOLDER = `${root}docs/consumers/`

/** The collection of bugs has a page of its own: docs/bugs.md. */
const OTHERS = ['plugin-bugs']

/** Every consumer that a plugin of this repository brings, in order: { definition, packageName }. */
export async function pluginConsumers() {
  const found = []
  const folders = readdirSync(`${root}packages`).filter((name) => name.startsWith('plugin-') && !OTHERS.includes(name))
  for (const folder of folders) {
    const { name } = JSON.parse(readFileSync(`${root}packages/${folder}/package.json`, 'utf8'))
    const { default: register } = await import(pathToFileURL(`${root}packages/${folder}/dist/register.js`).href)
    for (const definition of (await register()).consumers) found.push({ definition, packageName: name })
  }
  return found
}

/** Rows of the ownership table by consumer: those given, and the library's own that it is compared with. */
export async function rowsByConsumer(consumers) {
  const registry = new Registry()
  const own = Object.keys(CORE_CASES).map((name) => registry.find(name))
  const rows = new Map()
  for (const { definition } of [...consumers, ...own]) rows.set(definition.name, await ownershipRows(definition))
  return rows
}

/** Names of the pages, README.md first. */
export function pageNames() {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.md'))
    .sort((a, b) => Number(b === 'README.md') - Number(a === 'README.md') || a.localeCompare(b))
}

export const readPage = (name) => readFileSync(`${FOLDER}${name}`, 'utf8')

/** Names of the consumers that a page is about. */
export function consumersOf(text) {
  return [...text.matchAll(/<!-- generated: about (\S+) -->/g)].map(([, name]) => name)
}

const cell = (text) => String(text).replaceAll('|', '\\|')

function table(head, rows) {
  const line = (cells) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** `6.1: get-pages; 6.12, 6.18, mainline: extract`. */
function byVersion(textOf) {
  const groups = new Map()
  for (const version of KERNEL_VERSIONS) {
    const value = textOf(version)
    groups.set(value, [...(groups.get(value) ?? []), version])
  }
  if (groups.size === 1) return [...groups.keys()][0]
  return [...groups].map(([value, versions]) => `${versions.join(', ')}: ${value}`).join('; ')
}

const grouped = (number) => number.toLocaleString('en-US')

const PARTS = {
  about: ({ definition: { name, summary, kernel, accepts, entriesMax, kernelPolicy }, packageName }) =>
    table(
      ['', ''],
      [
        ['name', `\`${name}\`, of \`${packageName}\``],
        ['what it is', summary],
        ['kernel', kernel],
        ['iterators', accepts.join(' ')],
        ['longest list', entriesMax === 0x7fffffff ? 'no limit' : `${grouped(entriesMax)} entries`],
        ['policy of the kernel', byVersion((version) => `\`${kernelPolicy(version)}\``)],
      ],
    ),
  takes: async (consumer) => takesTable(await ownershipRows(consumer.definition)),
  options: (consumer, like) =>
    declared(consumer, like, 'options', 'None.', ['option', 'what it is', 'default', 'from', 'to'], optionCells),
  limits: (consumer, like) =>
    declared(consumer, like, 'limits', 'None of its own.', ['limit', 'most', 'of what', 'kernel'], limitCells),
  avoided: ({ definition: { avoided } }) => avoided,
  counters: (consumer, like) =>
    declared(consumer, like, 'counters', 'None.', ['counter', 'what it counts'], counterCells),
}

/**
 * A table of what a consumer declares. Of one that is `like` another: what that one has not, or has otherwise, and the names
 * of what it has not itself.
 */
function declared({ definition }, like, part, none, head, cellsOf) {
  const own = definition[part] ?? []
  const rows = (some) =>
    table(
      head,
      some.map((one) => cellsOf(one, definition.name)),
    )
  if (like === undefined) return own.length === 0 ? none : rows(own)
  const others = like.definition[part] ?? []
  const isIn = (some, one) => some.some((other) => JSON.stringify(other) === JSON.stringify(one))
  const further = own.filter((one) => !isIn(others, one))
  const without = others.filter(({ name }) => !own.some((one) => one.name === name))
  const less = without.length === 0 ? '' : `, without ${without.map(({ name }) => `\`${name}\``).join(', ')}`
  const as = `As \`${like.definition.name}\` has them${less}`
  return further.length === 0 ? `${as}.` : `${as}; and:\n\n${rows(further)}`
}

function optionCells({ name, summary, unit, words, header, powerOfTwo, ...of }, consumer) {
  const value = (number) => words?.[number] ?? grouped(number)
  const what = unit === '' ? summary : `${summary} (${unit})`
  return [
    `\`-O ${consumer}.${name}=${words === undefined ? 'N' : 'WORD'}\``,
    `${what}${powerOfTwo ? '; a power of two' : ''}${header === null ? '' : `; header \`# ${header}\``}`,
    value(of.default),
    value(of.min),
    value(of.max),
  ]
}

const limitCells = ({ name, max, unit, summary, kernel }) => [`\`${name}\``, `${grouped(max)} ${unit}`, summary, kernel]

const counterCells = ({ name, summary }) => [`\`${name}\``, summary]

const TYPES = KERNEL_ITER_TYPE_NAMES

/** A version that does not have a type says nothing of it: 6.1 has no folio queues, and pipes only 6.1. */
const isMissing = (kernel, type) => (type === 'folioq' ? kernel === '6.1' : type === 'pipe' && kernel !== '6.1')

/** What both rows say, where what one of them says nothing of is the other's; null where they differ. */
function merged(one, other) {
  const cells = { ...one.cells }
  for (const type of TYPES) {
    if (isMissing(other.kernel, type)) continue
    if (one.versions.every((kernel) => isMissing(kernel, type))) cells[type] = other.cells[type]
    else if (cells[type] !== other.cells[type]) return null
  }
  return { ...one, versions: [...one.versions, other.kernel], cells }
}

/** Rows of consumers; versions that do the same share one. `heads`: columns before the usual ones. */
function takesTable(rows, heads = []) {
  const shown = []
  for (const row of rows) {
    const at = shown.findIndex(
      (other) => [...heads, 'name'].every((key) => other[key] === row[key]) && merged(other, row) !== null,
    )
    if (at === -1) shown.push({ ...row, versions: [row.kernel] })
    else shown[at] = merged(shown[at], row)
  }
  return table(
    [...heads, 'operation', 'kernel', ...TYPES],
    shown.map((row) => [
      ...heads.map((key) => row[key]),
      row.name,
      row.versions.length === KERNEL_VERSIONS.length ? 'all' : row.versions.join(' '),
      ...TYPES.map((type) => row.cells[type]),
    ]),
  )
}

function quirksTable(names) {
  return table(
    ['quirk', 'has it', 'what a kernel with it does', 'what the model does without'],
    names.map((name) => {
      const quirk = QUIRKS.find((one) => one.name === name)
      if (quirk === undefined) throw new Error(`there is no quirk ${name}`)
      return [`\`${name}\``, quirk.versions.join(' ') || 'none', `${quirk.summary} (${quirk.source})`, quirk.without]
    }),
  )
}

function indexTable(consumers) {
  const pages = pageNames().map((page) => ({ page, names: consumersOf(readPage(page)) }))
  return table(
    ['consumer', 'what it is'],
    consumers.map(({ definition: { name, summary } }) => {
      const page = pages.find(({ names }) => names.includes(name))?.page
      return [page === undefined ? `\`${name}\`` : `[${name}](${page})`, summary]
    }),
  )
}

/** Presets of RDMA devices, a row each. */
function devicesTable() {
  const yesNo = (is) => (is ? 'yes' : 'no')
  return table(
    [
      'device',
      'send entries',
      'read entries',
      'inline',
      'pages of a registration',
      'read without MR',
      'entry',
      'gaps',
      'iWARP',
    ],
    Object.entries(PRESETS).map(([name, device]) => [
      name,
      device.maxSendSge,
      device.maxSgeRd,
      `${device.maxSendInlineBytes} bytes`,
      grouped(device.maxFastRegPages),
      device.maxSglRd === 0 ? 'any' : `${device.maxSglRd} entries`,
      `${grouped(device.maxSegmentBytes)} bytes`,
      yesNo(device.hasSgGaps),
      yesNo(device.isIwarp),
    ]),
  )
}

async function ownershipTable(consumers) {
  const rows = []
  for (const { definition } of consumers) {
    for (const row of await ownershipRows(definition)) rows.push({ consumer: definition.name, ...row })
  }
  return takesTable(rows, ['consumer'])
}

async function differencesTable(consumers) {
  const rows = await rowsByConsumer(consumers)
  const cells = comparedCells((name) => rows.get(name))
  return table(
    ['consumer', 'kernel', 'specified', 'does', 'why'],
    DIFFERENCES.map((difference) => {
      const columns = Object.entries(difference.columns)
      const saysOf = (column) => cells.find((one) => listedFor(one) === difference && one.column === column)?.says
      return [
        difference.name,
        difference.kernels.length === KERNEL_VERSIONS.length ? 'all' : difference.kernels.join(' '),
        columns.map(([column]) => `${column}: ${saysOf(column)}`).join('; '),
        columns.map(([column, does]) => `${column}: ${does}`).join('; '),
        difference.why,
      ]
    }),
  )
}

async function part(consumers, name, argument) {
  if (name === 'devices') return devicesTable()
  if (name === 'differences') return differencesTable(consumers)
  if (name === 'index') return indexTable(consumers)
  if (name === 'ownership') return ownershipTable(consumers)
  if (name === 'quirks') return quirksTable(argument.split(' '))
  if (PARTS[name] === undefined) throw new Error(`there is no part "${name}"`)
  const [consumer, like] = argument.split(' like ').map((one) => find(consumers, one))
  return PARTS[name](consumer, like)
}

function find(consumers, name) {
  const consumer = consumers.find(({ definition }) => definition.name === name)
  if (consumer === undefined) throw new Error(`there is no consumer "${name}"`)
  return consumer
}

/** A page with its generated parts as they are today. */
export async function withParts(text, consumers) {
  const pattern = /<!-- generated: (\S+) ?(.*?) -->\n[\s\S]*?<!-- end -->/g
  let result = ''
  let end = 0
  for (const match of text.matchAll(pattern)) {
    const [whole, name, argument] = match
    const marker = whole.slice(0, whole.indexOf('-->') + 3)
    result += `${text.slice(end, match.index)}${marker}\n${await part(consumers, name, argument)}\n<!-- end -->`
    end = match.index + whole.length
  }
  return withOutputs(result + text.slice(end))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const consumers = await pluginConsumers()
  for (const name of pageNames()) writeFileSync(`${FOLDER}${name}`, await withParts(readPage(name), consumers))
  const without = consumers.filter(({ definition }) => CASES[definition.name] === undefined)
  for (const { definition } of without) console.error(`${definition.name} has no entry in scripts/consumer-cases.mjs`)
}
