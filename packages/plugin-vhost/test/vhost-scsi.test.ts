import { explainRow, type KernelVersion, openTrace, Registry } from '@pinscope/core'
import {
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
  traceText,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { vhostScsi } from '../src/vhost-scsi/index.ts'

// drivers/vhost/scsi.c: what a command's guest memory becomes. The worked examples VS1 to VS4, what a 6.1 kernel was seen
// to call, protection information, the copy fallback, limits, and how failures are undone.

const A = 0x7f0000000000
const B = 0x7f1000000000
const P = 4096
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const COPYING = ['6.12', '6.18', 'mainline'] as const

type Segments = readonly (readonly [number, number])[]
const text = (segs: Segments) => segs.map(([address, length]) => `0x${address.toString(16)}+${length}`).join(';')
const command = (op: 'read' | 'write', segs: Segments, more: TestRow = {}): TestRow => ({
  op,
  iter: 'iovec',
  segs: text(segs),
  ...more,
})
const noAccess = (address: number, more: TestRow = {}): TestRow => ({
  event: 'map',
  segs: text([[address, P]]),
  backing: 'anon',
  flags: 'prot_none',
  ...more,
})

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(vhostScsi, rows, { kernel, ...options })

function expectNothingHeld({ report, lane }: RowsResult) {
  expect([report.pins.open, report.refs.open, lane.io.allocations.openBytes, report.violationsTotal]).toEqual([
    0, 0, 0, 0,
  ])
}

/** {offset, length} of the entries of each list. */
const pieces = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))

/** {offset, length} of the scatterlist's elements, and how many pages each has. */
async function elementsOf(kernel: string, row: TestRow) {
  const bytes = new TextEncoder().encode(traceText([{ ...row, consumer: 'vhost-scsi' }]))
  const trace = await openTrace(
    (async function* () {
      yield bytes
    })(),
    'command.csv',
  )
  const registry = new Registry()
  registry.register('@pinscope/plugin-vhost', { apiVersion: vhostScsi.apiVersion, consumers: [vhostScsi] })
  const options = { registry, policies: null, consumers: null, kernel, consumerOptions: {}, inFlight: false }
  const { steps } = await explainRow(trace, 1, options)
  return steps.flatMap((step) =>
    step.kind === 'list'
      ? step.entries.map(({ offsetBytes, lengthBytes, pages }) => [offsetBytes, lengthBytes, pages])
      : [],
  )
}

const VS1 = command('read', [
  [A, 0x3000],
  [B + 0x100, 0x1f00],
])
const LONG = 300 * P - 0x200
const VS2 = command('write', [[A + 0x100, LONG]])

/** Without the leak of 6.18 and mainline. */
const MENDED = [{ name: 'vhost-scsi-revert-short', on: false }]

