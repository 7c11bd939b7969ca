import { describe, expect, it } from 'vitest'
import { GUARD_COUNT, GUARD_LOCK, GUARD_NONE } from '../../src/lifetime/borrows.ts'
import { h42 } from '../../src/lifetime/rules/h-42-truncate-under-dma.ts'
import { h43 } from '../../src/lifetime/rules/h-43-early-unpin.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { found, foundWith } from './borrower.ts'

const HEADER = '# pinscope-trace 1\nts,end,event,id,call,mm,op,iter,segs,backing,file,offset,len,result,flags\n'
const rows = (...lines: readonly string[]) => HEADER + lines.map((line) => `${line}\n`).join('')

const MAP = '0,,map,,,1,,,0x10000+8192,file,data,0,,,'
const READ = '1,100,io,,,1,read,ubuf,0x10000+8192,,/dev/sda,0,8192,8192,direct'
const WRITE = '1,100,io,,,1,write,ubuf,0x10000+8192,,/dev/sda,0,8192,8192,direct'
const truncate = (size: number, ts = 50) => `${ts},,truncate,,,1,,,,,data,${size},,,`
/** The page cache of a file is read into, or sent. */
const fill = (op: string) => `1,100,io,,,1,${op},xarray,cached:0+8192,,/mnt/cached,0,8192,8192,`
const truncateCached = '50,,truncate,,,1,,,,,cached,0,,,'

describe('H-42, a file is truncated', () => {
  it('under a direct read into its mapping, which holds references', async () => {
    expect(await foundWith(GUARD_COUNT, rows(MAP, READ, truncate(0)))).toEqual([['H-42', 3]])
  })

  it.each([
    ['before the read', rows(MAP, truncate(0, 0), READ)],
    ['when the read is over', rows(MAP, READ, truncate(0, 100))],
    ['behind the pages of the read', rows(MAP, READ, truncate(8192))],
    ['while the pages are only written from', rows(MAP, WRITE, truncate(0))],
  ])('and nothing is found: %s', async (_, text) => {
    expect(await foundWith(GUARD_COUNT, text)).toEqual([])
  })

  it('of its two pages the one that is behind the new size is told', async () => {
    const findings = await auditText(
      h42.example.broken.replaceAll('+4096', '+8192').replace('data,0\n4', 'data,4096\n4'),
      [h42],
    )
    expect(findings.map(({ row, pages }) => [row, pages])).toEqual([[4, 1]])
  })

  it('and with DAX the storage itself is what the device goes on to store to', async () => {
    const [finding] = await auditText(h42.example.broken.replace('+4096,file', '+4096,fsdax'), [h42])
    expect(finding.detail).toContain('that file gets what is stored')
  })
})

describe('H-42, blocks of a DAX file', () => {
  const dax = MAP.replace('+8192,file', '+8192,fsdax')
  const pin = '1,,pin,buffer,,1,read,,0x10000+8192,,,,,,'
  const store = '2,,dma,nic,,1,read,,0x10000+4096,,,,,,'
  const layout = (offset: number) => `3,,layout,,,1,,,,,data,${offset},4096,,`
  const end = ['4,,dma_end,nic,,1,,,,,,,,,', '5,,unpin,buffer,,1,,,,,,,,,dirty']

  it('are punched, collapsed or moved under a device: worse than what is lost of another file', async () => {
    const [dear] = await auditText(rows(dax, pin, store, layout(0), ...end), [h42])
    expect([dear.row, dear.verdict, dear.severity]).toEqual([4, 'CORRUPT', 'critical'])
    const [lost] = await auditText(rows(MAP, pin, store, truncate(0, 3), ...end), [h42])
    expect([lost.row, lost.verdict, lost.severity]).toEqual([4, 'LOST', 'medium'])
  })

  it.each([
    ['beside what is pinned, and stored into', rows(dax, pin.replace('+8192', '+4096'), store, layout(4096), ...end)],
    ['of a file that is not DAX', rows(MAP, pin, store, layout(0), ...end)],
  ])('and nothing is found: %s', async (_, text) => {
    expect(await found(text)).toEqual([])
  })

  it('are moved beside what the device stores into, under the same pin: the page is not idle', async () => {
    expect(await found(rows(dax, pin, store, layout(4096), ...end))).toEqual([['H-42', 4]])
  })

  it('are truncated: told once, with both pages that are pinned', async () => {
    const findings = await auditText(rows(dax, pin, store, truncate(0, 3), ...end), [h42])
    expect(findings.map(({ row, pages }) => [row, pages])).toEqual([[4, 2]])
  })
})

