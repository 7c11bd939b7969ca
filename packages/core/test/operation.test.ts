import { describe, expect, it } from 'vitest'
import { CONSUMER_API_VERSION, type Consumer, type ConsumerDefinition } from '../src/consumer/consumer.ts'
import { FAULT_NAMES, type FaultName } from '../src/consumer/faults.ts'
import type { Operation } from '../src/consumer/operation.ts'
import { EFAULT, EINVAL, EIO, ENOMEM } from '../src/errno.ts'
import { Allocations } from '../src/ledger/allocations.ts'
import type { Hold } from '../src/ledger/hold.ts'
import { isHold } from '../src/ledger/hold.ts'
import { Ledger } from '../src/ledger/ledger.ts'
import { OwnedPages } from '../src/ledger/owned-pages.ts'
import { Memory } from '../src/memory/memory.ts'
import { ownershipCell } from '../src/testing/ownership.ts'
import { replayRows } from '../src/testing/replay-rows.ts'
import { sweepFaults } from '../src/testing/sweep-faults.ts'

const A = '0x7f0000000000'

/** A consumer made of the functions given; by default it takes every page, and lets go on completion. */
function consumerOf(consumer: Partial<Consumer>): ConsumerDefinition {
  return {
    apiVersion: CONSUMER_API_VERSION,
    name: 'tested',
    summary: 'for this test',
    kernel: 'none',
    accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray', 'folioq'],
    entriesMax: 1,
    avoided: 'nothing',
    kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
    create: () => ({
      submit: takeAll,
      abort: (io) => io.letGoOfKept(),
      complete: (io) => io.letGoOfKept(),
      counters: () => ({}),
      ...consumer,
    }),
  }
}

function takeAll(io: Operation): number {
  let bytes = 0
  while (io.iter.countBytes > 0) {
    const taken = io.extract(16, io.iter.countBytes)
    if (taken <= 0) return taken
    io.keep(io.hold)
    bytes += taken
  }
  return bytes
}

describe('a page that is made to fail', () => {
  const row = { op: 'read', segs: `${A}+${4 * 4096}` }

  it.each([
    [1, EFAULT, 0],
    [3, EFAULT, 2],
    [5, 4 * 4096, 4],
  ])('page %i: %i, %i taken', async (at, result, pages) => {
    const { results, report } = await replayRows(consumerOf({}), [row], { inject: { fault: 'page', at } })
    expect(results).toEqual([result])
    expect(report.pins).toMatchObject({ acquired: pages, released: pages, open: 0 })
  })
})

describe('the sweep', () => {
  const rows = [{ op: 'read', segs: `${A}+8192`, end: 9 }]

  it('counts every step and finds nothing where all is let go', async () => {
    const sweep = await sweepFaults(consumerOf({}), rows)
    expect(sweep.steps).toEqual({ alloc: 0, page: 2, copy: 0, limit: 0, complete: 1, map: 0 })
    expect(sweep.faults.map(({ fault, at, results }) => [fault, at, results])).toEqual([
      ['page', 1, [EFAULT]],
      ['page', 2, [EFAULT]],
      ['complete', 1, [8192]],
    ])
    expect(sweep.unclean).toEqual([])
  })

  it('finds what a failing page leaves held', async () => {
    const { unclean } = await sweepFaults(consumerOf({ abort: () => {} }), rows)
    expect(unclean).toMatchObject([{ fault: 'page', at: 2, pinsOpen: 1 }])
  })

  it('finds what a failing completion leaves held, and an allocation that nobody frees', async () => {
    const complete = (io: Operation) => {
      if (io.completion === EIO) return
      io.letGoOfKept()
      io.free(64)
    }
    const submit = (io: Operation) => (io.allocate(64) ? takeAll(io) : ENOMEM)
    const abort = (io: Operation) => io.letGoOfKept()
    const { unclean } = await sweepFaults(consumerOf({ submit, abort, complete }), rows)
    expect(unclean.map(({ fault, at, pinsOpen, openBytes }) => [fault, at, pinsOpen, openBytes])).toEqual([
      ['page', 1, 0, 64],
      ['page', 2, 0, 64],
      ['complete', 1, 2, 64],
    ])
  })

  it('tries the ends of a long kind', async () => {
    const submit = (io: Operation) => {
      for (let i = 0; i < 100; i++) if (!io.fits(i, 100)) return EINVAL
      return 0
    }
    const { steps, faults } = await sweepFaults(consumerOf({ submit }), rows, {}, 5)
    expect(steps.limit).toBe(100)
    expect(faults.filter(({ fault }) => fault === 'limit').map(({ at }) => at)).toEqual([1, 26, 51, 75, 100])
  })
})