describe('vhost_scsi_mapal', () => {
  it.each(ALL)('VS1 on %s: an element a page, in the order of the iovec', async (kernel) => {
    expect(await elementsOf(kernel, VS1)).toEqual([
      [0, 4096, 1],
      [0, 4096, 1],
      [0, 4096, 1],
      [256, 3840, 1],
      [0, 4096, 1],
    ])
    const { report } = await on(kernel, [VS1])
    expect(report).toMatchObject({ policy: 'get-pages', errors: 0, bytes: 0x4f00, pins: { acquired: 0 } })
    expect(report.refs).toEqual({ acquired: 5, released: 5, open: 0, longTerm: 0, peak: 5 })
    expect(report.entries).toEqual({ built: 5, bytes: 5 * 32, perOperationMax: 5, limitHits: 0 })
    expect(report.data).toEqual({ zeroCopyBytes: 0x4f00, copiedBytes: 0 })
    expect(report.counters).toMatchObject({ commands: 1, bouncedCommands: 0, bouncePages: 0 })
    // Everything is there before the command comes.
    expect(report.allocations).toBeUndefined()
  })

  it('VS1: the references stay until the command ends', async () => {
    const { report } = await on('6.12', [command('read', [[A, 0x3000]], { end: 'never' })])
    expect(report.refs).toMatchObject({ acquired: 3, released: 0, open: 3 })
    expect(report.leaks).toMatchObject([{ retention: 'ref', pages: 3, consumer: 'vhost-scsi' }])
  })

  it.each(COPYING)('VS2 on %s: over 256 misaligned elements: 300 put, and copied', async (kernel) => {
    const done = await on(kernel, [VS2])
    const { report } = done
    expect(report.refs).toEqual({ acquired: 300, released: 300, open: 0, longTerm: 0, peak: 300 })
    expect(report).toMatchObject({ errors: 0, bytes: 1_228_288 })
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 299 * P + 3584 })
    expect(report.counters).toMatchObject({ commands: 1, bouncedCommands: 1, bouncePages: 300, lostPages: 0 })
    expect(report.allocations).toMatchObject({ made: 300, freed: 300, bytes: 300 * P })
    expectNothingHeld(done)
  })

  it('VS2 as a read: copied when the command ends, not before', async () => {
    const long = [[A + 0x100, LONG]] as const
    const done = await on('6.12', [command('read', long, { end: 5 })])
    const open = await on('6.12', [command('read', long, { end: 'never' })])
    expect([done.report.data.copiedBytes, open.report.data.copiedBytes]).toEqual([LONG, 0])
    expect([done.report.refs.open, open.report.refs.open]).toEqual([0, 0])
    // The iovec array is kept until then: one of 16 bytes.
    expect(done.report.allocations).toMatchObject({ made: 301, freed: 301, bytes: 300 * P + 16 })
    expect(open.report.allocations).toMatchObject({ made: 301, freed: 0, openBytes: 300 * P + 16 })
  })

  it('VS3: 6.1 passes the same on as it is', async () => {
    const { report } = await on('6.1', [VS2])
    expect(report.refs).toEqual({ acquired: 300, released: 300, open: 0, longTerm: 0, peak: 300 })
    expect(report.data).toEqual({ zeroCopyBytes: LONG, copiedBytes: 0 })
    const elements = await elementsOf('6.1', VS2)
    expect(elements).toHaveLength(300)
    // It begins 256 bytes into a page and ends 256 bytes before the end of one.
    expect([elements.at(0), elements.at(1), elements.at(-1)]).toEqual([
      [256, 3840, 1],
      [0, 4096, 1],
      [0, 3840, 1],
    ])
  })

  it('256 misaligned elements are passed on, by every version', async () => {
    const { report } = await on('6.12', [command('write', [[A + 0x100, 256 * P - 0x200]])])
    expect(report.counters).toMatchObject({ commands: 1, bouncedCommands: 0, bouncePages: 0 })
    expect(report.refs).toMatchObject({ acquired: 256, peak: 256 })
  })

  it('more of them whose every piece is whole sectors are passed on too', async () => {
    const { report } = await on('6.12', [command('write', [[A + 0x200, 300 * P]])])
    expect(report.counters).toMatchObject({ bouncedCommands: 0 })
    expect(report.refs).toMatchObject({ acquired: 301, peak: 301 })
  })

  it.each(ALL)('VS4 on %s: 2049 pages: -EINVAL before any reference', async (kernel) => {
    const { report, results } = await on(kernel, [command('read', [[A, 2049 * P]])])
    expect(report).toMatchObject({ errors: 1, bytes: 0, refs: { acquired: 0 }, entries: { built: 0, limitHits: 1 } })
    expect(results).toEqual([-22])
    expect((await on(kernel, [command('read', [[A, 2048 * P]])])).report).toMatchObject({
      errors: 0,
      refs: { acquired: 2048 },
    })
  })

  it('a command without data has a tag and nothing else', async () => {
    const { report, results } = await on('6.1', [{ op: 'read', iter: 'iovec', segs: text([[A, P]]), len: 0 }])
    expect(report).toMatchObject({ errors: 0, refs: { acquired: 0 }, entries: { built: 0 }, counters: { commands: 1 } })
    expect(results).toEqual([0])
  })
})

// ops.csv and iter-calls.csv of kernel 6.1.192: [maxpages, return] of each get_pages2 call, and pages referenced.
const eight = (length: number, stride: number, last = length): Segments =>
  Array.from({ length: 8 }, (_, i) => [A + i * stride, i === 7 ? last : length] as const)