describe('H-42, the pages of a file leave the cache with their blocks', () => {
  const pin = '1,,pin,buffer,,1,read,,0x10000+8192,,,,,,'
  const store = '2,,dma,nic,,1,read,,0x10000+8192,,,,,,'
  const end = ['4,,dma_end,nic,,1,,,,,,,,,', '5,,unpin,buffer,,1,,,,,,,,,dirty']
  const of = (event: string, offset: number, length: number, file = 'data') =>
    `3,,${event},,,2,,,,,${file},${offset},${length},,`
  const pagesOf = async (text: string) => (await auditText(text, [h42])).map(({ row, pages }) => [row, pages])

  it('which are punched: those wholly in the range', async () => {
    expect(await pagesOf(rows(MAP, pin, store, of('punch', 0, 8192), ...end))).toEqual([[4, 2]])
    expect(await pagesOf(rows(MAP, pin, store, of('punch', 100, 8092), ...end))).toEqual([[4, 1]])
    expect(await pagesOf(rows(MAP, pin, store, of('punch', 8192, 4096), ...end))).toEqual([])
  })

  it('but not with what a write reserved and gives back: the cache stays', async () => {
    const reserved = of('reserve', 0, 4096).replace('3,', '2,')
    expect(await pagesOf(rows(MAP, pin, store, reserved, of('punch', 0, 8192), ...end))).toEqual([[5, 1]])
  })

  it('which are replaced by those of another file: reflink', async () => {
    const onto = '3,,reflink,,,2,,xarray,data:0+4096,,other,0,4096,,'
    expect(await pagesOf(rows(MAP, pin, store, onto, ...end))).toEqual([[4, 1]])
    expect(await pagesOf(rows(MAP, pin, store, of('reflink', 0, 4096), ...end))).toEqual([])
  })

  it('when no device stores into them any more', async () => {
    const [over, unpin] = end
    expect(await pagesOf(rows(MAP, pin, store, over.replace('4,', '3,'), of('punch', 0, 8192), unpin))).toEqual([])
  })
})

describe('H-44, what is listed without a reference', () => {
  it.each(['read', 'write'])('is the page cache of a file that is truncated: %s', async (op) => {
    expect(await foundWith(GUARD_NONE, rows(fill(op), truncateCached))).toEqual([['H-44', 2]])
  })

  it('is locked, and truncation waits for it', async () => {
    expect(await foundWith(GUARD_LOCK, rows(fill('read'), truncateCached))).toEqual([])
  })

  const own = '0,,get,own,,1,,bvec,0x400:0+4096,,,,,,'
  const use = '1,100,io,,,1,read,bvec,0x400:0+4096,,/dev/sda,0,4096,4096,'

  it('is put by whoever listed it', async () => {
    expect(await foundWith(GUARD_NONE, rows(own, use, '50,,put,own,,1,,,,,,,,,'))).toEqual([['H-44', 3]])
  })

  it('is put when the I/O is over', async () => {
    expect(await foundWith(GUARD_NONE, rows(own, use, '150,,put,own,,1,,,,,,,,,'))).toEqual([])
  })

  it('is put by one, and another has a reference too', async () => {
    const text = rows(
      own,
      '0,,get,other,,1,,bvec,0x400:0+4096,,,,,,',
      use,
      '50,,put,own,,1,,,,,,,,,',
      '150,,put,other,,1,,,,,,,,,',
    )
    expect(await foundWith(GUARD_NONE, text)).toEqual([])
  })

  it('is freed behind the bytes that are listed', async () => {
    const part = '1,100,io,,,1,read,bvec,0x400:0+512,,/dev/sda,0,512,512,'
    const free = (range: string) => `50,,free,,,1,,bvec,${range},,,,,,`
    expect(await foundWith(GUARD_NONE, rows(part, free('0x400:512+512')))).toEqual([])
    expect(await foundWith(GUARD_NONE, rows(part, free('0x400:0+512')))).toEqual([['H-44', 2]])
    expect(await foundWith(GUARD_COUNT, rows(part, free('0x400:0+512')))).toEqual([])
  })
})

