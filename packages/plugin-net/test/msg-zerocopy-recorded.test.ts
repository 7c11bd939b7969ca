import { readFileSync } from 'node:fs'
import { CONSUMER_API_VERSION, type KernelVersion, type LaneReport, type PluginRegistration } from '@pinscope/core'
import { parse } from 'csv-parse/sync'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { ExtractModule } from '../../core/test/support/extract-watch.ts'
import {
  type ComparedOperation,
  Frames,
  joinReleases,
  kernelCall,
  kernelGup,
  kernelPins,
  modelCall,
  modelGup,
  operationNames,
  type RecordedTrace,
  recordedText,
  replayRecorded,
} from '../../core/test/support/recorded-consumers.ts'
import { msgZerocopy } from '../src/msg-zerocopy/definition.ts'

// What running kernels did when sockets sent: every call of iov_iter_get_pages2 with its arguments, its answer and the live
// counts of its pages, the calls of mm/gup.c under it, and the kernel's own counters.

vi.mock('../../core/dist/extract/extract-pages.js', async (original) => {
  const { watchedModule } = await import('../../core/test/support/extract-watch.ts')
  return watchedModule(await original<ExtractModule>())
})

const registration: PluginRegistration = { apiVersion: CONSUMER_API_VERSION, consumers: [msgZerocopy] }

const recorded = (trace: string, version: KernelVersion): RecordedTrace => ({
  trace: `ground-truth/${trace}`,
  version,
  group: 'net',
})
/** Trace, version, and the recorded calls of its operations. */
const TRACES: readonly (readonly [string, KernelVersion, number])[] = [
  ['net-6.1-tcp', '6.1', 4],
  ['net-6.1-tcp-open-window', '6.1', 2],
  ['net-6.1-vsock', '6.1', 0],
  ['net-6.12-tcp', '6.12', 2],
  ['net-6.12-tcp-open-window', '6.12', 4],
  ['net-6.12-vsock', '6.12', 1],
]

interface Replayed {
  readonly operations: readonly ComparedOperation[]
  readonly lanes: readonly LaneReport[]
}

/** A replay that is made once, when its first test runs. */
function replayOf(trace: RecordedTrace, options: { kernel?: KernelVersion; policy?: string } = {}) {
  const made: { replay?: Replayed } = {}
  beforeAll(async () => {
    made.replay = await replayRecorded(trace, { registration, ...options })
  })
  return () => made.replay!
}

const modelled = ({ recorded, made }: ComparedOperation, frames: Frames) =>
  made.calls.map((call, at) => modelCall(call, recorded?.iter[at], frames))

describe.each(TRACES)('traces/ground-truth/%s.csv', (name, version, calls) => {
  const trace = recorded(name, version)
  const replayed = replayOf(trace)
  const frames = new Frames()

  it.each(operationNames(trace.trace).map((op, i) => [op, i] as const))('%s', (_op, i) => {
    const operation = replayed().operations[i]!
    const { made } = operation
    const kernel = operation.recorded!
    expect(made.result).toBe(made.recordedResult)
    expect(modelled(operation, frames)).toEqual(kernel.iter.map(kernelCall))
    expect(modelGup(made)).toEqual(kernelGup(kernel))
    expect(joinReleases(made.pins)).toEqual(kernelPins(kernel))
    expect(made.heldAfter).toEqual([])
  })

  it("makes as many calls as were recorded, and counts what the kernel's own counters counted", () => {
    const { operations, lanes } = replayed()
    expect(operations.reduce((sum, { made }) => sum + made.calls.length, 0)).toBe(calls)
    for (const { groundTruth, pins, refs, leaks, violations } of lanes) {
      expect(groundTruth).toMatchObject({ rows: operations.length, matched: operations.length, mismatched: [] })
      expect([pins.acquired, pins.open, refs.open, leaks, violations]).toEqual([0, 0, 0, [], []])
    }
  })

  it('counts otherwise under extract: the counts tell', async () => {
    const { operations } = await replayRecorded(trace, { registration, policy: 'extract' })
    expect(operations.flatMap(({ recorded }) => recorded!.iter)).toHaveLength(calls)
    for (const operation of operations.filter(({ recorded }) => recorded!.iter.length > 0)) {
      const pages = modelled(operation, new Frames()).flatMap((call) => call.pages)
      expect(pages).not.toEqual(operation.recorded!.iter.flatMap((call) => kernelCall(call).pages))
    }
  })
})