const sixteen: Segments = Array.from({ length: 16 }, (_, i) => [A + i * 2 * P, P] as const)

describe('calls recorded in 6.1.192', () => {
  it.each([
    ['WRITE10 64K aligned', command('write', [[A, 65_536]]), [65_536], 16],
    ['READ10 64K aligned', command('read', [[A, 65_536]]), [65_536], 16],
    ['READ10 64K@+512', command('read', [[A + 512, 65_536]]), [65_536], 17],
    ['READ10 64K@+100', command('read', [[A + 100, 65_536]]), [65_536], 17],
    ['READ10 16x4K', command('read', sixteen), Array(16).fill(P), 16],
    ['WRITE10 16x4K', command('write', sixteen), Array(16).fill(P), 16],
    ['READ10 8x512 same page', command('read', eight(512, 512)), Array(8).fill(512), 8],
    ['READ10 8 odd segs', command('read', eight(1000, 2 * P, 1192)), [...Array(7).fill(1000), 1192], 8],
    ['READ10 1M THP', command('read', [[A, 1 << 20]]), [1 << 20], 256],
  ] as [string, TestRow, number[], number][])('%s', async (name, row, bytes, pages) => {
    const calls: number[][] = []
    const map: TestRow = { event: 'map', segs: text([[A, 1 << 21]]), backing: name.endsWith('THP') ? 'thp' : 'anon' }
    const done = await on('6.1', [map, row], {
      prepare: ({ io }) => {
        const extract = io.extract.bind(io)
        io.extract = (pagesMax, bytesMax, flags) => {
          const found = extract(pagesMax, bytesMax, flags)
          calls.push([pagesMax, bytesMax, found])
          return found
        }
      },
    })
    // LONG_MAX, which the function cuts to MAX_RW_COUNT.
    expect(calls).toEqual(bytes.map((found) => [2048, 0x7ffff000, found]))
    expect(done.report).toMatchObject({ refs: { acquired: pages, released: pages }, pins: { acquired: 0 } })
    expectNothingHeld(done)
  })
})

describe('undoing a command', () => {
  const rows = (op: 'read' | 'write') => [
    noAccess(B + P),
    command(op, [
      [A, 3 * P],
      [B, 3 * P],
    ]),
  ]

  it.each(ALL)('%s: a page of a later segment that cannot be had: all are put, -EFAULT', async (kernel) => {
    for (const op of ['read', 'write'] as const) {
      const done = await on(kernel, rows(op))
      expect(done.results).toEqual([-14])
      // Three of the first segment, one of the second.
      expect(done.report.refs).toEqual({ acquired: 4, released: 4, open: 0, longTerm: 0, peak: 4 })
      expect(done.lists).toEqual([])
      expectNothingHeld(done)
    }
  })

  it('the iterator is where it was, but in 6.1', async () => {
    const left = async (kernel: KernelVersion, options: RowsOptions = {}) =>
      (await on(kernel, rows('read'), options)).lane.io.iter.countBytes
    expect(await left('6.12')).toBe(6 * P)
    expect(await left('mainline')).toBe(6 * P)
    expect(await left('6.1')).toBe(2 * P)
    expect(await left('6.1', { quirks: [{ name: 'vhost-scsi-no-revert', on: false }] })).toBe(6 * P)
  })

  it('the guest is told BAD_TARGET by 6.1 and nothing since', async () => {
    expect((await on('6.1', rows('read'))).report.counters).toMatchObject({
      badTargets: 1,
      droppedCommands: 0,
      commands: 0,
    })
    expect((await on('6.12', rows('read'))).report.counters).toMatchObject({
      badTargets: 0,
      droppedCommands: 1,
      commands: 0,
    })
  })
})

