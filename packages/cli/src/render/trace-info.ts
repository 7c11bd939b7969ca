import type { TraceInfo } from '@pinscope/core'
import { importText } from './import-report.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, duration, grouped, wrapped } from './text.ts'

const LABEL_COLUMNS = 13
const BAR_COLUMNS = 30

/** What a trace holds, one fact a line. */
export function traceInfoText(terminal: Terminal, info: TraceInfo): string {
  const lines = facts(info).flatMap(([label, text]) => line(terminal, label, text))
  const sections = [
    [styled(terminal, 'bold', info.file), ...lines].join('\n'),
    ...(info.imported === null ? [] : [importText(terminal, info.imported)]),
    ...(info.segmentSizes.length === 0 ? [] : [segmentSizes(terminal, info)]),
    ...(Object.keys(info.attributes).length === 0 ? [] : [header(terminal, info)]),
  ]
  return `${sections.join('\n\n')}\n`
}

function facts(info: TraceInfo): [string, string][] {
  const { operations, bytes, segments } = info
  const all: [string, string | null][] = [
    ['format', formatOf(info)],
    ['layout', layoutOf(info)],
    ['recorded on', recordedOn(info)],
    ['rows', `${grouped(info.rows)} in ${duration(info.spanNs)} (${tallies(info.events)})`],
    [
      'operations',
      `${counted(info.reads, 'read')} of ${counted(bytes.read, 'byte')}, ${counted(info.writes, 'write')} of ${counted(bytes.written, 'byte')}`,
    ],
    [
      'direct',
      `${grouped(info.directOperations)} of ${grouped(operations)}, touching ${counted(info.directPages, 'page')}`,
    ],
    ['iterators', tallies(info.iterators)],
    [
      'segments',
      `${grouped(segments.total)}; an operation has ${grouped(segments.min)} to ${grouped(segments.max)}, ${rounded(segments.mean)} on average`,
    ],
    ['calls', list(info.calls)],
    ['consumers', list(info.consumers)],
    ['in flight', `at most ${grouped(info.inFlightMax)} at one time`],
    ['failed', orNull(info.errors, (count) => counted(count, 'operation'))],
    ['short', orNull(info.shortOperations, (count) => counted(count, 'operation'))],
    [
      'incomplete',
      orNull(info.neverCompleted, (count) => `${counted(count, 'operation')} without a recorded completion`),
    ],
    [
      'kernel truth',
      info.groundTruthRows === 0
        ? 'no row carries what the kernel counted'
        : `${counted(info.groundTruthRows, 'row')} with what the kernel counted`,
    ],
    ['names', `${counted(info.files, 'file')}, ${counted(info.addressSpaces, 'address space')}`],
  ]
  return all.filter((fact): fact is [string, string] => fact[1] !== null && fact[1] !== '')
}

function formatOf({ imported, format, version, textBytes }: TraceInfo): string {
  const name = imported === null ? `${format}, version ${version}` : `${format} (${imported.title})`
  return `${name}, ${counted(textBytes, 'byte')} after any decompression`
}

function layoutOf({ layout, layoutAssumed, pins }: TraceInfo): string {
  if (layoutAssumed === null) return layout
  const range = `${grouped(pins.min)} / ${grouped(Math.round(pins.expected))} / ${grouped(pins.max)}`
  return `${layout}; buffers are assumed ${layoutAssumed}: pinning every page takes min / expected / max ${range} pins`
}

function recordedOn({ kernel, filesystem, logicalBlockSizeBytes, dmaAlignmentBytes, folioOrder }: TraceInfo): string {
  return [
    kernel === null ? 'an unnamed kernel' : `kernel ${kernel}`,
    filesystem ?? 'no filesystem named: taken as a raw block device',
    ...(logicalBlockSizeBytes === null ? [] : [`logical block ${counted(logicalBlockSizeBytes, 'byte')}`]),
    ...(folioOrder === null ? [] : [`page cache in folios of ${counted(2 ** folioOrder, 'page')}`]),
    ...(dmaAlignmentBytes === null ? [] : [`DMA alignment ${counted(dmaAlignmentBytes, 'byte')}`]),
  ].join(', ')
}

function line(terminal: Terminal, label: string, text: string): string[] {
  return [wrapped(`  ${label.padEnd(LABEL_COLUMNS)} ${text}`, terminal.columns, ' '.repeat(LABEL_COLUMNS + 3))]
}

function segmentSizes(terminal: Terminal, { segmentSizes: buckets, segments }: TraceInfo): string {
  const most = Math.max(...buckets.map((bucket) => bucket.segments))
  const figures = buckets.map(({ fromBytes, toBytes, segments: count }) => ({
    range: fromBytes === toBytes ? grouped(fromBytes) : `${grouped(fromBytes)} to ${grouped(toBytes)}`,
    count: grouped(count),
    bar: (terminal.unicode ? '█' : '#').repeat(Math.max(1, Math.round((count / most) * BAR_COLUMNS))),
  }))
  const rangeWidth = Math.max(...figures.map(({ range }) => range.length))
  const countWidth = Math.max(...figures.map(({ count }) => count.length))
  const rows = figures.map(
    ({ range, count, bar }) => `  ${range.padStart(rangeWidth)}  ${count.padStart(countWidth)}  ${bar}`,
  )
  return [styled(terminal, 'bold', `lengths of the ${counted(segments.total, 'segment')}, bytes`), ...rows].join('\n')
}

function header(terminal: Terminal, { attributes }: TraceInfo): string {
  const rows = Object.entries(attributes).map(([key, value]) =>
    wrapped(`  # ${key} ${value}`, terminal.columns, '      '),
  )
  return [styled(terminal, 'bold', 'header'), ...rows].join('\n')
}

const SHOWN_NAMES = 8

function list(names: readonly string[]): string {
  const rest = names.length - SHOWN_NAMES
  return rest > 0 ? `${names.slice(0, SHOWN_NAMES).join(', ')} and ${grouped(rest)} more` : names.join(', ')
}

const tallies = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${grouped(count)} ${name}`)
    .join(', ')

const orNull = (count: number, text: (count: number) => string): string | null => (count === 0 ? null : text(count))

const rounded = (mean: number): string => String(Number(mean.toFixed(2)))
