import type { ConsumerDefinition } from '@pinscope/core'
import { replayRows, type TestRow } from '@pinscope/core/testing'
import { type Figures, type IterName, type Row, run, type Setup, STEP, type Twin, type World } from './slow-common.ts'

/** The figures of the consumer itself. */
export async function fast(definition: ConsumerDefinition, rows: readonly Row[], setup: Setup): Promise<Figures> {
  const { report, results, lane } = await replayRows(definition, rows.map(testRow), {
    kernel: setup.version,
    policy: setup.policy,
    options: setup.options,
    quirks: Object.entries(setup.quirks).map(([name, on]) => ({ name, on })),
  })
  const { operations, errors, bytes, pins, refs, bare, data, entries, allocations, dma, avoided } = report
  const { length } = lane.pages
  const heads = Array.from({ length }, (_, row) => row).filter((row) => lane.pages.headOf(row) === row)
  const counts = heads.map((head) => lane.pages.refcountOf(head)).filter((count) => count > 1)
  return {
    results,
    operations,
    errors,
    bytes,
    pins: without(pins),
    refs: without(refs),
    barePages: bare.pages,
    data,
    entries,
    openAllocations: allocations === undefined ? 0 : allocations.made - allocations.freed,
    refcounts: counts.sort((a, b) => a - b),
    whole: {
      dma: { ...(dma ?? NOTHING_MAPPED), longTermEntries: dma?.longTermEntries ?? 0 },
      avoided,
      allocations: { made: allocations?.made ?? 0, freed: allocations?.freed ?? 0 },
      violations: report.violations.map(({ rule }) => rule),
      counters: report.counters,
    },
  }
}

const NOTHING_MAPPED = {
  maps: 0,
  mappedEntries: 0,
  unmappedEntries: 0,
  openEntries: 0,
  peakEntries: 0,
  longTermEntries: 0,
}

/** The figures of its twin. */
export function slow(
  { accepts }: ConsumerDefinition,
  make: (world: World) => Twin,
  rows: readonly Row[],
  setup: Setup,
): Figures {
  return run(rows, setup, make, accepts)
}

function without({ acquired, released, open, peak }: Figures['pins']): Figures['pins'] {
  return { acquired, released, open, peak }
}

/** A row as a trace has it. */
function testRow(row: Row, index: number): TestRow {
  const ts = index * STEP
  if (row.event === 'map') {
    const flags = { none: 'prot_none', read: 'prot_read', write: '' }[row.access ?? 'write']
    return {
      ts,
      event: 'map',
      backing: row.isHuge === true ? 'thp' : 'anon',
      segs: row.segs.map((seg) => segment('ubuf', seg)).join(';'),
      flags,
    }
  }
  const { iter = 'ubuf', end } = row
  if (row.event !== undefined && row.event !== 'register' && row.event !== 'unregister') {
    const segs = row.segs.map((seg) => segment(iter, seg)).join(';')
    const file = row.file === undefined ? {} : { file: row.file }
    const offset = row.offset === undefined ? {} : { offset: row.offset }
    const len = row.len === undefined ? {} : { len: row.len }
    return { ts, event: row.event, ...(segs === '' ? {} : { iter, segs }), ...file, ...offset, ...len }
  }
  if (row.event !== undefined) {
    const flags = row.flags === undefined ? {} : { flags: row.flags.join(' ') }
    return {
      ts,
      event: row.event,
      id: row.id!,
      iter,
      segs: row.segs.map((seg) => segment(iter, seg)).join(';'),
      ...flags,
    }
  }
  return {
    ts,
    ...(row.id === undefined ? {} : { id: row.id }),
    op: row.op ?? 'read',
    iter,
    segs: iter === 'discard' ? '' : row.segs.map((seg) => segment(iter, seg)).join(';'),
    ...(row.flags === undefined ? {} : { flags: row.flags.join(' ') }),
    ...(row.file === undefined ? {} : { file: row.file }),
    ...(end === undefined ? {} : { end: end === 'never' ? 'never' : ts + end }),
    ...(row.result === undefined ? {} : { result: row.result }),
    ...(row.len === undefined ? {} : { len: row.len }),
    ...(row.offset === undefined ? {} : { offset: row.offset }),
  }
}

function segment(iter: IterName, seg: readonly number[]): string {
  const [base, middle] = seg as [number, number]
  const length = seg.at(-1)!
  if (iter === 'bvec' || (iter === 'mixed' && seg.length === 3)) return `${base}:${middle}+${length}`
  if (iter === 'xarray' || iter === 'folioq') return `f${middle}:${base}+${length}`
  return `0x${base.toString(16)}+${length}`
}
