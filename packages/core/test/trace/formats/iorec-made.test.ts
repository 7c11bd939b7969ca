import { createReadStream } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Registry } from '../../../src/consumer/registry.ts'
import { replay } from '../../../src/replay/replay.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { PLAIN_OPTIONS } from '../../support/replay-rows.ts'
import { columnsOf } from '../columns-as-rows.ts'

// traces/formats/iorec2-made.csv has a line for everything that version 2 tells: what each becomes.

const SAMPLE = new URL('../../../../../traces/formats/iorec2-made.csv', import.meta.url)

interface Row {
  readonly line: number
  readonly event: string
}

function open(formatOptions: Readonly<Record<string, string>> = {}) {
  return openTrace(createReadStream(SAMPLE), 'made', { formatOptions })
}

/** The rows that come from a line of the recording, in order. */
async function rowsOf(formatOptions: Readonly<Record<string, string>> = {}): Promise<(line: number) => Row[]> {
  const reader = await open(formatOptions)
  const rows: Row[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row) as Row)
  }
  return (line) => rows.filter((row) => row.line === line)
}

const user = (address: number, length: number) => [{ address, length, offset: 0, file: null }]
const M = 0x7f0000000000

describe('a recording of version 2', () => {
  it('its head is that of the trace', async () => {
    const { header } = await open()
    expect(header).toMatchObject({
      kernel: '6.18.44',
      filesystem: 'ext4',
      logicalBlockSizeBytes: 512,
      dmaAlignmentBytes: 4,
    })
    const { attributes } = header
    expect(attributes.get('command')).toBe("printf '100%'")
    expect(attributes.get('note')).toBe('one thing\nanother, 100%')
    expect(attributes.get('pins-acquired-total')).toBe('60')
    expect([...attributes.keys()].filter((key) => ['rows', 'pins', 'pages', 'page-size'].includes(key))).toEqual([])
  })

  it('what the user says goes before what it says itself', async () => {
    const { header } = await open({ kernel: '6.12', filesystem: 'xfs' })
    expect(header).toMatchObject({ kernel: '6.12', filesystem: 'xfs' })
  })

  it('times are its own', async () => {
    expect((await rowsOf())(29)).toMatchObject([{ ts: 900_000 }, { ts: 900_000, end: 'synchronous' }])
  })

  it('pages are told before their first use, by what backed them', async () => {
    const at = await rowsOf()
    expect(at(29)[0]).toMatchObject({ event: 'map', backing: 'anon', flags: ['untouched'], segments: user(M, 8192) })
    // The read before it filled the first two pages: they need no row.
    expect(at(30).map(({ event }) => event)).toEqual(['map', 'io'])
    expect(at(30)[0]).toMatchObject({ backing: 'anon', flags: ['untouched'], segments: user(M + 8192, 8192) })
    // A folio of 2^4 pages.
    expect(at(36)[0]).toMatchObject({ backing: 'anon', order: 4, segments: user(M + 0x80000, 65_536) })
  })

  it('a mapping of a file is told whole, with its place in the file and what it allows', async () => {
    const whole = { backing: 'file', flags: ['private', 'prot_read'], file: 'a,b', offset: 8192 }
    expect((await rowsOf())(33)[0]).toMatchObject({ ...whole, segments: user(M + 0x200000, 65_536) })
    // mremap(2) took it elsewhere, and made it longer.
    expect((await rowsOf())(77)).toMatchObject([{ event: 'unmap', segments: user(M + 0x200000, 65_536) }])
    expect((await rowsOf())(78)[0]).toMatchObject({ ...whole, segments: user(M + 0x600000, 131_072) })
  })

  it('mprotect(2) is followed: half of a buffer allows nothing', async () => {
    expect((await rowsOf())(34)).toMatchObject([
      { backing: 'anon', flags: [], segments: user(M + 0x400000, 8192) },
      { backing: 'anon', flags: ['untouched', 'prot_none'], segments: user(M + 0x402000, 8192) },
      { event: 'io', result: -14 },
    ])
  })

  it('shared memory is told once, however often an operation names it', async () => {
    const [map, io] = (await rowsOf())(35)
    expect(map).toMatchObject({ event: 'map', backing: 'shmem', flags: [], segments: user(M + 0x300000, 65_536) })
    expect(io).toMatchObject({ iter: 'iovec', len: 8192, flags: ['direct', 'nowait'], pins: [2, 2] })
  })

  it('the counts of a row are its own, or are left out', async () => {
    const at = await rowsOf()
    expect(at(37)).toMatchObject([{ pins: [-1, -1] }]) // shared=s
    expect(at(38)).toMatchObject([{ pins: [1, -1] }]) // shared=a
    expect(at(58)).toMatchObject([{ pins: [4, -1] }]) // the only one of its io_submit
    expect(at(61)).toMatchObject([{ pins: [-1, -1] }]) // one of two
    expect(at(66)).toMatchObject([{ pins: [0, -1] }]) // in a registered buffer
    expect(at(68)).toMatchObject([{ pins: [-1, -1] }]) // nothing pinned by io_uring_enter: maybe by a worker
  })

  it('a position is left out where data is appended', async () => {
    expect((await rowsOf())(32)).toMatchObject([{ file: 'y/a,b', offset: -1 }])
  })

  it('files have their last component, or their path', async () => {
    expect((await rowsOf({ names: 'path' }))(32)).toMatchObject([{ file: '/mnt/y/a,b' }])
    expect((await rowsOf({ names: 'path' }))(29)[1]).toMatchObject({ file: '/mnt/x/a,b' })
  })

  it('what a file is decides: tmpfs and a block device', async () => {
    const at = await rowsOf()
    expect(at(44)).toMatchObject([{ file: 't', flags: ['direct'], consumer: 'buffered' }])
    expect(at(46)).toMatchObject([{ file: 'vdb', flags: [], consumer: 'buffered' }])
    expect(at(42)).toEqual([])
  })

  it('a vector that could not be read is an operation of no bytes', async () => {
    expect((await rowsOf())(48)).toMatchObject([{ event: 'io', segments: [], len: 0, result: -14 }])
  })

  it('fork, exec and exit: one row each, where there is something to share or to lose', async () => {
    const at = await rowsOf()
    expect(at(50)).toMatchObject([{ event: 'fork', mm: 100, result: 101 }])
    // The child has the parent's page.
    expect(at(51)).toMatchObject([{ event: 'io', mm: 101 }])
    expect(at(52)).toMatchObject([{ event: 'unmap', mm: 101, segments: user(0, 0x7ffffffff000) }])
    expect(at(53)).toEqual([])
    // A thread is in the same address space.
    expect(at(54)).toEqual([])
    expect(at(55)).toMatchObject([{ event: 'io', mm: 100 }])
  })

  it('one address space for all, or one for each thread: as the user says', async () => {
    for (const [mm, expected] of [
      ['process', 100],
      ['tid', 101],
    ] as const) {
      const at = await rowsOf({ mm })
      expect([at(50), at(52)]).toEqual([[], []])
      expect(at(51).at(-1)).toMatchObject({ event: 'io', mm: expected })
    }
  })

  it('an asynchronous operation ends when its completion was seen', async () => {
    const at = await rowsOf()
    expect(at(58)).toMatchObject([{ ts: 3_200_000, end: 3_450_000, result: 16_384 }])
    expect(at(61)).toMatchObject([{ end: 12_400_000, result: null }]) // until its process ended
    expect(at(62)).toMatchObject([{ end: 'never', result: null }])
    expect(at(98)).toMatchObject([{ end: 'never', call: 'pread64' }]) // killed inside the call
  })

  it('registered buffers: by the table of their ring', async () => {
    const at = await rowsOf()
    const buffers = [...user(M, 16_384), ...user(M + 0x4000, 16_384)]
    expect(at(64).at(-1)).toMatchObject({
      event: 'register',
      id: 'buf0',
      segments: buffers,
      flags: ['longterm'],
      pins: [8, 0],
    })
    expect(at(66)).toMatchObject([{ id: 'buf0', flags: ['direct', 'fixed'] }])
    expect(at(72).at(-1)).toMatchObject({
      event: 'register',
      id: 'buf1',
      segments: user(M + 0x8000, 4096),
      pins: [1, 0],
    })
    expect(at(74)).toMatchObject([
      { event: 'unregister', id: 'buf0' },
      { event: 'unregister', id: 'buf1' },
    ])
  })

  it('memory that is unmapped is gone where an operation used it', async () => {
    const at = await rowsOf()
    expect(at(75)).toMatchObject([{ event: 'unmap', segments: user(M + 0x300000, 65_536) }])
    expect(at(76)).toEqual([])
  })

  it('once some was unmapped, memory that nobody looked at is told too', async () => {
    expect((await rowsOf())(80)[0]).toMatchObject({
      event: 'map',
      backing: 'anon',
      flags: [],
      segments: user(0x55d000000000, 4096),
    })
  })

  it('the kernel counted what a replay counts', async () => {
    const { lanes } = await replay(await open(), { ...PLAIN_OPTIONS, registry: new Registry() })
    for (const { groundTruth, violations } of lanes) {
      expect([groundTruth.matched, groundTruth.mismatched, violations]).toEqual([groundTruth.rows, [], []])
    }
    // 8 synchronous direct rows with counts, of libaio one, of io_uring one, two registrations; buffered: those of files.
    expect(lanes.map(({ consumer, groundTruth }) => [consumer, groundTruth.rows])).toEqual([
      ['bio', 10],
      ['buffered', 9],
    ])
  })
})