describe('what an operation offers', () => {
  async function inSubmit(run: (io: Operation) => void, row = {}, fault?: FaultName) {
    const submit = (io: Operation) => {
      run(io)
      return 0
    }
    const inject = fault === undefined ? {} : { inject: { fault, at: 1 } }
    return replayRows(consumerOf({ submit }), [{ op: 'write', segs: `${A}+8192`, ...row }], inject)
  }

  it('fits: a limit that is passed, or made to fail, is hit', async () => {
    const answers: boolean[] = []
    const ask = (io: Operation) => void answers.push(io.fits(16, 16), io.fits(17, 16))
    const { report } = await inSubmit(ask)
    await inSubmit(ask, {}, 'limit')
    expect(answers).toEqual([true, false, false, false])
    expect(report.entries.limitHits).toBe(1)
  })

  it('copy: as far as the memory goes', async () => {
    const copied: number[] = []
    const run = (io: Operation) => void copied.push(io.copy(5000), io.iter.countBytes, io.copy(9000), io.copy(1))
    const { report } = await inSubmit(run)
    expect(copied).toEqual([5000, 3192, 3192, 0])
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 8192 })
    const short: number[] = []
    await replayRows(consumerOf({ submit: (io) => short.push(io.copy(8192), io.iter.countBytes) * 0 }), [
      { event: 'map', segs: `${A}+4096`, backing: 'anon' },
      { event: 'map', segs: '0x7f0000001000+4096', backing: 'anon', flags: 'prot_none' },
      { op: 'write', segs: `${A}+8192` },
    ])
    expect(short).toEqual([4096, 4096])
    const none: number[] = []
    await inSubmit((io) => void none.push(io.copy(8192), io.copy(8192)), {}, 'copy')
    expect(none).toEqual([0, 8192])
  })

  it('copy: moves the bytes where pages have contents', async () => {
    const buffer = new Uint8Array(6000)
    const submit = (io: Operation) => io.copy(6000, buffer)
    await replayRows(consumerOf({ submit }), [{ op: 'write', segs: `${A}+8192` }], {
      fill: (_page, bytes) => bytes.set(bytes.map((_, at) => at % 251)),
    })
    expect(Array.from(buffer.subarray(4094, 4098))).toEqual([4094 % 251, 4095 % 251, 0, 1])
  })

  it('reference: one on every page that was listed, beside what the policy took', async () => {
    let hold: Hold | number = 0
    const { report, lane } = await inSubmit((io) => {
      io.extract(16, 8192)
      io.keep(io.hold)
      hold = io.reference()
    })
    expect([report.pins.acquired, report.refs.acquired, report.refs.open]).toEqual([2, 2, 2])
    if (isHold(hold)) lane.ledger.letGo(hold)
    expect(lane.ledger.isOpen(hold as Hold)).toBe(false)
  })

  it('referencePage: one on a page by its row', async () => {
    const { report } = await inSubmit((io) => {
      io.extract(1, 4096)
      io.keep(io.hold)
      const hold = io.referencePage(io.list.page[0])
      if (isHold(hold)) io.keep(hold)
    })
    expect([report.pins.acquired, report.refs.acquired]).toEqual([1, 1])
  })

  it('file: the row’s cell, at completion too; completion: the errno it ended with', async () => {
    const seen: number[][] = []
    const see = (io: Operation) => void seen.push([io.file, io.completion])
    const submit = (io: Operation) => {
      see(io)
      return 0
    }
    await replayRows(consumerOf({ submit, complete: see }), [
      { op: 'read', segs: `${A}+4096`, file: 'a', end: 7, result: -5 },
      { op: 'read', segs: `${A}+4096`, file: 'b', end: 8 },
      { op: 'read', segs: `${A}+4096` },
    ])
    expect(seen).toEqual([
      [0, 0],
      [1, 0],
      [-1, 0],
      [-1, 0],
      [0, -5],
      [1, 0],
    ])
  })

  it('close: once, after the last completion', async () => {
    const calls: string[] = []
    const complete = (io: Operation) => {
      calls.push('complete')
      io.letGoOfKept()
    }
    await replayRows(consumerOf({ complete, close: () => void calls.push('close') }), [
      { op: 'read', segs: `${A}+4096`, end: 7 },
    ])
    expect(calls).toEqual(['complete', 'close'])
  })
})

