import { createReadStream } from 'node:fs'
import { type KernelVersion, openTrace, Registry, replay } from '@pinscope/core'
import { describe, expect, it, vi } from 'vitest'
import type { ExtractModule } from '../../core/test/support/extract-watch.ts'
import {
  type ComparedOperation,
  Frames,
  kernelCall,
  kernelGup,
  modelCall,
  modelGup,
  operationNames,
  replayRecorded,
} from '../../core/test/support/recorded-consumers.ts'
import { splice } from '../src/pipe/definition.ts'
import { xdpUmem } from '../src/xdp-umem/definition.ts'

// What running kernels did with pipes: every extraction of vmsplice, its pages and their counts; that reading, and splice
// out of a pipe, extract nothing; and the kernel's own counters.

vi.mock('../../core/dist/extract/extract-pages.js', async (original) => {
  const { watchedModule } = await import('../../core/test/support/extract-watch.ts')
  return watchedModule(await original<ExtractModule>())
})

const registration = { apiVersion: 1, consumers: [splice, xdpUmem] }

/** Operations of a trace, each with its own group's recording. */
async function operationsOf(version: string, kernel: KernelVersion | null) {
  const trace = `ground-truth/pipe-${version}`
  const names = operationNames(trace)
  const made = async (group: string) => replayRecorded({ trace, version, group }, { registration, kernel })
  const [net, alg] = [await made('net'), await made('alg')]
  const isAlg = (name: string) => name.startsWith('af_alg')
  const operations: ComparedOperation[] = names.map((name, i) => (isAlg(name) ? alg : net).operations[i]!)
  return { operations, lanes: net.lanes }
}

describe.each([
  ['6.1', 4],
  ['6.12', 2],
] as const)('kernel %s', (version, count) => {
  const OTHERS: readonly KernelVersion[] = ['6.1', '6.12', '6.18', 'mainline']

  it('makes the calls that the kernel made: arguments, answers, pages and what they count', async () => {
    const { operations } = await operationsOf(version, null)
    expect(operations).toHaveLength(count)
    for (const { name, recorded, made } of operations) {
      const frames = new Frames()
      expect(made.result, name).toBe(made.recordedResult)
      expect(
        made.calls.map((call, at) => modelCall(call, recorded!.iter[at], frames)),
        name,
      ).toEqual(recorded!.iter.map(kernelCall))
      expect(modelGup(made), name).toEqual(kernelGup(recorded!))
      expect(made.pins, name).toEqual([])
      // One call for what vmsplice takes; none for what takes it out again.
      expect(made.calls, name).toHaveLength(name.includes('vmsplice') ? 1 : 0)
      // Nobody but the pipe has the pages: 16 of 64 KiB, 8 of 32 KiB.
      expect(made.heldAfter, name).toHaveLength(name.includes('vmsplice') ? made.result / 4096 : 0)
    }
  })

  it("counts what the kernel's own counters counted, and ends with nothing held", async () => {
    const { lanes } = await operationsOf(version, null)
    for (const { groundTruth, refs, pins, violations, leaks } of lanes) {
      expect(groundTruth).toMatchObject({ rows: count, matched: count, mismatchedTotal: 0, undeterminedTotal: 0 })
      const pages = count === 4 ? 16 + 8 : 16
      // A socket takes 8 of its own.
      expect(refs).toMatchObject({ acquired: count === 4 ? pages + 8 : pages, open: 0, peak: 16 })
      expect([pins.acquired, violations, leaks]).toEqual([0, [], []])
    }
  })

  it.each(OTHERS)('the same on %s, from its source: iov_iter_get_pages2, 16 pages', async (kernel) => {
    const { operations } = await operationsOf(version, kernel)
    for (const { name, recorded, made } of operations) {
      const frames = new Frames()
      expect(
        made.calls.map((call, at) => modelCall(call, recorded!.iter[at], frames)),
        name,
      ).toEqual(recorded!.iter.map(kernelCall))
    }
  })
})

describe('recorded on 6.18', () => {
  const counted = async (name: string) => {
    const file = `${name}.csv`
    const reader = await openTrace(createReadStream(new URL(`../../../traces/${file}`, import.meta.url)), file)
    const registry = new Registry()
    registry.register('under test', registration)
    const options = { registry, policies: null, consumers: null, kernel: null, consumerOptions: {}, inFlight: false }
    return (await replay(reader, options)).lanes
  }

  it('one operation of each class', async () => {
    const lanes = await counted('ground-truth/op-classes-pipe')
    expect(lanes.flatMap(({ groundTruth }) => groundTruth.mismatched)).toEqual([])
    expect(lanes.map(({ consumer, groundTruth: { rows, matched } }) => [consumer, rows, matched])).toEqual([
      ['splice', 6, 6],
      ['xdp-umem', 1, 1],
    ])
    const [pipe] = lanes
    expect(pipe!.counters).toMatchObject({
      userPages: 32,
      giftedPages: 16,
      writtenPages: 8,
      waits: 0,
      unseenReadBytes: 0,
    })
    expect(pipe!.refs).toMatchObject({ acquired: 32, released: 32, peak: 16 })
  })

  it('fio: pages of the page cache go into the pipe, and are copied out of it', async () => {
    const [pipe] = await counted('fio-splice')
    expect(pipe!.groundTruth).toMatchObject({ rows: 129, matched: 129 })
    // 64 blocks of 64 KiB. The first attempt to take one out went to memory that may only be read.
    expect(pipe!).toMatchObject({ operations: 129, errors: 1, bytes: 2 * 64 * 65_536 })
    expect(pipe!.refs).toMatchObject({ acquired: 64 * 16, released: 64 * 16, peak: 16 })
    expect(pipe!.data).toEqual({ zeroCopyBytes: 64 * 65_536, copiedBytes: 64 * 65_536 })
    expect(pipe!.counters).toMatchObject({ filePages: 1024, waits: 0, unseenReadBytes: 0, unseenWrittenBytes: 0 })
  })
})
