import { describe, expect, it } from 'vitest'
import { EFAULT, EINVAL, errnoName } from '../src/errno.ts'
import { crc32c, InternetChecksum } from '../src/iter/checksum.ts'
import {
  COPY_BYTES_MAX,
  copyFromIter,
  copyFromIterFull,
  copyPageFromIter,
  copyPageFromIterAtomic,
  copyPageToIter,
  copyToIter,
  copyToIterFull,
  zeroIter,
} from '../src/iter/copy.ts'
import { faultInReadable, faultInWriteable } from '../src/iter/fault-in.ts'
import { importIovec, importUbuf, needsArray, UIO_FASTIOV, USER_ADDRESS_END } from '../src/iter/import-iovec.ts'
import { ITER_DEST, ITER_SOURCE, ITER_TYPE_NAMES } from '../src/iter/iter-type.ts'
import { iterateAndAdvance } from '../src/iter/iterate.ts'
import {
  crc32cOfIter,
  csumAndCopyFromIter,
  csumAndCopyFromIterFull,
  csumAndCopyToIter,
  hashAndCopyToIter,
  scanIter,
} from '../src/iter/scan.ts'
import { SegmentTable } from '../src/iter/segment-table.ts'
import type { KernelVersion } from '../src/kernel/version.ts'
import { FOLL_WRITE } from '../src/memory/foll.ts'
import { MAPPING_READ_ONLY } from '../src/memory/mapping.ts'
import { MAX_RW_COUNT, PAGE_SIZE as P } from '../src/units.ts'
import { type Change, cellsOf, hex, World } from './support/world.ts'

// Copying, checksums, prefaulting and import (reference section 2). Numbers in tables are hex; states as in
// iov-iter.test.ts.

const ALL: readonly KernelVersion[] = ['6.1', '6.12', '6.18', 'mainline']

function begin(line: string, version?: KernelVersion, ...changes: Change[]): World {
  const world = new World(version, ...changes)
  world.memory.holdBytes()
  world.begin(line)
  return world
}

/** 1, 2, 3, … without 0. */
function counted(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i % 251) + 1)
}

const text = (message: string) => new TextEncoder().encode(message)