describe('H-44, the kernel takes a page away that a device or a list works on', () => {
  const load = '1,,load,,,1,,,0x10000+4096,,,,,,'
  const dma = ['2,,dma,nic,,1,write,,0x10000+4096,,,,,,', '9,,dma_end,nic,,1,,,,,,,,,']
  const take = (event: string) => `5,,${event},,,1,,,0x10000+4096,,,,,,`

  it.each(['migrate', 'reclaim', 'invalidate'])('%s, and nobody holds it', async (event) => {
    expect(await found(rows(MAP, load, dma[0], take(event), dma[1]))).toEqual([['H-44', 4]])
  })

  it.each([
    ['a reference', '1,,get,own,,1,write,,0x10000+4096,,,,,,', '10,,put,own,,1,,,,,,,,,'],
    ['its lock', '1,,lock,,,1,,,0x10000+4096,,,,,,', '10,,unlock,,,1,,,0x10000+4096,,,,,,'],
    ['its writeback', '1,,writeback,,,1,,,0x10000+4096,,,,,,', '10,,writeback_end,,,1,,,0x10000+4096,,,,,,'],
  ])('or %s keeps it', async (_, begin, end) => {
    expect(await found(rows(MAP, load, begin, dma[0], take('migrate'), take('reclaim'), dma[1], end))).toEqual([])
  })

  it('and the frames of an entry are pages, though nothing listed them before', async () => {
    const object = [
      '1,,alloc,vma,vma,1,,,,,,,,,',
      '2,,attach,vma,,1,,bvec,0x500:0+8192,,,,,,',
      '3,,submit,vma,,1,,,,,,,,,',
    ]
    const free = '4,,free,,,1,,bvec,0x501:0+4096,,,,,,'
    expect(await found(rows(...object, free, '5,,complete,vma,,1,,,,,,,,,'))).toEqual([['H-44', 4]])
  })
})

