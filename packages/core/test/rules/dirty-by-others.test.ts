import { describe, expect, it } from 'vitest'
import { foundIn } from './found.ts'

const COLUMNS = 'event,id,mm,op,segs,backing,file,offset,len,flags'
const FILE = 'map,,1,,0x10000+4096,file,f,0\n'
const SHMEM = 'map,,1,,0x10000+4096,shmem,f,0\n'
const DIRTY = 'dirty,,1,,0x10000+4096\n'
const CLEANED = 'writeback,,1,,0x10000+4096\nwriteback_end,,1,,0x10000+4096\n'

describe('references of the get family, released with dirty', () => {
  const get = (op: string, rows: string) =>
    foundIn(COLUMNS, `${FILE}get,a,1,${op},0x10000+4096\ndma,,1,${op},0x10000+4096\n${rows}`)

  it('of a source: needless', async () => {
    expect(await get('write', `${DIRTY}put,a,1\n`)).toEqual(['H-07@4'])
    expect(await get('write', 'put,a,1,,,,,,,dirty\n')).toEqual(['H-07@4'])
    expect(await get('read', 'put,a,1,,,,,,,dirty\n')).toEqual([])
    expect(await get('write', 'store,,1,,0x10000+8\nput,a,1\n')).toEqual([])
  })

  it('where nothing may sleep', async () => {
    expect(await get('read', 'put,a,1,,,,,,,dirty atomic\n')).toEqual(['H-09@4'])
    expect(await get('read', 'dirty,,1,,0x10000+4096,,,,,atomic\nput,a,1\n')).toEqual(['H-09@4'])
    expect(await get('read', 'put,a,1,,,,,,,dirty worker\n')).toEqual([])
  })

  it('of shared memory that was written to: the data is saved', async () => {
    const rows = (flags: string) =>
      `${SHMEM}get,a,1,read,0x10000+4096\ndma,,1,read,0x10000+4096\nput,a,1,,,,,,,${flags}\nreclaim,,1,,0x10000+4096\n`
    expect(await foundIn(COLUMNS, rows('dirty'))).toEqual([])
    expect(await foundIn(COLUMNS, rows(''))).toEqual(['H-06@4'])
  })
})

describe('H-05: a clean page is made dirty by somebody who holds nothing', () => {
  it('after the writeback', async () => {
    expect(await foundIn(COLUMNS, `${FILE}${CLEANED}${DIRTY}`)).toEqual(['H-05@4'])
  })

  it('who asked the file system first', async () => {
    expect(await foundIn(COLUMNS, `${FILE}${CLEANED}mkwrite,,1,,0x10000+4096\n${DIRTY}`)).toEqual([])
    expect(await foundIn(COLUMNS, `${FILE}${CLEANED}store,,1,,0x10000+8\n${DIRTY}`)).toEqual([])
  })
})

describe('H-08: made dirty after the release', () => {
  const SHARED = `${SHMEM}get,a,1,read,0x10000+4096\nput,a,1\n`

  it('though no device was seen to write, and though it was dirty before', async () => {
    expect(await foundIn(COLUMNS, SHARED + DIRTY)).toEqual(['H-08@4'])
    expect(await foundIn(COLUMNS, `${SHARED.replace('put,a,1', 'put,a,1,,,,,,,dirty')}${DIRTY}`)).toEqual(['H-08@4'])
  })

  it('though somebody locked or cleaned it meanwhile', async () => {
    const locked = 'lock,,2,,,,f,0,4096\nunlock,,2,,,,f,0,4096\n'
    expect(await foundIn(COLUMNS, SHARED + locked + DIRTY)).toEqual(['H-08@6'])
    expect(await foundIn(COLUMNS, SHARED + CLEANED + DIRTY)).toEqual(['H-08@6'])
  })

  it('but not by another, under the lock, or after a store of its own', async () => {
    expect(await foundIn(COLUMNS, SHARED + DIRTY.replace(',,1,', ',,2,'))).toEqual([])
    expect(await foundIn(COLUMNS, `${SHARED}lock,,1,,,,f,0,4096\n${DIRTY}unlock,,1,,,,f,0,4096\n`)).toEqual([])
    expect(await foundIn(COLUMNS, `${SHARED}store,,1,,0x10000+8\n${DIRTY}`)).toEqual([])
    expect(await foundIn(COLUMNS, `${SHARED.replace('put,a,1\n', '')}${DIRTY}put,a,1\n`)).toEqual([])
  })
})