describe('direction', () => {
  const DATA = counted(16)
  type Operation = (world: World, data: Uint8Array) => number | boolean
  const folio = (world: World) => world.pages.allocateFolio(0, 0)
  const OPERATIONS: Record<string, Operation> = {
    to: ({ iter, memory }, data) => copyToIter(iter, memory, data),
    toFull: ({ iter, memory }, data) => copyToIterFull(iter, memory, data),
    pageTo: (world, data) => copyPageToIter(world.iter, world.memory, folio(world), 8, data.length),
    csumTo: ({ iter, memory }, data) => csumAndCopyToIter(iter, memory, data, new InternetChecksum()),
    hashTo: ({ iter, memory }, data) => hashAndCopyToIter(iter, memory, data, { update: () => {} }),
    zero: ({ iter, memory }, data) => zeroIter(iter, memory, data.length),
    from: ({ iter, memory }, data) => copyFromIter(iter, memory, data),
    fromFull: ({ iter, memory }, data) => copyFromIterFull(iter, memory, data),
    pageFrom: (world, data) => copyPageFromIter(world.iter, world.memory, folio(world), 8, data.length),
    atomic: (world, data) => copyPageFromIterAtomic(world.iter, world.memory, folio(world), 8, data.length),
    csumFrom: ({ iter, memory }, data) => csumAndCopyFromIter(iter, memory, data, new InternetChecksum()),
    csumFull: ({ iter, memory }, data) => csumAndCopyFromIterFull(iter, memory, data, new InternetChecksum()),
  }
  const LINES = {
    ubuf: 'ubuf 10000000+10',
    iovec: 'iovec 10000000+8 20000000+8',
    kvec: 'kvec 80000000+8 80001000+8',
    bvec: 'bvec 500/0+8 600/0+8',
    folioq: 'folioq 0 count:10',
    xarray: 'xarray 0+10 in:0',
    discard: 'discard count:10',
    pipe: 'pipe count:10',
  } as const
  const DATA_TYPES = ['ubuf', 'iovec', 'kvec', 'bvec', 'folioq', 'xarray'] as const

  /** What 16 bytes give: result, count left, and `!` for the report of a wrong direction. */
  function outcome(operation: string, line: string, version: KernelVersion): string {
    const world = begin(line, version)
    const result = OPERATIONS[operation]!(world, DATA.slice())
    const reports = world.rules.map((rule) => (rule === 'wrong-direction' ? '!' : rule))
    return [
      result === true || result === false ? String(result) : hex(result),
      hex(world.iter.countBytes),
      ...reports,
    ].join(' ')
  }

  const TO = ['to', 'toFull', 'pageTo', 'csumTo', 'hashTo', 'zero']
  const FROM = ['from', 'fromFull', 'pageFrom', 'atomic', 'csumFrom', 'csumFull']
  it.each([...TO.map((name) => [name, false] as const), ...FROM.map((name) => [name, true] as const)])(
    '%s in its own direction',
    (operation, source) => {
      const result = operation.endsWith('Full') ? 'true' : '10'
      for (const type of DATA_TYPES) {
        for (const version of ALL) {
          expect(outcome(operation, `${LINES[type]}${source ? ' source' : ''}`, version)).toBe(`${result} 0`)
        }
      }
    },
  )

  /** Operation, type (`data` is each of those with memory), 6.1, the later versions. */
  it.each(
    cellsOf(`
    to       | data source | 10 0 !   | 0 10 !
    toFull   | data source | true 0 ! | false 10 !
    pageTo   | data source | 10 0 !   | 0 10 !
    csumTo   | data source | 10 0 !   | 0 10 !
    hashTo   | data source | 10 0 !   | 0 10 !
    zero     | data source | 10 0 !   | 10 0 !
    from     | data        | 10 0 !   | 0 10 !
    fromFull | data        | true 0 ! | false 10 !
    pageFrom | data        | 10 0 !   | 0 10 !
    atomic   | data        | 10 0 !   | 0 10 !
    csumFrom | data        | 10 0 !   | 0 10 !
    csumFull | data        | true 0 ! | false 10 !
    to       | discard     | 10 0     | 10 0
    toFull   | discard     | true 0   | true 0
    pageTo   | discard     | 10 0     | 10 0
    csumTo   | discard     | 0 10     | 10 10
    hashTo   | discard     | 10 0     | 10 0
    zero     | discard     | 10 0     | 10 0
    from     | discard     | 10 0 !   | 0 10 !
    fromFull | discard     | true 0 ! | false 10 !
    pageFrom | discard     | 10 0 !   | 0 10 !
    atomic   | discard     | 0 10 !   | 0 10 !
    csumFrom | discard     | 0 10 !   | 0 10 !
    csumFull | discard     | false 10 ! | false 10 !
    to       | pipe        | 10 0
    toFull   | pipe        | true 0
    pageTo   | pipe        | 10 0
    csumTo   | pipe        | 10 0
    hashTo   | pipe        | 10 0
    zero     | pipe        | 10 0
    from     | pipe        | 0 10 !
    fromFull | pipe        | false 10 !
    pageFrom | pipe        | 0 10 !
    atomic   | pipe        | 0 10 !
    csumFrom | pipe        | 0 10 !
    csumFull | pipe        | false 10 !
  `),
  )('%s, %s', (operation, line, old, later) => {
    const [type, ...words] = line!.split(' ') as ['data' | keyof typeof LINES, ...string[]]
    for (const name of type === 'data' ? DATA_TYPES : [type]) {
      for (const version of later === undefined ? (['6.1'] as const) : ALL) {
        const expected = version === '6.1' ? old : later
        expect(outcome(operation!, [LINES[name], ...words].join(' '), version)).toBe(expected)
      }
    }
  })

  it('what is refused touches neither side', () => {
    const data = counted(16)
    const dest = begin('ubuf 10000000+10')
    expect([copyFromIter(dest.iter, dest.memory, data), data]).toEqual([0, counted(16)])
    const source = begin('ubuf 10000000+10 source')
    const sum = new InternetChecksum()
    copyToIter(source.iter, source.memory, data)
    csumAndCopyToIter(source.iter, source.memory, data, sum)
    const page = source.memory.bytes!.bytesOf(source.rowsOf(0x10000, 1)[0]!)
    expect([page.every((byte) => byte === 0), sum.lengthBytes]).toEqual([true, 0])
  })

  it('a copy out of a DISCARD, which 6.1 lets pass, leaves the buffer as it was', () => {
    const { iter, memory } = begin('discard count:8', '6.1')
    const data = counted(16)
    expect([copyFromIter(iter, memory, data), iter.countBytes, data]).toEqual([8, 0, counted(16)])
  })

  it('more than the buffer holds, or than INT_MAX, is refused as a whole', () => {
    const { iter, memory, rules } = begin('ubuf 10000000+100000000')
    const data = counted(16)
    expect([copyToIter(iter, memory, data, 17), copyToIter(iter, memory, data, COPY_BYTES_MAX + 1)]).toEqual([0, 0])
    expect([copyFromIter(iter, memory, data, 17), copyToIterFull(iter, memory, data, 17), rules]).toEqual([
      0,
      false,
      [],
    ])
    expect([copyToIter(iter, memory, data, 3), iter.iovOffsetBytes]).toEqual([3, 3])
  })
})