describe('calls=all', () => {
  const all = () => rowsOf({ calls: 'all' })

  it('process_vm_readv: the memory of the other process', async () => {
    const [map, io] = (await all())(84)
    expect(map).toMatchObject({ event: 'map', mm: 103, segments: user(M, 12_288) })
    expect(io).toMatchObject({
      mm: 103,
      op: 'read',
      segments: user(M + 0x800, 8192),
      consumer: 'process-vm',
      pins: [3, 3],
    })
  })

  it('pipes: vmsplice, splice in and out, write and read', async () => {
    const at = await all()
    const pipe = { file: 'pipe:[7]', consumer: 'splice' }
    expect(at(85)).toMatchObject([{ ...pipe, op: 'write', flags: ['splice', 'gift'], segments: user(M, 8192) }])
    const range = [{ address: 4096, length: 4096, offset: 0, file: 'a,b' }]
    expect(at(86)).toMatchObject([{ ...pipe, op: 'write', iter: 'xarray', flags: ['splice'], segments: range }])
    expect(at(87)).toMatchObject([{ ...pipe, op: 'read', iter: 'discard', len: 65_536, result: 12_288 }])
    expect(at(88)).toMatchObject([{ ...pipe, op: 'write', flags: [], segments: user(M, 100) }])
    expect(at(89)).toMatchObject([{ ...pipe, op: 'read', flags: [], result: 100 }])
  })

  it('sockets, from SO_ZEROCOPY on', async () => {
    const at = await all()
    const socket = { file: 'socket:[8]', consumer: 'msg-zerocopy', op: 'write' }
    expect(at(90)).toEqual([])
    expect(at(92)).toMatchObject([{ ...socket, flags: ['zerocopy'] }])
    expect(at(93)).toMatchObject([{ ...socket, flags: ['more'] }])
    expect(at(94)).toEqual([]) // sendmmsg(2) did not come to this message
    expect(at(95)).toMatchObject([{ ...socket, iter: 'xarray', flags: ['splice'] }])
    expect(at(96)).toMatchObject([{ ...socket, flags: ['zerocopy'], ts: 6_300_000, end: 6_800_000 }])
  })
})