describe('pages of the consumer’s own', () => {
  function ownPages(fails = () => false) {
    const memory = new Memory()
    const ledger = new Ledger(memory.pages)
    const allocations = new Allocations()
    return { memory, ledger, allocations, pages: new OwnedPages(memory, ledger.mappingReferences, allocations, fails) }
  }

  it('begin with one reference, and are freed with the last', () => {
    const { pages, allocations } = ownPages()
    const page = pages.alloc()
    pages.get(page)
    expect(pages.refcount(page)).toBe(2)
    expect([pages.put(page), pages.refcount(page), pages.put(page)]).toEqual([false, 1, true])
    expect(allocations).toMatchObject({ made: 1, freed: 1, bytes: 4096, openBytes: 0, peakBytes: 4096 })
    expect(() => pages.put(page)).toThrow('after it was freed')
    expect(pages.alloc()).toBe(page)
  })

  it('are in no sum of references', () => {
    const { pages, ledger } = ownPages()
    const page = pages.alloc()
    pages.get(page)
    pages.put(page)
    expect(Array.from(ledger.totals)).toEqual(new Array(10).fill(0))
    expect(ledger.mappingReferences.areAll()).toBe(true)
  })

  it('keep what they hold until they are freed', () => {
    const { pages, memory } = ownPages()
    const bytes = memory.holdBytes()
    const page = pages.alloc()
    bytes.bytesOf(page)[7] = 42
    bytes.forget()
    expect(bytes.bytesOf(page)[7]).toBe(42)
    pages.put(page)
    expect(bytes.bytesOf(pages.alloc())[7]).toBe(0)
  })

  it('may not be had', () => {
    expect(ownPages(() => true).pages.alloc()).toBe(-1)
  })
})

describe('ownership cells', () => {
  const shapes = [{ row: { op: 'read' }, bytes: 8192 }]

  it.each([
    ['6.1', 'ubuf', 'ref'],
    ['6.1', 'kvec', '-EFAULT'],
    ['6.1', 'folioq', 'n/a'],
    ['6.12', 'iovec', 'pin'],
    ['6.12', 'bvec', 'bare'],
    ['mainline', 'folioq', 'bare'],
    ['mainline', 'pipe', 'n/a'],
  ] as const)('%s %s: %s', async (kernel, type, cell) => {
    expect(await ownershipCell(consumerOf({}), kernel, type, shapes)).toBe(cell)
  })

  it('joins what shapes do differently', async () => {
    const submit = (io: Operation) => (io.iter.countBytes > 4096 ? takeAll(io) : io.copy(4096))
    const both = [...shapes, { row: { op: 'read' }, bytes: 4096 }]
    expect(await ownershipCell(consumerOf({ submit }), 'mainline', 'ubuf', both)).toBe('pin or copy')
  })
})

it('the kinds of faults are those of the steps', () => {
  expect(FAULT_NAMES).toEqual(['alloc', 'page', 'copy', 'limit', 'complete', 'map'])
})