describe('pieces', () => {
  /** Makes a walk of which each piece leaves `leaves` bytes from piece `from` on: the pieces, the result, the state. */
  function walk(world: World, bytes: number, leaves = 0, from = 0) {
    const pieces: string[] = []
    const rows: [number, number, number][] = []
    const done = iterateAndAdvance(world.iter, world.memory, bytes, {
      foll: FOLL_WRITE,
      allOrNothing: false,
      piece(page, offset, length, progress) {
        expect(progress).toBe(rows.reduce((sum, row) => sum + row[2], 0))
        rows.push([page, offset, length])
        return rows.length > from ? Math.min(leaves, length) : 0
      },
    })
    for (const [page, offset, length] of rows) pieces.push(`${world.namesOf([page])}:${hex(offset)}+${hex(length)}`)
    return [pieces.join(' '), hex(done), world.state()]
  }

  it.each(
    cellsOf(`
    ubuf 10000234+2000                          | 9999 | 10000:234+dcc 10001:0+1000 10002:0+234      | 1:2000/0
    ubuf 10000234+2000                          | 1000 | 10000:234+dcc 10001:0+234                   | 1:1000/1000
    ubuf 10000234+2000                          | 0    |                                             | 1:0/2000
    iovec 20000000+0 20001ffe+5 20003000+0 20004000+7 | 5 | 20001:ffe+2 20002:0+3                    | 2:0/7
    iovec 20000000+0 20001ffe+5 20003000+0 20004000+7 | 6 | 20001:ffe+2 20002:0+3 20004:0+1          | 1:1/6
    kvec 80000000+0 80001ffe+5 80003000+0 80004000+7  | 5 | 80001:ffe+2 80002:0+3                    | 2:0/7
    kvec 80000000+0 80001ffe+5 80003000+0 80004000+7  | c | 80001:ffe+2 80002:0+3 80004:0+7          | 0:0/0
    bvec 500/2+0 501/ffe+5 502/0+0 503/0+7      | 5    | 500:2+0 501:ffe+2 502:0+3                   | 2:0/7
    bvec 500/2+0 501/ffe+5 502/0+0 503/0+7      | 6    | 500:2+0 501:ffe+2 502:0+3 502:0+0 503:0+1   | 1:1/6
    bvec 500/1800+1000 600/0+8                  | 1000 | 501:800+800 502:0+800                       | 1:0/8
    folioq 1 0 offset:800                       | 2800 | 0:800+800 1:0+1000 2:0+1000                 | 2:0/0
    folioq 1 0 offset:800                       | 1800 | 0:800+800 1:0+1000                          | 1:0/1000
    folioq 1 0 offset:2000 count:1000           | 1000 | 2:0+1000                                    | 2:0/0
    folioq 0 0 count:9000                       | 9000 | 0:0+1000 1:0+1000                           | 2:0/7000
    xarray 1800+2800 in:0-f                     | 2800 | 1:800+800 2:0+1000 3:0+1000                 | 1:2800/0
    xarray 1800+2800 in:0-f advance:c00         | 1000 | 2:400+c00 3:0+400                           | 1:1c00/c00
    discard count:64                            | 60   |                                             | 0:0/4
  `),
  )('%s, %s bytes: %s', (line, bytes, pieces, state) => {
    for (const version of ALL) {
      const world = begin(line!, version)
      const before = world.iter.countBytes
      const [got, done, at] = walk(world, Number.parseInt(bytes!, 16))
      expect([got, at]).toEqual([pieces, state])
      expect(Number.parseInt(done!, 16)).toBe(before - world.iter.countBytes)
    }
  })

  it.each(
    cellsOf(`
    ubuf 10000234+2000                                | 1dcb | 1:1dcb/235
    iovec 20000000+0 20001ffe+5 20003000+0 20004000+7 | 4    | 3:4/8
    kvec 80000000+0 80001ffe+5 80003000+0 80004000+7  | 4    | 3:4/8
    bvec 501/ffe+5 502/0+0 503/0+7                    | 4    | 3:4/8
    bvec 500/0+1000 600/0+1000                        | 1fff | 1:fff/1
    folioq 1 0 offset:800                             | 17ff | 0:1fff/1001
    folioq 0 0                                        | 1fff | 1:fff/1
    xarray 1800+2800 in:0-f                           | 17ff | 1:17ff/1001
  `),
  )('%s: a step that leaves a byte of the second piece ends it there', (line, done, state) => {
    const [, got, at] = walk(begin(line!), 0x10000, 1, 1)
    expect([got, at]).toEqual([done, state])
  })

  it('a step that leaves everything moves nothing', () => {
    for (const line of ['ubuf 10000234+2000', 'kvec 80000000+5', 'bvec 500/0+1000', 'folioq 1', 'xarray 0+10 in:0']) {
      const world = begin(line)
      const before = world.state()
      expect(walk(world, 0x10000, P).slice(1)).toEqual(['0', before])
    }
  })

  it('in a registered buffer the segments are user addresses', () => {
    const world = begin('ubuf 10000000+1')
    world.start('bvec', [
      [0x10000ffe, 4],
      [0x20000000, 4],
    ]).fixed = true
    const rows = [...world.rowsOf(0x10000, 2), ...world.rowsOf(0x20000, 1)]
    const seen: number[] = []
    scanIter(world.iter, world.memory, 6, (piece) => seen.push(piece.length) * 0)
    expect([seen, world.state()]).toEqual([[2, 2, 2], '1:2/2'])
    world.iter.revert(6)
    copyToIter(world.iter, world.memory, counted(8))
    expect(rows.map((row) => world.memory.bytes!.bytesOf(row)[0])).toEqual([0, 3, 5])
  })
})