describe('the copy fallback', () => {
  /** 256 aligned pages, and a misaligned segment behind them. */
  const behind = (offset: number, length: number): Segments => [
    ...Array.from({ length: 256 }, (_, i) => [A + i * P, P] as const),
    [B + offset, length],
  ]

  it.each(COPYING)('%s: misaligned in a later segment: what came before is put too', async (kernel) => {
    for (const op of ['read', 'write'] as const) {
      const done = await on(kernel, [command(op, behind(0, 100))])
      expect(done.report.refs).toMatchObject({ acquired: 257, released: 257, peak: 257 })
      expect(done.report.counters).toMatchObject({ bouncedCommands: 1, bouncePages: 257 })
      expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 256 * P + 100 })
      expectNothingHeld(done)
    }
  })

  it('has a page for each piece, most of them empty where the pieces are small', async () => {
    const small = Array.from({ length: 300 }, (_, i) => [A + i * P, 100] as const)
    const done = await on('6.12', [command('write', small)])
    // 30000 bytes fill 8 pages.
    expect(done.report.allocations).toMatchObject({ made: 300, bytes: 300 * P })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 30_000 })
  })

  it('since 6.18 the iterator of a read is allocated too, and the array has all that is left', async () => {
    const { report } = await on('mainline', [command('read', behind(0, 100))])
    expect(report.allocations).toMatchObject({ made: 259, freed: 259, bytes: 257 * P + 257 * 16 + 40 })
    expect((await on('6.12', [command('read', behind(0, 100))])).report.allocations).toMatchObject({
      made: 258,
      bytes: 257 * P + 257 * 16,
    })
  })

  it('a write whose memory cannot be read at once is undone', async () => {
    const rows = [command('write', [[A + 0x100, LONG]])]
    // The copy of the 8th page fails: eight were allocated.
    const done = await on('6.12', rows, { inject: { fault: 'copy', at: 8 } })
    expect(done.results).toEqual([-14])
    expect(done.report.allocations).toMatchObject({ made: 8, freed: 8 })
    expect(done.report.counters).toMatchObject({ commands: 0, bouncedCommands: 0, droppedCommands: 1 })
    const without = await on('6.12', rows, { inject: { fault: 'alloc', at: 8 } })
    expect(without.results).toEqual([-12])
    expect(without.report.allocations).toMatchObject({ made: 7, freed: 7 })
    expect(without.report.counters).toMatchObject({ taskSetFull: 1, droppedCommands: 0 })
  })

  it('a read whose memory is gone in the end is answered with BAD_TARGET, and let go all the same', async () => {
    const rows = [command('read', [[A + 0x100, LONG]], { ts: 0, end: 100 }), noAccess(A + 10 * P, { ts: 50 })]
    const done = await on('6.12', rows)
    expect(done.report.counters).toMatchObject({ badTargets: 1, bouncedCommands: 1 })
    // Page after page of the host's: the tenth is the last that goes out, as far as the guest's page before the hole.
    expect(done.report.data.copiedBytes).toBe(10 * P - 0x100)
    expectNothingHeld(done)
  })

  const fill = (page: number, bytes: Uint8Array) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = (page * 31 + i * 7) & 0xff
  }

  it.each(['6.12', 'mainline'] as const)('%s: a write really is in the pages of the host', async (kernel) => {
    const found: Uint8Array[] = []
    const done = await on(kernel, [command('write', behind(0x10, 5000), { end: 'never' })], {
      fill,
      afterRow: ({ io, memory, pages }) => {
        for (let page = 0; page < pages.length; page++)
          if (isOwned(io, page)) found.push(memory.bytes!.bytesOf(page).slice())
      },
    })
    // 256 pages of A, then 5000 bytes from 16 bytes into B on, in pages of 4096.
    expect(found).toHaveLength(258)
    const guest = guestBytes(done, behind(0x10, 5000), fill)
    const host = Buffer.concat(found).subarray(0, guest.length)
    expect(host.equals(guest)).toBe(true)
  })

  it.each(['6.12', 'mainline'] as const)(
    '%s: a read really is in the pages of the guest in the end',
    async (kernel) => {
      const segs = behind(0x10, 5000)
      let next = 0
      const done = await on(
        kernel,
        [command('read', segs, { end: 50 }), { event: 'map', ts: 20, segs: text([[0x10000, P]]), backing: 'anon' }],
        {
          fill,
          // The device fills the pages before the command ends.
          afterRow: ({ io, memory, pages }, row) => {
            if (row !== 1) return
            for (let page = 0; page < pages.length; page++)
              if (isOwned(io, page)) memory.bytes!.bytesOf(page).fill(++next & 0xff)
          },
        },
      )
      expect(next).toBe(258)
      const guest = guestBytes(done, segs, fill)
      expect([...guest.subarray(0, 2 * P)].filter((_, i) => i % P === 17)).toEqual([1, 2])
      expect([guest[255 * P], guest[256 * P], guest[257 * P - 1], guest[257 * P], guest.at(-1)]).toEqual([
        0, 1, 1, 2, 2,
      ])
    },
  )

  it.each(['6.18', 'mainline'] as const)(
    '%s forgets the offset when it lets it go, and loses a page',
    async (kernel) => {
      for (const op of ['read', 'write'] as const) {
        const lost = await on(kernel, [command(op, behind(0x100, P))])
        expect(lost.report.refs).toMatchObject({ acquired: 258, released: 257, open: 1 })
        expect(lost.report.counters).toMatchObject({ lostPages: 1, bouncedCommands: 1 })
        expect(lost.report.leaks).toMatchObject([{ retention: 'ref', pages: 1 }])
        const mended = await on(kernel, [command(op, behind(0x100, P))], { quirks: MENDED })
        expect(mended.report.refs).toMatchObject({ acquired: 258, released: 258 })
      }
      expect((await on('6.12', [command('write', behind(0x100, P))])).report.refs).toMatchObject({
        acquired: 258,
        open: 0,
      })
    },
  )

  it('and none where the bytes span as many pages without it', async () => {
    for (const row of [VS2, command('write', behind(0, 100)), command('write', behind(0x100, P - 0x100 - 0x80))]) {
      const { report } = await on('mainline', [row])
      expect([report.refs.open, report.counters.bouncedCommands]).toEqual([0, 1])
    }
  })
})

