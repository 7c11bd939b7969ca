import { readFileSync } from 'node:fs'
import { FOLL_WRITE, type KernelVersion, PAGE_SIZE } from '@pinscope/core'
import { replayRows, type TestRow } from '@pinscope/core/testing'
import { parse } from 'csv-parse/sync'
import { beforeAll, describe, expect, it } from 'vitest'
import { recordedConsumers } from '../../../scripts/recorded-consumers.mjs'
import { callsText } from '../../core/test/support/iter-calls.ts'
import { DEVICE_NAMES } from '../src/device/device.ts'
import { ibUmem } from '../src/ib-umem/definition.ts'
import { type PinCall, watchPins } from './support/watched-pins.ts'

// Memory registered with Soft-RoCE on running kernels: every call of pin_user_pages_fast, every release, and the kernel's
// own counters. One release is one entry of the scatterlist: contiguous pages. The trace does not tell which pages are; the
// releases of the largest registration of each buffer do, and the model gets these frames. Those of the other registrations
// are then predicted.

const RXE = { device: DEVICE_NAMES.indexOf('rxe') }
/** Far from what pages of the store have. */
const FIRST_FRAME = 0x100000

type Cells = Readonly<Record<string, string>>

/** One operation: its call that pins, or its releases. */
interface Recorded {
  readonly pins: readonly PinCall[]
  readonly releases: readonly number[]
}

function trace(version: string): string {
  return readFileSync(new URL(`../../../traces/ground-truth/rdma-${version}-rxe.csv`, import.meta.url), 'utf8')
}

function rowsOf(version: string): { readonly rows: readonly TestRow[]; readonly names: readonly string[] } {
  const lines = trace(version)
    .split('\n')
    .filter((line) => !line.startsWith('#'))
  const cells = parse<Cells>(lines.join('\n'), { columns: true })
  return {
    rows: cells.map(({ x_op: _, ...row }) => row),
    names: cells.filter(({ event }) => event !== 'map').map(({ x_op = '' }) => x_op),
  }
}

/** FOLL_LONGTERM of that kernel. */
const LONGTERM = { '6.1': 0x10000, '6.12': 0x100 } as const

function pinCall(version: '6.1' | '6.12', cells: Cells): PinCall {
  const flags = Number(cells.flags)
  // Neither FOLL_FORCE nor anything else; FOLL_PIN is in the function's name.
  expect(flags & ~FOLL_WRITE).toBe(LONGTERM[version])
  return {
    address: Number(cells.start),
    pages: Number(cells.nr),
    write: (flags & FOLL_WRITE) !== 0,
    ret: Number(cells.ret),
  }
}

/** Recorded calls, operation by operation: all of one name that follow each other are one operation. */
function recordedOf(version: '6.1' | '6.12'): Recorded[] {
  const calls = parse<Cells>(callsText(version, 'gup-calls'), { columns: true }).filter(({ group }) => group === 'rxe')
  const operations: { name: string; pins: PinCall[]; releases: number[] }[] = []
  for (const call of calls) {
    if (operations.at(-1)?.name !== call.op) operations.push({ name: call.op!, pins: [], releases: [] })
    const { pins, releases } = operations.at(-1)!
    if (call.func === 'pin_fast') pins.push(pinCall(version, call))
    else if (call.func === 'unpin_range') releases.push(Number(call.nr))
    else expect(call.func).toBe('gup_internal612')
  }
  return operations.map(({ pins, releases }) => ({ pins, releases }))
}

/** Frames of the pages of each buffer: a run for each release of its largest registration, with a gap between two runs. */
function framesOf(recorded: readonly Recorded[]): Map<number, number> {
  const frames = new Map<number, number>()
  const registrations = recorded.flatMap(({ pins }, i) =>
    pins.map((pin) => ({ ...pin, runs: recorded[i + 1]!.releases })),
  )
  let frame = FIRST_FRAME
  for (const { address, runs } of registrations.sort((a, b) => b.pages - a.pages)) {
    let page = address / PAGE_SIZE
    if (frames.has(page)) continue
    for (const run of runs) {
      for (let i = 0; i < run; i++) frames.set(page++, frame++)
      frame++
    }
  }
  return frames
}