describe('faults in the middle', () => {
  /** What is copied (into it, out of it, zeroed: all the same), and the state. */
  it.each(
    cellsOf(`
    ubuf 10000234+2000 refused:10001                     | dcc | 1:dcc/1234
    ubuf 10000234+2000 refused:10000                     | 0   | 1:0/2000
    ubuf 10000234+2000 refused:10002                     | 1dcc | 1:1dcc/234
    iovec 20000800+1000 30000000+10 refused:20001        | 800 | 2:800/810
    iovec 20000800+1000 30000000+0 30001000+10 refused:30001 | 1000 | 1:0/10
    iovec 20000000+0 20001000+10 refused:20001           | 0   | 1:0/10
  `),
  )('%s: %s', (line, done, state) => {
    const bytes = Number.parseInt(done!, 16)
    const buffer = new Uint8Array(0x2000)
    for (const version of ALL) {
      const to = begin(line!, version)
      const from = begin(`${line} source`, version)
      const zeroed = begin(line!, version)
      expect([copyToIter(to.iter, to.memory, buffer), to.state()]).toEqual([bytes, state])
      expect([copyFromIter(from.iter, from.memory, buffer), from.state()]).toEqual([bytes, state])
      expect([zeroIter(zeroed.iter, zeroed.memory, 0x2000), zeroed.state()]).toEqual([bytes, state])
    }
  })

  it('a full copy that is short goes back to where it began', () => {
    const line = 'iovec 20000800+1000 30000000+10 refused:30000 advance:8'
    const to = begin(line)
    expect([copyToIterFull(to.iter, to.memory, new Uint8Array(0x1008)), to.state()]).toEqual([false, '2:8/1008'])
    expect([copyToIterFull(to.iter, to.memory, new Uint8Array(0xff8)), to.state()]).toEqual([true, '1:0/10'])
    const from = begin(`${line} source`)
    expect([copyFromIterFull(from.iter, from.memory, new Uint8Array(0x1008)), from.state()]).toEqual([
      false,
      '2:8/1008',
    ])
    // Longer than what is left is short too.
    const short = begin('folioq 0 count:10')
    expect([copyToIterFull(short.iter, short.memory, new Uint8Array(0x11)), short.state()]).toEqual([false, '0:0/10'])
  })

  it('a read-only mapping can be copied from, not into', () => {
    for (const version of ALL) {
      const world = new World(version)
      world.memory.holdBytes()
      world.map(0x10000, 0x10002, 0, MAPPING_READ_ONLY)
      expect(copyToIter(world.begin('ubuf 10000000+2000'), world.memory, counted(P))).toBe(0)
      expect(zeroIter(world.begin('ubuf 10000000+2000'), world.memory, P)).toBe(0)
      expect(copyFromIter(world.begin('ubuf 10000000+2000 source'), world.memory, counted(P))).toBe(P)
    }
  })

  it('memory that nobody touched reads as zeroes, and is made by a write', () => {
    const world = new World()
    world.memory.holdBytes()
    world.untouched(0x10000, 0x10002)
    const data = counted(0x20)
    expect(copyFromIter(world.begin('ubuf 10000ff0+20 source'), world.memory, data)).toBe(0x20)
    expect(data).toEqual(new Uint8Array(0x20))
    expect(copyToIter(world.begin('ubuf 10000ff0+20'), world.memory, counted(0x20))).toBe(0x20)
    expect(copyFromIter(world.begin('ubuf 10000ff0+20 source'), world.memory, data)).toBe(0x20)
    expect(data).toEqual(counted(0x20))
  })

  it('a range that reaches beyond user addresses is refused as a whole, but mainline copies out of it what there is', () => {
    const last = hex(USER_ADDRESS_END - P)
    for (const version of ALL) {
      const to = begin(`ubuf ${last}+1001`, version)
      const from = begin(`ubuf ${last}+1001 source`, version)
      const buffer = new Uint8Array(0x1001)
      expect(copyToIter(to.iter, to.memory, buffer)).toBe(0)
      expect(zeroIter(to.iter, to.memory, 0x1001)).toBe(0)
      expect(copyFromIter(from.iter, from.memory, buffer)).toBe(version === 'mainline' ? P : 0)
      // Prefaulting for reading asks for the whole range too, for writing page after page.
      expect([faultInReadable(to.iter, to.memory, 0x1001), faultInWriteable(to.iter, to.memory, 0x1001)]).toEqual([
        0x1001, 1,
      ])
      expect(copyToIter(to.iter, to.memory, buffer, P)).toBe(P)
    }
  })
})

describe('bytes', () => {
  it.each([
    'ubuf 10000ffe+2005',
    'iovec 20000ffe+5 20003000+0 20004fff+2000',
    'kvec 80000ffe+5 80003000+0 80004fff+2000',
    'bvec 500/ffe+5 600/0+0 700/1fff+2000',
    'folioq 1 0 offset:ffe count:2002',
    'xarray 1ffe+2005 in:0-f',
  ])('%s: out comes what went in, at both ends of every piece', (line) => {
    const world = begin(line)
    const { iter, memory } = world
    const data = counted(iter.countBytes)
    expect(copyToIter(iter, memory, data, 7)).toBe(7)
    expect(copyToIter(iter, memory, data.subarray(7))).toBe(data.length - 7)
    iter.revert(data.length)
    const pieces: number[] = []
    scanIter(iter, memory, data.length, (piece) => {
      pieces.push(...piece)
      return 0
    })
    expect(Uint8Array.from(pieces)).toEqual(data)
    iter.revert(data.length)
    iter.direction = ITER_SOURCE
    const out = new Uint8Array(data.length)
    expect([copyFromIter(iter, memory, out), out, world.rules]).toEqual([data.length, data, []])
    iter.revert(data.length - 3)
    expect(zeroIter(iter, memory, 4)).toBe(4)
    iter.revert(7)
    expect([copyFromIter(iter, memory, out), [...out.subarray(0, 8)]]).toEqual([data.length, [1, 2, 3, 0, 0, 0, 0, 8]])
  })

  it('a pipe of 6.1 gets copies in pages of its own', () => {
    const world = begin('pipe count:3000', '6.1')
    const data = counted(0x1804)
    copyToIter(world.iter, world.memory, data, 4)
    copyToIter(world.iter, world.memory, data.subarray(4))
    const { ring } = world
    const pages = [0, 1].map((buffer) => world.memory.bytes!.piece(ring.page[buffer]!, 0, ring.lengthBytes[buffer]!))
    expect(Uint8Array.from(pages.flatMap((page) => [...page]))).toEqual(data)
    zeroIter(world.iter, world.memory, 4)
    expect(world.buffers()).toBe('0+1000 0+808')
    expect([...world.memory.bytes!.piece(ring.page[1]!, 0x803, 4)]).toEqual([data.at(-1), 0, 0, 0])
  })
})