/** The page was allocated by the consumer. */
function isOwned({ owned, allocations }: RowsResult['lane']['io'], page: number): boolean {
  const before = allocations.openBytes
  try {
    owned.get(page)
    owned.put(page)
  } catch {
    return false
  }
  return allocations.openBytes === before
}

/** What the guest's memory holds now, in the order of the segments. */
function guestBytes({ lane }: RowsResult, segs: Segments, fill: (page: number, bytes: Uint8Array) => void): Buffer {
  lane.memory.holdBytes(fill)
  const page = new Int32Array(1)
  const parts: Buffer[] = []
  for (const [address, length] of segs) {
    for (let at = address; at < address + length; ) {
      const offset = at % P
      const part = Math.min(P - offset, address + length - at)
      lane.spaces.walk(0, Float64Array.of(at), 0, 0, 1, 0, page)
      parts.push(Buffer.from(lane.memory.bytes!.bytesOf(page[0]!).subarray(offset, offset + part)))
      at += part
    }
  }
  return Buffer.concat(parts)
}

describe('protection information', () => {
  const options = { options: { 't10-pi': 1 } }

  it.each(ALL)('%s: eight bytes a sector before the data, in a list of their own', async (kernel) => {
    // 16 sectors: 128 bytes and 8192.
    const done = await on(
      kernel,
      [
        command('read', [
          [A, 128],
          [B, 8192],
        ]),
      ],
      options,
    )
    expect(pieces(done)).toEqual([
      [[0, 128]],
      [
        [0, 4096],
        [0, 4096],
      ],
    ])
    expect(done.lists.map(({ list }) => list)).toEqual(['protection', 'scatterlist'])
    expect(done.report).toMatchObject({ bytes: 8320, refs: { acquired: 3, released: 3 }, entries: { built: 3 } })
    expect(done.report.counters).toMatchObject({ protectionEntries: 1 })
    expectNothingHeld(done)
  })

  it('in one segment: the page that both lie in is referenced twice', async () => {
    const done = await on('6.1', [command('write', [[A, 4160]])], options)
    // Eight sectors: 64 bytes and 4096.
    expect(pieces(done)).toEqual([
      [[0, 64]],
      [
        [64, 4032],
        [0, 64],
      ],
    ])
    expect(done.report.refs).toMatchObject({ acquired: 3, released: 3 })
  })

  it('is not looked at for alignment; the data is', async () => {
    // 2560 sectors: 20480 bytes at an odd address, 320 pages of data.
    const done = await on(
      '6.12',
      [
        command('read', [
          [A + 1, 20_480],
          [B, 320 * P],
        ]),
      ],
      options,
    )
    expect(done.report.counters).toMatchObject({ bouncedCommands: 0, protectionEntries: 6 })
    const bounced = await on(
      '6.12',
      [
        command('read', [
          [A, 20_480],
          [B + 1, 320 * P],
        ]),
      ],
      options,
    )
    expect(bounced.report.counters).toMatchObject({ bouncedCommands: 1, bouncePages: 321 })
    expect(bounced.report.data).toEqual({ zeroCopyBytes: 20_480, copiedBytes: 320 * P })
    expectNothingHeld(bounced)
  })

  it('is put when the data cannot be mapped', async () => {
    for (const kernel of ALL) {
      const done = await on(
        kernel,
        [
          noAccess(B),
          command('read', [
            [A, 64],
            [B, P],
          ]),
        ],
        options,
      )
      expect(done.results).toEqual([-14])
      expect(done.report.refs).toMatchObject({ acquired: 1, released: 1 })
      expectNothingHeld(done)
      const tooLong = await on(
        kernel,
        [
          command('read', [
            [A, 2049 * 64],
            [B, 2049 * P],
          ]),
        ],
        options,
      )
      expect(tooLong.results).toEqual([-22])
      expect(tooLong.report.refs).toMatchObject({ acquired: 33, released: 33 })
    }
  })

  it('has a limit of its own', async () => {
    // Each of the first pieces lies in two pages, each of the last ones in three: 2046 and 2049 entries, of 1022 pieces
    // at most, for 447 pages of data.
    const two = Array.from({ length: 1020 }, (_, i) => [A + 2 * i * P + 4088, 16] as const)
    const three = Array.from({ length: 3 }, (_, i) => [B + 4 * i * P + 4088, P + 16] as const)
    const row = (count: number) => {
      const bytes = 1020 * 16 + count * (P + 16)
      return command('read', [...two, ...three.slice(0, count), [0x1000000, bytes * 64]])
    }
    const fits = await on('6.12', [row(2)], options)
    expect(fits.report).toMatchObject({ errors: 0, counters: { protectionEntries: 2046 } })
    const isTooLong = await on('6.12', [row(3)], options)
    expect(isTooLong.results).toEqual([-22])
    expect(isTooLong.report).toMatchObject({ refs: { acquired: 0 }, entries: { limitHits: 1 } })
  })
})

