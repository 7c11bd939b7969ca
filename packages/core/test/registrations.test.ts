import { describe, expect, it } from 'vitest'
import { bio } from '../src/consumer/bio/index.ts'
import { CONSUMER_API_VERSION, type Consumer, type ConsumerDefinition } from '../src/consumer/consumer.ts'
import { numberOption, wordOption } from '../src/consumer/consumer-option.ts'
import type { Operation } from '../src/consumer/operation.ts'
import { EFAULT, EIO, EPERM } from '../src/errno.ts'
import { PINS_OPEN } from '../src/ledger/totals.ts'
import { consumerOptions } from '../src/replay/consumer-options.ts'
import { UsageError } from '../src/replay/usage-error.ts'
import { replayRows } from '../src/testing/replay-rows.ts'
import { sweepFaults } from '../src/testing/sweep-faults.ts'
import type { TestRow } from '../src/testing/trace-row.ts'

const A = '0x7f0000000000'
/** Four pages from A on. */
const MEMORY = `${A}+16384`

/** A consumer that pins what is registered, maps it, and takes nothing on what operations name. */
function registrar(more: Partial<Consumer> = {}): ConsumerDefinition {
  return {
    apiVersion: CONSUMER_API_VERSION,
    name: 'registrar',
    summary: 'for this test',
    kernel: 'none',
    accepts: ['ubuf', 'iovec', 'bvec'],
    entriesMax: 1,
    avoided: 'nothing',
    options: [wordOption('device', 'which', ['mlx5', 'rxe']), numberOption('depth', 'how deep', 'pages', 4, 1, 8)],
    kernelPolicy: () => 'extract',
    create: () => ({
      submit: (io) => io.iter.countBytes,
      abort: () => {},
      complete: () => {},
      register: pinAll,
      unregister: (io) => {
        io.unmapDma(1)
        io.ledger.letGo(io.hold)
      },
      counters: () => ({}),
      ...more,
    }),
  }
}

function pinAll(io: Operation): number {
  const bytes = io.extract(1024, io.iter.countBytes)
  if (bytes <= 0) return bytes
  if (io.mapDma(1)) return bytes
  io.ledger.letGo(io.hold)
  return EIO
}

const register: TestRow = { event: 'register', id: 'mr', segs: MEMORY, ts: 10 }
const use: TestRow = { op: 'write', segs: `${A}+4096`, flags: 'fixed', id: 'mr', ts: 20, end: 40 }

async function violations(rows: readonly TestRow[], consumer = registrar()) {
  const { report } = await replayRows(consumer, rows)
  return report.violations.map(({ rule, row, takenRow, pages }) => ({ rule, row, takenRow, pages }))
}

describe('memory that a consumer registers', () => {
  it('is pinned by it, mapped, and held until it is unregistered', async () => {
    const { report, results } = await replayRows(registrar(), [
      register,
      use,
      { event: 'unregister', id: 'mr', ts: 50 },
    ])
    expect(results).toEqual([4096])
    expect(report.pins).toMatchObject({ acquired: 4, released: 4, open: 0, peak: 4 })
    expect(report.dma).toEqual({ maps: 1, mappedEntries: 1, unmappedEntries: 1, openEntries: 0, peakEntries: 1 })
    expect([report.leaksTotal, report.violationsTotal, report.longTerm]).toEqual([0, 0, undefined])
  })

  it('is long-term when the trace ends, with its age, and no leak', async () => {
    const { report } = await replayRows(registrar(), [register, { ...use, end: 95 }])
    expect(report.pins).toMatchObject({ open: 4, longTerm: 4 })
    expect([report.leaksTotal, report.longTermTotal]).toEqual([0, 1])
    expect(report.longTerm).toEqual([
      { file: 'rows.csv', line: 3, row: 1, retention: 'pin', pages: 4, sinceNs: 10, ageNs: 85, consumer: 'registrar' },
    ])
  })

  it('that cannot be registered is no registration: operations that name it fail', async () => {
    const { results, report } = await replayRows(registrar({ register: () => EPERM }), [register, use])
    expect(results).toEqual([EFAULT])
    expect(report.pins.acquired).toBe(0)
  })

  it('an operation outside of it is -EFAULT', async () => {
    const { results } = await replayRows(registrar(), [register, { ...use, segs: `${A}+16385` }])
    expect(results).toEqual([EFAULT])
  })

  it('unregistered while a request is in flight is told at that row, and is let go all the same', async () => {
    const rows = [register, use, { event: 'unregister', id: 'mr', ts: 30 }]
    expect(await violations(rows)).toEqual([{ rule: 'registration-in-use', row: 3, takenRow: 1, pages: 4 }])
    expect((await replayRows(registrar(), rows)).report.pins.open).toBe(0)
  })

  it('registered anew under the name while a request of before is in flight: only requests of its own count', async () => {
    const again = { event: 'register', id: 'mr', segs: MEMORY }
    const drop = { event: 'unregister', id: 'mr' }
    const rows = [register, { ...use, end: 45 }, { ...drop, ts: 30 }, { ...again, ts: 35 }, { ...drop, ts: 50 }]
    expect(await violations(rows)).toEqual([{ rule: 'registration-in-use', row: 3, takenRow: 1, pages: 4 }])
    const busy = [...rows.slice(0, 4), { ...use, ts: 46, end: 60 }, { ...drop, ts: 50 }]
    expect(await violations(busy)).toEqual([
      { rule: 'registration-in-use', row: 3, takenRow: 1, pages: 4 },
      { rule: 'registration-in-use', row: 6, takenRow: 4, pages: 4 },
    ])
  })

  it('unregistered twice, or never registered', async () => {
    const drop = { event: 'unregister', id: 'mr', ts: 60 }
    expect(await violations([register, { ...drop, ts: 50 }, drop])).toEqual([
      { rule: 'double-release', row: 3, takenRow: 1, pages: 4 },
    ])
    expect(await violations([drop])).toEqual([{ rule: 'unknown-release', row: 1, takenRow: 0, pages: 0 }])
  })

  it.each([
    ['unmap', { event: 'unmap', segs: `${A}+4096`, ts: 30 }],
    ['free', { event: 'free', segs: `${A}+4096`, ts: 30 }],
  ])('that is given up (%s) while it is registered is told once, at that row', async (_event, gone) => {
    const rows = [register, gone, { ...gone, ts: 31 }, { event: 'unregister', id: 'mr', ts: 50 }]
    expect(await violations(rows)).toEqual([{ rule: 'registration-outlives-owner', row: 2, takenRow: 1, pages: 4 }])
  })

  it.each([
    ['other memory', { event: 'unmap', segs: '0x7f0000004000+4096', ts: 30 }],
    ['the same address of another process', { event: 'unmap', mm: 7, segs: MEMORY, ts: 30 }],
  ])('is not concerned by %s', async (_what, gone) => {
    expect(await violations([register, gone, { event: 'unregister', id: 'mr', ts: 50 }])).toEqual([])
  })

  it('a mapping that fails leaves nothing', async () => {
    const sweep = await sweepFaults(registrar(), [register, use, { event: 'unregister', id: 'mr', ts: 50 }])
    expect(sweep.steps).toMatchObject({ map: 1, page: 4 })
    expect(sweep.unclean).toEqual([])
    expect(sweep.faults.every((one) => one.pinsOpen === 0 && one.mappedEntries === 0)).toBe(true)
  })

  it('a mapping that stays is unclean', async () => {
    const sweep = await sweepFaults(registrar({ unregister: (io) => io.ledger.letGo(io.hold) }), [
      register,
      use,
      { event: 'unregister', id: 'mr', ts: 50 },
    ])
    expect(sweep.unclean.some((one) => one.mappedEntries === 1)).toBe(true)
  })
})