// zerocopy_fill_skb_from_iter asks for MAX_SKB_FRAGS less what there is, as far as the size goal goes, in 7.3.4 as in 6.12.
describe.each(['6.18', 'mainline'] as const)('%s makes the calls that 6.12 made', (kernel) => {
  it.each(TRACES.filter(([, version]) => version === '6.12').map(([name]) => [name] as const))('%s', async (name) => {
    const { operations } = await replayRecorded(recorded(name, '6.12'), { registration, kernel })
    const frames = new Frames()
    for (const operation of operations) {
      expect(modelled(operation, frames)).toEqual(operation.recorded!.iter.map(kernelCall))
      expect(operation.made.heldAfter).toEqual([])
    }
  })
})

describe('the operations are those of the recordings', () => {
  it.each(['6.1', '6.12'] as const)(
    '%s: every one on a socket, with the result and the counts of the kernel',
    (version) => {
      const rows = (file: string) =>
        parse<Record<string, string>>(readFileSync(new URL(`../../../traces/ground-truth/${file}`, import.meta.url)), {
          columns: true,
        })
      const ops = rows(`calls/kernel-${version}/ops.csv`).filter(({ op = '' }) => /^(TCP|vsock)/.test(op))
      const names = TRACES.filter(([, of]) => of === version).flatMap(([name]) =>
        operationNames(`ground-truth/${name}`),
      )
      expect(names.toSorted()).toEqual(ops.map(({ op }) => op!).toSorted())
      const counts = rows(`counts/op-counts-sockets-${version}.csv`)
      const text = TRACES.filter(([, of]) => of === version)
        .map(([name]) => recordedText(`ground-truth/${name}`))
        .join('')
      for (const { op = '', buf = '', len = '' } of ops) {
        const { pins_acquired, pins_released } = counts.find((row) => row.op === op)!
        expect(text).toContain(`,0x${buf}+${len},`)
        expect(text).toContain(`,msg-zerocopy,${pins_acquired},${pins_released},${op}\n`)
      }
    },
  )
})

const CLASSES = { 'op-classes-net': 4, 'op-classes-net-udp': 2 }

describe.each(Object.entries(CLASSES))('traces/ground-truth/%s.csv', (name, count) => {
  const rows = (text: string) =>
    parse<Record<string, string>>(text, { columns: true, comment: '#', relax_column_count: true })

  it('has the classes that a running 6.18 was measured with', () => {
    const file = new URL('../../../traces/ground-truth/counts/op-classes-6.18.csv', import.meta.url)
    const measured = rows(readFileSync(file, 'utf8'))
    const classes = rows(recordedText(`ground-truth/${name}`)).filter(({ event }) => event === 'io')
    expect(classes).toHaveLength(count)
    for (const row of classes) {
      const { x_class, x_filesystem, result, pins_acquired, pins_released } = row
      expect(measured).toContainEqual(
        expect.objectContaining({ class: x_class, filesystem: x_filesystem, result, pins_acquired, pins_released }),
      )
    }
  })

  it('counts what it counted: no socket pins', async () => {
    const { lanes } = await replayRecorded(recorded(name, '6.12'), { registration })
    for (const { groundTruth, pins, refs, violations } of lanes) {
      expect(groundTruth).toMatchObject({ rows: count, matched: count, mismatched: [] })
      expect([pins.acquired, refs.open, violations]).toEqual([0, 0, []])
    }
  })
})