describe('tags', () => {
  const rows = [
    command('read', [[A, P]], { end: 100 }),
    command('read', [[A, P]], { end: 100 }),
    command('read', [[A, P]], { ts: 200 }),
  ]

  it.each([
    ['6.1', { badTargets: 1, taskSetFull: 0 }],
    ['6.12', { badTargets: 0, taskSetFull: 1 }],
    ['mainline', { badTargets: 0, taskSetFull: 1 }],
  ] as const)('%s: none left: -ENOMEM until a command ends', async (kernel, counters) => {
    const done = await on(kernel, rows, { options: { tags: 1 } })
    expect(done.results).toEqual([P, -12, P])
    expect(done.report.counters).toMatchObject({ ...counters, commands: 2 })
    expect(done.report.entries.limitHits).toBe(1)
    expectNothingHeld(done)
  })

  it('256 unless told', async () => {
    const many = Array.from({ length: 257 }, (_, i) => command('read', [[A, P]], { ts: i, end: 1000 }))
    expect((await on('6.1', many)).results.filter((result) => result < 0)).toEqual([-12])
  })
})

describe('lists of several chunks, since 6.18', () => {
  const row = command('write', [[A, 300 * P]])

  it.each([
    // Entries of its own; chunks of 128 entries, the last of 46 from the pool of 64; 32 bytes each.
    [2048, undefined],
    [300, undefined],
    [128, { made: 2, bytes: (128 + 64) * 32 }],
    [1, { made: 3, bytes: (128 + 128 + 64) * 32 }],
    [0, { made: 3, bytes: (128 + 128 + 64) * 32 }],
  ])('%d entries of its own', async (entries, allocations) => {
    for (const kernel of ['6.18', 'mainline'] as const) {
      const done = await on(kernel, [row], { options: { 'inline-sg-cnt': entries } })
      if (allocations === undefined) expect(done.report.allocations).toBeUndefined()
      else expect(done.report.allocations).toMatchObject({ ...allocations, freed: allocations.made, openBytes: 0 })
      expect(pieces(done)).toEqual([Array.from({ length: 300 }, () => [0, P])])
      expectNothingHeld(done)
    }
  })

  it('before, all of them are always there', async () => {
    expect((await on('6.12', [row], { options: { 'inline-sg-cnt': 0 } })).report.allocations).toBeUndefined()
    const bytes = async (kernel: KernelVersion, options: RowsOptions['options'] = {}) =>
      (await on(kernel, [row], { options })).report.counters.preallocatedBytes
    // For each of 256 commands two lists, a page array and 1024 iovecs; since 6.18 one list and a page array for all.
    expect(await bytes('6.12')).toBe(256 * (2 * 2048 * 32 + 2048 * 8 + 1024 * 16))
    expect(await bytes('mainline')).toBe(256 * 2048 * 32 + 2048 * 8)
    expect(await bytes('mainline', { 'inline-sg-cnt': 0 })).toBe(2048 * 8)
    expect(await bytes('mainline', { 't10-pi': 1, tags: 1 })).toBe(2 * 2048 * 32 + 2048 * 8)
  })

  it('a bounced command goes through the chunks too', async () => {
    const done = await on('mainline', [VS2], { options: { 'inline-sg-cnt': 0 } })
    expect(done.report.allocations).toMatchObject({ made: 303, freed: 303, bytes: 300 * P + 320 * 32 })
    expect(done.report.data.copiedBytes).toBe(LONG)
    expectNothingHeld(done)
  })

  it('-ENOMEM gives back the chunks that were had', async () => {
    const done = await on('mainline', [row], { options: { 'inline-sg-cnt': 0 }, inject: { fault: 'alloc', at: 3 } })
    expect(done.results).toEqual([-12])
    expect(done.report.counters).toMatchObject({ taskSetFull: 1 })
    expect(done.report.allocations).toMatchObject({ made: 2, freed: 2 })
  })
})