describe('page copies', () => {
  /** Order of the folio, page in it, offset, bytes, and what is copied. */
  it.each(
    cellsOf(`
    0 | 0 | 0    | 1000 | 1000
    0 | 0 | fff  | 1    | 1
    0 | 0 | 1    | 1000 | 0
    0 | 0 | 1000 | 0    | 0
    2 | 0 | 0    | 4000 | 4000
    2 | 0 | 3fff | 1    | 1
    2 | 1 | 1000 | 2000 | 2000
    2 | 1 | 1000 | 2001 | 0
    2 | 3 | 0    | 1000 | 1000
    2 | 3 | 1    | 1000 | 0
    2 | 0 | 0    | 4001 | 0
  `),
  )('page_copy_sane: order %s, page %s, offset %s, %s bytes: %s', (order, page, offset, bytes, copied) => {
    const [at, length, expected] = [offset, bytes, copied].map((word) => Number.parseInt(word!, 16)) as [
      number,
      number,
      number,
    ]
    for (const version of ALL) {
      const to = begin('ubuf 10000100+8000', version)
      const row = to.pages.allocateFolio(Number(order), 0) + Number(page)
      expect([copyPageToIter(to.iter, to.memory, row, at, length), to.iter.iovOffsetBytes]).toEqual([
        expected,
        expected,
      ])
      const from = to.begin('ubuf 10000100+8000 source')
      expect(copyPageFromIter(from, to.memory, row, at, length)).toBe(expected)
      expect(copyPageFromIterAtomic(from, to.memory, row, at, length)).toBe(expected)
      expect(to.rules).toEqual([])
      if (length === 0 || expected > 0) continue
      // It comes before the direction is looked at.
      copyPageToIter(from, to.memory, row, at, length)
      expect(to.rules).toEqual([])
    }
  })

  it('go over pages of the folio, and over segments of the iterator', () => {
    const world = begin('iovec 20000ffe+5 20004fff+2000')
    const { iter, memory } = world
    const head = world.pages.allocateFolio(2, 0)
    for (let i = 0; i < 4; i++) memory.bytes!.bytesOf(head + i).set(counted(0x4000).subarray(i * P, (i + 1) * P))
    const expected = counted(0x4000).subarray(0x1ffe, 0x1ffe + 0x1800)
    expect(copyPageToIter(iter, memory, head + 1, 0xffe, 0x1800)).toBe(0x1800)
    iter.revert(0x1800)
    iter.direction = ITER_SOURCE
    const out = new Uint8Array(0x1800)
    expect([copyFromIter(iter, memory, out), out]).toEqual([0x1800, expected])
    for (const copy of [copyPageFromIter, copyPageFromIterAtomic]) {
      iter.revert(0x1800)
      const into = world.pages.allocateFolio(2, 0)
      expect(copy(iter, memory, into, 0x801, 0x1800)).toBe(0x1800)
      const back = Uint8Array.from([0, 1, 2].flatMap((i) => [...memory.bytes!.bytesOf(into + i)]))
      expect(back.subarray(0x801, 0x2001)).toEqual(expected)
      expect([back[0x800], back[0x2001]]).toEqual([0, 0])
    }
  })

  it('end at a fault, and atomic ones at a page that is not there', () => {
    const world = new World()
    world.memory.holdBytes()
    world.untouched(0x10001, 0x10002)
    world.refuse(0x10002, 0x10003)
    const head = world.pages.allocateFolio(2, 0)
    const copied = (operation: typeof copyPageFromIter, line: string) =>
      operation(world.begin(line), world.memory, head, 0x800, 0x3000)
    expect(copied(copyPageFromIterAtomic, 'ubuf 10000234+3000 source')).toBe(0xdcc)
    expect(world.state()).toBe('1:dcc/2234')
    expect(copied(copyPageFromIter, 'ubuf 10000234+3000 source')).toBe(0x1dcc)
    // The read left the zero page there: now it is.
    expect(copied(copyPageFromIterAtomic, 'ubuf 10000234+3000 source')).toBe(0x1dcc)
    expect(copied(copyPageToIter, 'ubuf 10000234+3000')).toBe(0x1dcc)
  })
})

describe('what is not there', () => {
  const copied = (world: World, bytes: number) => [copyToIter(world.iter, world.memory, counted(bytes)), world.state()]
  const first = (world: World, row: number) => world.memory.bytes!.bytesOf(row)[0]

  it.each<[KernelVersion, Change[], boolean]>([
    ['6.1', [], true],
    ['6.12', [], true],
    ['mainline', [], true],
    ['mainline', ['-xarray-copy-hole'], false],
  ])('a hole of the page cache, %s %s: stepped over %s', (version, changes, steps) => {
    const world = begin('xarray 0+4000 in:0', version, ...changes)
    const page = world.cached(2)
    const large = world.cached(4, 1)
    // What belongs to index 1 goes to 2, and what belongs to 2 and 3 into the folio at 4, by the position in it.
    expect(copied(world, 0x4000)).toEqual(steps ? [0x4000, '1:4000/0'] : [0x1000, '1:1000/3000'])
    const data = counted(0x4000)
    const expected = steps ? [data[0x1000], data[0x2000], data[0x3000]] : [0, 0, 0]
    expect([first(world, page), first(world, large), first(world, large + 1)]).toEqual(expected)
  })

  it('the data that follows a hole goes to the place in the next folio that its position says', () => {
    const world = begin('xarray 0+4000 in:0')
    const large = world.cached(2, 1)
    // Of position 0x1000 the second page: the first stays as it was, and nothing comes after.
    expect(copied(world, 0x4000)).toEqual([0x2000, '1:2000/2000'])
    expect([first(world, large), first(world, large + 1)]).toEqual([0, counted(0x1001)[0x1000]])
  })

  it('a value entry, and a folio of hugetlb, end it', () => {
    for (const version of ALL) {
      const value = begin('xarray 800+4000 in:0,2-f', version)
      value.cache.addValue(value.file, 1)
      expect(copied(value, 0x4000)).toEqual([0x800, '1:800/3800'])
      const huge = begin('xarray 800+4000 in:0', version)
      huge.cached(1, 0, 'hugetlb')
      expect(copied(huge, 0x4000)).toEqual([0x800, '1:800/3800'])
    }
  })

  it('a cleared slot of a folio queue, and its end, end it', () => {
    const cleared = begin('folioq 1 0 0 offset:800')
    cleared.queue.clear(0, 1)
    expect(copied(cleared, 0x4000)).toEqual([0x1800, '1:0/2000'])
    expect(copied(cleared, 0x4000)).toEqual([0, '1:0/2000'])
    cleared.queue.clear(0, 2)
    const end = begin('folioq 0*1f count:20000')
    end.iter.advance(0x1e000)
    expect(copied(end, 0x2000)).toEqual([0x1000, '1f:0/1000'])
    expect(copied(end, 0x2000)).toEqual([0, '1f:0/1000'])
    end.append(0)
    expect(copied(end, 0x2000)).toEqual([0x1000, '20:0/0'])
    expect(first(end, end.queued[31]!)).toBe(1)
  })
})

