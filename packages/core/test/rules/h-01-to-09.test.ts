import { describe, expect, it } from 'vitest'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

// What the examples of H-01 to H-09 leave out: sound neighbours, boundaries, and real consumers.

const COLUMNS = 'ts,end,event,id,mm,op,iter,segs,backing,file,offset,len,flags,consumer\n'
const STABLE = '# stable-writes yes\n'

/** Cells by column name; what is left out is empty. */
type Row = Partial<Record<string, string | number>>

/** `rule@row` of every finding, in order. */
async function found(rows: readonly Row[], header = ''): Promise<string[]> {
  const names = COLUMNS.trim().split(',')
  const lines = rows.map((row, at) => names.map((name) => row[name] ?? (name === 'ts' ? at : '')).join(','))
  const findings = await auditText(
    `# pinscope-trace 1\n# filesystem ext4\n${header}${COLUMNS}${lines.join('\n')}\n`,
    HAZARD_RULES,
  )
  return findings.map(({ rule, row }) => `${rule}@${row}`)
}

const SEGS = '0x10000+4096'
const map = (backing: string, segs = SEGS): Row =>
  backing === 'file'
    ? { event: 'map', mm: 1, segs, backing, file: '/data', offset: 0 }
    : { event: 'map', mm: 1, segs, backing }
const at = (event: string, flags = '', segs = SEGS): Row => ({ event, mm: 1, segs, flags })
const pin = (op = 'read', segs = SEGS): Row => ({ event: 'pin', id: 'a', mm: 1, op, segs })
const unpin = (flags = ''): Row => ({ event: 'unpin', id: 'a', mm: 1, flags })
const dma = (op: string, segs = SEGS, id = ''): Row => ({ event: 'dma', id, mm: 1, op, segs })
const ended = (id: string): Row => ({ event: 'dma_end', id, mm: 1 })

describe('H-01', () => {
  it('is about files: shared memory that is swapped out has no checksum', async () => {
    expect(
      await found([map('shmem'), pin(), at('writeback'), dma('read'), at('writeback_end'), unpin('dirty')], STABLE),
    ).toEqual([])
  })

  it('is about the folio that the bytes are in: not the one next to it', async () => {
    const two = '0x10000+8192'
    const rows = [
      map('file', two),
      pin('read', '0x11000+4096'),
      at('writeback'),
      dma('read', '0x11000+4096'),
      at('writeback_end'),
    ]
    expect(await found([...rows, unpin('dirty')], STABLE)).toEqual([])
  })

  it('a store of two pages of which one is under writeback is told with that page alone', async () => {
    const two = '0x10000+8192'
    const rows = [map('file', two), pin('read', two), at('writeback'), at('store', 'kernel', two)]
    expect(await found([...rows, at('writeback_end'), unpin('dirty')], STABLE)).toEqual(['H-03@3', 'H-01@4', 'H-05@6'])
  })
})

describe('H-02', () => {
  const start = [map('file'), pin(), at('writeback'), at('writeback_end'), dma('read')]

  it.each([
    ['a store of a CPU, which faults', at('store')],
    ['page_mkwrite', at('mkwrite')],
  ])('%s makes the folio dirty before the pin goes: nothing is lost', async (_name, row) => {
    expect(await found([...start, row, unpin()])).toEqual(['H-03@3'])
  })

  it('direct I/O invalidates the page while it is pinned: the store is lost, whatever the release does', async () => {
    expect(await found([...start, at('invalidate'), unpin('dirty')])).toEqual(['H-03@3', 'H-02@5'])
  })

  it('a store before the page is cleaned is written with it', async () => {
    expect(await found([map('file'), pin(), dma('read'), at('writeback'), at('writeback_end'), unpin()])).toEqual([
      'H-03@4',
    ])
  })
})

describe('H-03', () => {
  it('a reference for writing is as bad as a pin', async () => {
    const rows = [
      map('file'),
      { event: 'get', id: 'a', mm: 1, op: 'read', segs: SEGS },
      at('writeback'),
      at('writeback_end'),
    ]
    expect(await found([...rows, { event: 'put', id: 'a', mm: 1 }])).toEqual(['H-03@3'])
  })

  it('a source may be written back: its bytes stay what they are', async () => {
    expect(
      await found([map('file'), pin('write'), at('writeback'), dma('write'), at('writeback_end'), unpin()]),
    ).toEqual([])
  })

  it('direct I/O into a mapping of a file that is written back meanwhile: the bio dirties it again, unasked', async () => {
    const read = {
      ts: 1,
      end: 9,
      event: 'io',
      mm: 1,
      op: 'read',
      iter: 'ubuf',
      segs: SEGS,
      file: '/disk',
      offset: 0,
      flags: 'direct',
    }
    const rows = [
      map('file'),
      { ...read, consumer: 'bio' },
      { ...at('writeback'), ts: 2 },
      { ...at('writeback_end'), ts: 3 },
    ]
    expect(await found(rows)).toEqual(['H-05@2', 'H-03@3'])
  })
})