describe('an option whose values have names', () => {
  const header = (attributes: readonly (readonly [string, string])[] = []) =>
    ({ attributes: new Map(attributes) }) as unknown as Parameters<typeof consumerOptions>[1]

  it('is the index of the word', () => {
    expect(consumerOptions(registrar(), header(), {})).toEqual({ device: 0, depth: 4 })
    expect(consumerOptions(registrar(), header(), { registrar: { device: 1 } })).toEqual({ device: 1, depth: 4 })
    expect(() => consumerOptions(registrar(), header(), { registrar: { device: 2 } })).toThrow(UsageError)
  })

  it('is told by a header as a word', () => {
    const [device] = registrar().options!
    const named = { ...registrar(), options: [{ ...device!, header: 'rdma-device' }] }
    expect(consumerOptions(named, header([['rdma-device', 'rxe']]), {})).toEqual({ device: 1 })
    expect(() => consumerOptions(named, header([['rdma-device', 'rxf']]), {})).toThrow(
      'registrar.device is "rxf" (# rdma-device)',
    )
  })
})

describe('an unregistration that waits for the operations in flight', () => {
  const deferring = registrar({ defersUnregister: true })
  const rows: TestRow[] = [
    register,
    use,
    { ...use, ts: 21, end: 60 },
    { event: 'unregister', id: 'mr', ts: 30 },
    { op: 'write', segs: `${A}+4096`, flags: 'fixed', id: 'mr', ts: 45 },
  ]

  it('is no violation; the memory goes with the last of them, and none may begin meanwhile', async () => {
    const open: number[] = []
    const { report, results } = await replayRows(deferring, [...rows, { op: 'write', segs: `${A}+1`, ts: 59 }], {
      afterRow: (lane) => open.push(lane.ledger.totals[PINS_OPEN]!),
    })
    expect(open).toEqual([4, 4, 4, 4, 4, 4])
    expect(results).toEqual([4096, 4096, EFAULT, 1])
    expect(report.pins).toMatchObject({ acquired: 4, released: 4, open: 0 })
    expect([report.violationsTotal, report.leaksTotal, report.dma?.openEntries]).toEqual([0, 0, 0])
  })

  it('is of that registration alone: its name may be given anew', async () => {
    const again: TestRow[] = [
      { ...register, ts: 35 },
      { ...use, ts: 50, end: 90 },
      { event: 'unregister', id: 'mr', ts: 70 },
    ]
    const { report } = await replayRows(deferring, [...rows.slice(0, 4), ...again])
    expect(report.pins).toMatchObject({ acquired: 8, released: 8, peak: 8 })
    expect([report.violationsTotal, report.leaksTotal]).toEqual([0, 0])
  })

  it('is what io_uring does for consumers that register nothing themselves', async () => {
    const held: number[] = []
    const { report } = await replayRows(bio, [{ ...register }, { ...use, flags: 'fixed direct' }, rows[3]!], {
      afterRow: (lane) => held.push(lane.ledger.totals[PINS_OPEN]!),
    })
    expect(held).toEqual([4, 4, 4])
    expect(report.pins).toMatchObject({ acquired: 4, released: 4, open: 0 })
    expect(report.violationsTotal).toBe(0)
  })
})