describe('crc32c', () => {
  const checksum = (bytes: Uint8Array) => hex(~crc32c(0xffffffff, bytes) >>> 0)

  // RFC 3720, B.4, and the usual check value.
  it.each<[string, Uint8Array, string]>([
    ['32 zeroes', new Uint8Array(32), '8a9136aa'],
    ['32 ones', new Uint8Array(32).fill(0xff), '62a8ab43'],
    ['32 rising', Uint8Array.from({ length: 32 }, (_, i) => i), '46dd794e'],
    ['32 falling', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), '113fdb5c'],
    ['123456789', text('123456789'), 'e3069283'],
    ['nothing', new Uint8Array(0), '0'],
  ])('%s', (_, bytes, expected) => {
    expect(checksum(bytes)).toBe(expected)
  })

  it('of an iterator is that of its bytes, whatever the pieces, and it advances', () => {
    const lines = [
      'ubuf 10000ffe+9',
      'iovec 20000ffe+3 20003000+0 20004fff+6',
      'bvec 500/2+0 501/ffe+9',
      'xarray ffe+9 in:0-1',
    ]
    for (const line of lines) {
      const { iter, memory } = begin(line)
      copyToIter(iter, memory, text('123456789'))
      iter.revert(9)
      const seed = crc32cOfIter(iter, memory, 4, 0xffffffff)
      expect(hex(~crc32cOfIter(iter, memory, 99, seed) >>> 0)).toBe('e3069283')
      expect(iter.countBytes).toBe(0)
    }
  })

  it('visits every type alike, whatever the direction, and up to what is refused', () => {
    const { iter, memory, rules } = begin('ubuf 10000ffe+9 source refused:10001')
    const lengths: number[] = []
    expect(scanIter(iter, memory, 9, (piece) => lengths.push(piece.length) * 0)).toBe(2)
    expect([lengths, rules]).toEqual([[2], []])
    expect(scanIter(begin('ubuf 10000ffe+9').iter, memory, 5, (piece) => piece.length - 1)).toBe(1)
  })
})

describe('the Internet checksum', () => {
  const bytes = (digits: string) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  const sumOf = (...pieces: Uint8Array[]) => {
    const sum = new InternetChecksum()
    for (const piece of pieces) sum.add(piece)
    return hex(sum.value())
  }

  it.each([
    // RFC 1071, section 3: the sum is ddf2.
    ['0001f203f4f5f6f7', '220d'],
    // An IPv4 header without its checksum, and with it.
    ['450000730000400040110000c0a80001c0a800c7', 'b861'],
    ['45000073000040004011b861c0a80001c0a800c7', '0'],
    ['', 'ffff'],
    ['01', 'feff'],
    ['ffff', '0'],
    ['ffffffff', '0'],
  ])('%s: %s', (digits, checksum) => {
    expect(sumOf(bytes(digits))).toBe(checksum)
  })

  it('does not depend on how the bytes were cut, odd lengths included', () => {
    const whole = counted(1000)
    for (const cuts of [[1], [1, 2], [3, 3, 4, 11], [1, 1, 1, 1, 1], [500], [999]]) {
      const ends = cuts.map((_, i) => cuts.slice(0, i + 1).reduce((sum, cut) => sum + cut))
      const pieces = [0, ...ends].map((start, i) => whole.subarray(start, ends[i]))
      expect(sumOf(...pieces)).toBe(sumOf(whole))
    }
  })

  it('carries are not lost in long sums', () => {
    const ones = new Uint8Array(1 << 20).fill(0xff)
    expect([sumOf(ones), sumOf(ones, bytes('0001'))]).toEqual(['0', 'fffe'])
  })
})