describe('every step that can fail', () => {
  const rows = [
    VS1,
    command('write', [[A + 0x100, 260 * P]], { end: 30 }),
    command(
      'read',
      [
        [A + 0x100, 260 * P],
        [B, 512],
      ],
      { end: 40 },
    ),
    command('write', [[B, 8320]]),
  ]

  it.each(ALL)('%s: leaves nothing held', async (kernel) => {
    const sweep = (policy: 'get-pages' | 'extract' | 'folio', options: RowsOptions['options']) =>
      sweepFaults(vhostScsi, rows, { kernel, policy, options: options!, quirks: MENDED }, 8)
    expect((await sweep('get-pages', {})).unclean).toEqual([])
    expect((await sweep('extract', { 't10-pi': 1 })).unclean).toEqual([])
    const chained = await sweep('folio', { 't10-pi': 1, 'inline-sg-cnt': 16 })
    expect(chained.unclean).toEqual([])
    // 6.1 allocates and copies nothing.
    const { alloc, copy, map, ...others } = chained.steps
    expect(map).toBe(0)
    expect([alloc > 0, copy > 0]).toEqual([kernel !== '6.1', kernel !== '6.1'])
    expect(Object.values(others).every((steps) => steps > 0)).toBe(true)
  })
})

describe('what is taken on each iterator type', () => {
  it.each([
    ['6.1', 'ref'],
    ['6.12', 'ref or copy'],
    ['mainline', 'ref or copy'],
  ] as const)('%s', async (kernel, cell) => {
    // One of whole pages, and one whose last piece is no whole sector.
    const shapes = [
      { row: { op: 'read' }, bytes: 2 * P },
      { row: { op: 'write' }, bytes: 300 * P + 100 },
    ] as const
    expect(await ownershipCell(vhostScsi, kernel, 'iovec', shapes)).toBe(cell)
    expect(await ownershipCell(vhostScsi, kernel, 'bvec', shapes)).toBe('n/a')
    expect(await ownershipCell(vhostScsi, kernel, 'discard', shapes)).toBe('n/a')
  })
})