describe('H-04', () => {
  it('other bytes of the same page are left alone', async () => {
    const rows = [
      map('anon'),
      pin(),
      dma('write', '0x10000+2048', 'disk'),
      dma('read', '0x10800+2048'),
      ended('disk'),
      unpin('dirty'),
    ]
    expect(await found(rows)).toEqual([])
  })

  it('one byte in common is enough', async () => {
    const rows = [
      map('anon'),
      pin(),
      dma('write', '0x10000+2049', 'disk'),
      dma('read', '0x10800+2048'),
      ended('disk'),
      unpin('dirty'),
    ]
    expect(await found(rows)).toEqual(['H-04@4'])
  })

  it('whichever of the two ends first', async () => {
    const begin = [map('anon'), pin(), dma('read', SEGS, 'nic'), dma('write', SEGS, 'disk')]
    expect(await found([...begin, ended('nic'), ended('disk'), unpin('dirty')])).toEqual(['H-04@5'])
    expect(await found([...begin, ended('disk'), ended('nic'), unpin('dirty')])).toEqual(['H-04@5'])
  })

  it('a bounce copy while the device stores is torn like any other', async () => {
    const rows = [map('anon'), pin(), dma('read', SEGS, 'nic'), at('load', 'kernel'), ended('nic'), unpin('dirty')]
    expect(await found(rows)).toEqual(['H-04@4'])
  })

  it('a device that works in place is in order by itself', async () => {
    const rows = [
      map('anon'),
      pin(),
      dma('write', SEGS, 'cipher'),
      dma('read', SEGS, 'cipher'),
      ended('cipher'),
      unpin('dirty'),
    ]
    expect(await found(rows)).toEqual([])
  })

  it('a store of a CPU to a page of a file is written once more: without stable pages that is as it should be', async () => {
    const rows = [
      map('file'),
      at('store'),
      at('writeback'),
      dma('write', SEGS, 'disk'),
      at('store'),
      ended('disk'),
      at('writeback_end'),
    ]
    expect(await found(rows)).toEqual([])
  })

  it('a program that looks at its buffer too early harms nobody', async () => {
    expect(
      await found([map('anon'), pin(), dma('read', SEGS, 'nic'), at('load'), ended('nic'), unpin('dirty')]),
    ).toEqual([])
  })
})

describe('H-05', () => {
  const cleaned = [map('file'), pin(), at('writeback'), at('writeback_end')]

  it('write(2) to the page meanwhile, with the folio locked: it has asked', async () => {
    const copied: Row = { event: 'copy_in', file: '/data', offset: 0, len: 4096 }
    const reserved: Row = { ...copied, event: 'reserve' }
    const locked = [...cleaned, reserved, at('lock'), copied, at('dirty'), at('unlock'), unpin()]
    expect((await found(locked)).filter((one) => one.startsWith('H-05'))).toEqual([])
  })

  it('set_page_dirty_lock written out: the lock alone asks nobody', async () => {
    const rows = [...cleaned, at('lock'), at('dirty'), at('unlock'), unpin()]
    expect(await found(rows)).toEqual(['H-03@3', 'H-05@6'])
  })

  it('a fault of a CPU asks: the release with dirty is as it should be then', async () => {
    expect(await found([...cleaned, at('store'), dma('read'), unpin('dirty')])).toEqual(['H-03@3'])
  })

  it('set_page_dirty by itself, without the lock', async () => {
    expect(await found([...cleaned, dma('read'), at('dirty'), unpin()])).toEqual(['H-03@3', 'H-05@6'])
  })

  it('a truncated folio has no file system to be asked', async () => {
    const rows = [...cleaned, { event: 'truncate', file: '/data', offset: 0 }, unpin('dirty')]
    expect((await found(rows)).filter((one) => one.startsWith('H-05'))).toEqual([])
  })
})

describe('H-06', () => {
  it('shared memory that is reclaimed after somebody else has stored to it: its page table entry is dirty', async () => {
    const rows = [map('shmem'), pin(), at('store', 'kernel'), unpin(), at('store'), at('reclaim')]
    expect(await found(rows)).toEqual([])
  })

  it('anonymous memory is never clean and lost: swap takes it', async () => {
    expect(await found([map('anon'), pin(), at('store', 'kernel'), unpin(), at('reclaim')])).toEqual([])
  })

  it('two pages of shared memory, of which reclaim takes the second', async () => {
    const two = '0x10000+8192'
    const rows = [
      map('shmem', two),
      pin('read', two),
      at('store', 'kernel', two),
      unpin(),
      at('reclaim', '', '0x11000+4096'),
    ]
    expect(await found(rows)).toEqual(['H-06@4'])
  })
})

describe('H-08', () => {
  const late = [map('file'), pin(), dma('read'), unpin()]

  it('somebody else still has the page: it is no other page yet', async () => {
    const other = { event: 'get', id: 'b', mm: 1, op: 'write', segs: SEGS }
    const rows = [map('file'), other, pin(), dma('read'), unpin(), at('dirty'), { event: 'put', id: 'b', mm: 1 }]
    expect(await found(rows)).toEqual([])
  })

  it('write(2) after the release dirties in its own right', async () => {
    expect(await found([...late, at('lock'), at('dirty'), at('unlock')])).toEqual([])
  })

  it('memory of any kind: an anonymous page is as free as another', async () => {
    expect(await found([map('anon'), pin(), dma('read'), unpin(), at('dirty')])).toEqual(['H-08@5'])
  })
})

describe('H-09', () => {
  it('a folio lock by itself waits too', async () => {
    expect(await found([map('file'), at('lock', 'atomic'), at('unlock', 'atomic')])).toEqual(['H-09@2'])
  })

  it('direct I/O through a bio: made dirty before, only let go at completion', async () => {
    const read = {
      event: 'io',
      mm: 1,
      op: 'read',
      iter: 'ubuf',
      segs: SEGS,
      file: '/disk',
      offset: 0,
      flags: 'direct',
      consumer: 'bio',
    }
    expect(await found([map('file'), { ...read, ts: 1, end: 5 }])).toEqual([])
  })
})