describe('copies with a checksum', () => {
  it('in and out: the checksum of what was copied', () => {
    const data = counted(0x1805)
    const expected = new InternetChecksum()
    expected.add(data)
    for (const line of [
      'ubuf 10000ffe+2000',
      'iovec 20000ffe+5 20004fff+2000',
      'kvec 80000ffe+2000',
      'bvec 500/ffe+5 600/0+2000',
      'folioq 1 1',
      'xarray ffe+2000 in:0-f',
    ]) {
      const { iter, memory } = begin(line)
      const into = new InternetChecksum()
      expect(csumAndCopyToIter(iter, memory, data.subarray(0, 7), into)).toBe(7)
      expect(csumAndCopyToIter(iter, memory, data.subarray(7), into)).toBe(data.length - 7)
      iter.revert(data.length)
      iter.direction = ITER_SOURCE
      const out = new Uint8Array(data.length)
      const outOf = new InternetChecksum()
      expect(csumAndCopyFromIterFull(iter, memory, out, outOf)).toBe(true)
      expect([into.value(), outOf.value(), into.lengthBytes, out]).toEqual([
        expected.value(),
        expected.value(),
        data.length,
        data,
      ])
    }
  })

  it.each(
    cellsOf(`
    ubuf 10000000+2000 refused:10001                       | 0    | 1:0/2000
    iovec 20000000+9 30000800+1000 refused:30001           | 9    | 1:0/1000
    iovec 20000000+9 20001000+0 30000800+1000 refused:30001  | 9  | 1:0/1000
    iovec 20000000+9 30000000+1000 40000000+8 refused:40000  | 1009 | 1:0/8
  `),
  )('%s: a user segment with a fault counts for nothing', (line, copied, state) => {
    const bytes = Number.parseInt(copied!, 16)
    const data = counted(0x2000)
    for (const version of ALL) {
      const to = begin(line!, version)
      const sum = new InternetChecksum()
      expect([csumAndCopyToIter(to.iter, to.memory, data, sum), to.state()]).toEqual([bytes, state])
      const expected = new InternetChecksum()
      expected.add(data.subarray(0, bytes))
      expect([sum.value(), sum.lengthBytes]).toEqual([expected.value(), bytes])
      const from = begin(`${line} source`, version)
      expect([csumAndCopyFromIter(from.iter, from.memory, data, new InternetChecksum()), from.state()]).toEqual([
        bytes,
        state,
      ])
      const full = begin(`${line} source`, version)
      const before = full.at()
      const isWhole = csumAndCopyFromIterFull(full.iter, full.memory, data, new InternetChecksum())
      // Back at the first byte, but past no empty segment any more.
      expect([isWhole, full.iter.iovOffsetBytes, full.at()]).toEqual([false, 0, before])
    }
  })

  it('a DISCARD since 6.12 has it summed, all of it, and is not used up', () => {
    const { iter, memory } = begin('discard count:4', '6.12')
    const sum = new InternetChecksum()
    expect([csumAndCopyToIter(iter, memory, text('123456789'), sum), iter.countBytes, sum.lengthBytes]).toEqual([
      9, 4, 9,
    ])
  })

  it('a pipe of 6.1 too, as far as the ring goes', () => {
    const { iter, memory } = begin('pipe count:3000 ring:2', '6.1')
    const sum = new InternetChecksum()
    expect([csumAndCopyToIter(iter, memory, counted(0x3000), sum), sum.lengthBytes]).toEqual([0x2000, 0x2000])
  })

  it('hashes exactly what was copied', () => {
    const { iter, memory } = begin('ubuf 10000800+2000 refused:10001')
    const hashed: Uint8Array[] = []
    const data = counted(0x2000)
    expect(hashAndCopyToIter(iter, memory, data, { update: (bytes) => hashed.push(bytes) })).toBe(0x800)
    expect(hashed).toEqual([data.subarray(0, 0x800)])
  })
})

describe('prefaulting', () => {
  /** Bytes asked for, and those not faulted in, for reading and for writing. */
  it.each(
    cellsOf(`
    ubuf 10000234+2000                                     | 2000 | 0 0
    ubuf 10000234+2000                                     | 3000 | 1000 1000
    ubuf 10000234+2000 advance:1000                        | 2000 | 1000 1000
    ubuf 10000234+2000 refused:10002                       | 2000 | 234 234
    ubuf 10000234+2000 refused:10001                       | 3000 | 2234 2234
    ubuf 10000234+2000 refused:10000                       | 2000 | 2000 2000
    ubuf 10000234+2000 refused:10002                       | 1000 | 0 0
    iovec 20000000+1000 30000000+1000 refused:30000        | 2000 | 1000 1000
    iovec 20000000+10 20001000+0 20002000+10               | 20   | 0 0
    iovec 20000000+1000 30000000+1000 40000000+10 refused:30000 | 2010 | 1010 1010
    iovec 20000000+1000 30000000+1000 advance:800          | 2000 | 800 800
    kvec 80000000+10                                       | 2000 | 0 0
    bvec 500/0+10                                          | 2000 | 0 0
    folioq 0                                               | 2000 | 0 0
    xarray 0+10                                            | 2000 | 0 0
    discard count:10                                       | 2000 | 0 0
    pipe count:10                                          | 2000 | 0 0
  `),
  )('%s, %s bytes: left %s', (line, asked, left) => {
    const bytes = Number.parseInt(asked!, 16)
    for (const version of ALL) {
      const { iter, memory, ...world } = begin(line!, version)
      const before = [iter.segmentsLeft, iter.iovOffsetBytes, iter.countBytes]
      expect([faultInReadable(iter, memory, bytes), faultInWriteable(iter, memory, bytes)].map(hex).join(' ')).toBe(
        left,
      )
      expect([iter.segmentsLeft, iter.iovOffsetBytes, iter.countBytes]).toEqual(before)
      expect(world.ledger.totals.every((total) => total === 0)).toBe(true)
    }
  })

  it('for writing: not a read-only mapping; memory of its own where nobody touched it; nothing is written', () => {
    const world = new World()
    world.memory.holdBytes((_, bytes) => bytes.fill(7))
    world.map(0x10000, 0x10001, 0, MAPPING_READ_ONLY)
    const readOnly = world.begin('ubuf 10000000+1000')
    expect([faultInReadable(readOnly, world.memory, P), faultInWriteable(readOnly, world.memory, P)]).toEqual([0, P])
    world.untouched(0x20000, 0x20001)
    const iter = world.begin('ubuf 20000000+1000')
    faultInReadable(iter, world.memory, P)
    const [zero] = world.rowsOf(0x20000, 1)
    faultInWriteable(iter, world.memory, P)
    const [own] = world.rowsOf(0x20000, 1)
    expect([zero, own! > 0]).toEqual([0, true])
    const [touched] = world.rowsOf(0x30000, 1)
    faultInWriteable(world.begin('ubuf 30000000+1000'), world.memory, P)
    expect([world.memory.bytes!.bytesOf(touched!)[0], world.refcount(touched!)]).toEqual([7, 1])
  })
})