describe('H-43, references are dropped', () => {
  const pin = (id: string) => `0,,pin,${id},,1,read,,0x10000+4096,,,,,,`
  const unpin = (id: string, ts: number) => `${ts},,unpin,${id},,1,,,,,,,,,`
  const bio = ['1,,alloc,bio,bio,1,,,,,,,,,', '2,,attach,bio,,1,,,0x10000+4096,,,,,,', '3,,submit,bio,,1,,,,,,,4096,,']
  const end = ['90,,complete,bio,,1,,,,,,,,4096,', '91,,free,bio,,1,,,,,,,,,']

  it('of an object in flight, but another one keeps the page', async () => {
    const text = rows(pin('other'), pin('mine'), ...bio, unpin('mine', 50), ...end, unpin('other', 95))
    expect(await found(text)).toEqual([])
  })

  it('of an object whose I/O is over', async () => {
    expect(await found(rows(pin('mine'), ...bio, end[0], unpin('mine', 90), end[1]))).toEqual([])
  })

  it('of an object in flight, of whose pages another keeps only one', async () => {
    const wide = bio.map((row) => row.replace('0x10000+4096', '0x10000+8192'))
    const both = pin('mine').replace('+4096', '+8192')
    const findings = await auditText(rows(pin('other'), both, ...wide, unpin('mine', 50), ...end, unpin('other', 95)), [
      h43,
    ])
    expect(findings.map(({ row, pages }) => [row, pages])).toEqual([[6, 1]])
  })

  it('that a device needs which began under them', async () => {
    const dma = ['1,,dma,nic,,1,read,,0x10000+4096,,,,,,', '60,,dma_end,nic,,1,,,,,,,,,']
    expect(await found(rows(pin('mine'), dma[0], unpin('mine', 50), dma[1]))).toEqual([['H-43', 3]])
    expect(await found(rows(pin('mine'), dma[0], dma[1], unpin('mine', 90)))).toEqual([])
    const other = rows(
      pin('mine'),
      dma[0],
      pin('next').replace('0,', '2,'),
      unpin('mine', 50),
      dma[1],
      unpin('next', 90),
    )
    expect(await found(other)).toEqual([])
  })

  it('by a row of its own, ahead of the completion of the operation', async () => {
    const io = '1,100,io,request,,1,read,ubuf,0x10000+4096,,/dev/sda,0,4096,4096,direct'
    const rules = (await foundWith(GUARD_COUNT, rows(io, unpin('request', 50)))).map(([rule]) => rule)
    expect(rules).toContain('H-43')
  })
})

describe('H-45, a folio is unlocked', () => {
  const lock = '1,,lock,,,1,,,0x10000+4096,,,,,,'
  const unlock = (ts: number) => `${ts},,unlock,,,1,,,0x10000+4096,,,,,,`
  const store = '2,,dma,disk,,1,read,,0x10000+4096,,,,,,'
  const stored = '80,,dma_end,disk,,1,,,,,,,,,'

  it('while a device stores into it', async () => {
    expect(await found(rows(MAP, lock, store, unlock(50), stored))).toEqual([['H-45', 4]])
  })

  it('while a device stores by a pin, which needs no lock', async () => {
    const pinned = ['1,,pin,user,,1,read,,0x10000+4096,,,,,,', '90,,unpin,user,,1,,,,,,,,,dirty']
    expect(await found(rows(MAP, pinned[0], lock, store, unlock(50), stored, pinned[1]))).toEqual([])
  })

  it('while a device loads from another', async () => {
    expect(await found(rows(MAP, lock, store.replace('0x10000', '0x11000'), unlock(50), stored))).toEqual([])
  })

  const bio = ['2,,alloc,bio,bio,1,,,,,,,,,', '3,,attach,bio,,1,,,0x10000+4096,,,,,,', '4,,submit,bio,,1,,,,,,,4096,,']
  const end = ['80,,complete,bio,,1,,,,,,,,4096,', '81,,free,bio,,1,,,,,,,,,']

  it('while an object in flight lists it', async () => {
    expect(await found(rows(MAP, lock, ...bio, unlock(50), ...end))).toEqual([['H-45', 6]])
  })

  it('while a write of it is in flight, under writeback', async () => {
    const writeback = ['1,,writeback,,,1,,,0x10000+4096,,,,,,', '90,,writeback_end,,,1,,,0x10000+4096,,,,,,']
    expect(await found(rows(MAP, lock, writeback[0], ...bio, unlock(50), ...end, writeback[1]))).toEqual([])
  })

  it('without a lock: what is being sent changes', async () => {
    const dirty = '50,,dirty,,,1,,xarray,cached:0+4096,,,,,,'
    expect((await foundWith(GUARD_NONE, rows(fill('write'), dirty))).map(([rule]) => rule)).toContain('H-45')
    expect((await foundWith(GUARD_LOCK, rows(fill('write'), dirty))).map(([rule]) => rule)).not.toContain('H-45')
  })
})