async function replayed(version: string, kernel: KernelVersion, frames?: Map<number, number>) {
  const { rows } = rowsOf(version)
  const operations: Recorded[] = []
  let watched: ReturnType<typeof watchPins> | null = null
  const { report } = await replayRows(ibUmem, rows, {
    kernel,
    header: [
      trace(version)
        .split('\n')
        .find((line) => line.startsWith('# kernel '))!
        .slice(2),
    ],
    options: RXE,
    prepare: (lane) => {
      watched = watchPins(lane, frames === undefined ? undefined : (page) => frames.get(page))
    },
    afterRow: (_, row) => {
      const { pins, releases } = watched!
      if (rows[row - 1]?.event !== 'map') operations.push({ pins: pins.splice(0), releases: releases.splice(0) })
    },
  })
  return { operations, report }
}

const countOf = (pages: readonly number[]) => pages.reduce((sum, one) => sum + one, 0)

describe.each(['6.1', '6.12'] as const)('rxe on %s', (version) => {
  const recorded = recordedOf(version)
  const { names } = rowsOf(version)
  const made: { calls: readonly Recorded[]; report?: Awaited<ReturnType<typeof replayed>>['report'] } = { calls: [] }
  beforeAll(async () => {
    const { operations, report } = await replayed(version, version, framesOf(recorded))
    made.calls = operations
    made.report = report
  })

  it('the trace is what was recorded (else: node scripts/recorded-consumers.mjs)', () => {
    expect(trace(version)).toBe(recordedConsumers().get(`ground-truth/rdma-${version}-rxe`))
    // With `idle control`, which did nothing, eleven.
    expect(names).toHaveLength(10)
    expect(recorded).toHaveLength(10)
  })

  it.each(names.map((name, i) => [`${i + 1}: ${name}`, i] as const))('%s: the same calls', (_, i) => {
    expect(made.calls[i]).toEqual(recorded[i])
  })

  it("counts what the kernel's own counters counted, and ends with nothing held", () => {
    const { groundTruth, pins, refs, leaks, violations, dma, allocations } = made.report!
    expect(groundTruth).toMatchObject({ rows: 10, matched: 10, mismatchedTotal: 0, undeterminedTotal: 0 })
    expect(pins).toMatchObject({ acquired: 16 + 17 + 256 + 512 + 16, released: 817, open: 0, longTerm: 0, peak: 512 })
    expect([refs.acquired, leaks, violations]).toEqual([0, [], []])
    expect(dma).toMatchObject({ maps: 5, openEntries: 0 })
    expect(allocations).toMatchObject({ openBytes: 0 })
  })

  it('counts an entry for each recorded release', () => {
    const releases = recorded.reduce((sum, { releases }) => sum + releases.length, 0)
    expect(made.report!.counters).toMatchObject({
      registrations: 5,
      deregistrations: 5,
      batches: 5,
      sgEntries: releases,
      unpinCalls: releases,
      // Soft-RoCE lists every page.
      deviceEntries: 817,
      memlockPagesPeak: 512,
    })
  })

  it('the releases that were given do not contradict each other: what was predicted is part of them', () => {
    const byStart = new Map<number, number>()
    for (const { pins } of recorded)
      for (const { address } of pins) byStart.set(address, (byStart.get(address) ?? 0) + 1)
    // The small buffer is registered three times, and its frames are those of the third.
    expect([...byStart.values()]).toEqual([3, 1, 1])
  })

  it('without the frames the counts are the same, and the releases are not determined: an entry a page, but for a folio', async () => {
    const { operations, report } = await replayed(version, version)
    expect(report.groundTruth).toMatchObject({ rows: 10, matched: 10 })
    for (const [i, { pins, releases }] of operations.entries()) {
      expect(pins).toEqual(recorded[i]!.pins)
      expect(countOf(releases)).toBe(countOf(recorded[i]!.releases))
    }
    expect(operations.map(({ releases }) => releases.length).filter((calls) => calls > 0)).toEqual([16, 17, 256, 1, 16])
  })
})

// drivers/infiniband/core/umem.c: pins, merging and releases of writable memory are the same in 6.12, 7.3 and, between them, 6.18.
describe.each(['6.18', 'mainline'] as const)('the same on %s, from its source', (kernel) => {
  it('the calls are those of 6.12', async () => {
    const recorded = recordedOf('6.12')
    const { operations } = await replayed('6.12', kernel, framesOf(recorded))
    expect(operations).toEqual(recorded)
  })
})