describe('import', () => {
  /** `address+length …` in hex, from the second segment of a table on. */
  function vectorsOf(vectors: string): SegmentTable {
    const table = new SegmentTable()
    table.push(1, 0, 1)
    for (const vector of vectors === '' ? [] : vectors.split(' ')) {
      const [address, length] = vector.split('+').map((word) => Number.parseInt(word, 16))
      table.push(address!, 0, length!)
    }
    return table
  }

  function imported(version: KernelVersion, vectors: string) {
    const world = new World(version)
    const { iter } = world
    const table = vectorsOf(vectors)
    const result = importIovec(iter, ITER_SOURCE, table, 1, table.length - 1)
    const lengths = [...table.lengthBytes.subarray(1, table.length)].map(hex).join(' ')
    return { result, lengths, iter, type: ITER_TYPE_NAMES[iter.type], state: world.state() }
  }

  /** The sum, and the lengths then. User addresses end at 7ffffffff000, and MAX_RW_COUNT is 7ffff000. */
  it.each(
    cellsOf(`
    no vector                           |                              | 0        |
    several                             | 1000+5 2000+0 3000+7         | c        | 5 0 7
    up to the last user address         | 7fffffffeff8+8 0+8           | 10       | 8 8
    a length is clipped                 | 1000+7ffff000 2000+1000      | 7ffff000 | 7ffff000 0
    from where the total is reached on  | 1000+7fffeff8 2000+10 3000+1 | 7ffff000 | 7fffeff8 8 0
  `),
  )('%s: an IOVEC', (_, vectors, total, lengths) => {
    for (const version of ALL) {
      const { iter, ...got } = imported(version, vectors!)
      const count = lengths === '' ? 0 : lengths!.split(' ').length
      const result = Number.parseInt(total!, 16)
      expect(got).toEqual({ result, lengths, type: 'iovec', state: `${count}:0/${total}` })
      expect([iter.segment, iter.direction]).toEqual([1, ITER_SOURCE])
    }
  })

  it('one vector: a UBUF, in 6.1 an IOVEC', () => {
    for (const version of ALL) {
      const { result, type, state, iter } = imported(version, '1000+20')
      expect([result, type, state]).toEqual([0x20, version === '6.1' ? 'iovec' : 'ubuf', '1:0/20'])
      expect([iter.segment, iter.direction]).toEqual([1, ITER_SOURCE])
    }
  })

  /** The result, and where it differs that of 6.1. */
  it.each(
    cellsOf(`
    a negative length                      | 1000+1 2000+-1                | -EINVAL
    a negative length after a bad address  | 7ffffffff000+1 2000+-1        | -EINVAL
    one negative length                    | 1000+-1                       | -EINVAL
    beyond user addresses                  | 1000+1 7fffffffeff9+8         | -EFAULT
    before it is clipped                   | 1000+7ffff000 7fffffffe000+2000 | -EFAULT
    longer than there are addresses        | 0+7ffffffff001 0+1            | -EFAULT
    one beyond                             | 7fffffffeff9+8                | -EFAULT
    one too long, but clipped first        | 1000+7ffffffff000             | 7ffff000 | -EFAULT
    one too far up even when clipped       | 7fff80000001+7ffffffff000     | -EFAULT
  `),
  )('%s: %s is %s', (_, vectors, result, old = result) => {
    for (const version of ALL) {
      const got = imported(version, vectors!).result
      expect(got < 0 ? errnoName(got) : hex(got)).toBe(version === '6.1' ? old : result)
    }
  })

  it('1,024 vectors are allowed, one more is -EINVAL, and more than 8 need an array', () => {
    const many = (count: number) => imported('6.12', Array(count).fill('1000+1').join(' ')).result
    expect([many(1024), many(1025)]).toEqual([1024, EINVAL])
    expect([needsArray(UIO_FASTIOV), needsArray(UIO_FASTIOV + 1), UIO_FASTIOV]).toEqual([false, true, 8])
  })

  it('import_ubuf clips, then looks at the address', () => {
    const world = new World('6.1')
    const table = vectorsOf('1000+7ffffffff000 7fffffffeff8+9 7fffffffeff8+8')
    const results = [1, 2, 3].map((at) => importUbuf(world.iter, ITER_DEST, table, at))
    expect(results).toEqual([MAX_RW_COUNT, EFAULT, 8])
    expect([ITER_TYPE_NAMES[world.iter.type], world.state()]).toEqual(['ubuf', '1:0/8'])
  })
})
