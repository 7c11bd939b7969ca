import { describe, expect, it } from 'vitest'
import { foundIn } from './found.ts'

const COLUMNS = 'event,id,mm,op,segs,backing,flags'

describe('H-06: two pages in one pin, of which the device writes one', () => {
  const rows = (first: string, second: string) => `
    map,,1,,0x10000+8192,shmem
    pin,a,1,read,0x10000+8192
    dma,,1,read,0x10000+4096
    unpin,a,1,,0x10000+4096,,${first}
    unpin,a,1,,0x11000+4096,,${second}
    reclaim,,1,,0x10000+8192
  `

  it('that one is made dirty, the other need not be', async () => {
    expect(await foundIn(COLUMNS, rows('dirty', ''))).toEqual([])
  })

  it('the other one is made dirty: the data is lost', async () => {
    expect(await foundIn(COLUMNS, rows('', 'dirty'))).toEqual(['H-06@4'])
  })
})

describe('H-06: shared memory that nobody touched', () => {
  // do_shared_fault ends in fault_dirty_shared_page: the page is dirty before the pin is there, until it is cleaned.
  const rows = (flags: string, between = '') => `
    map,,1,,0x10000+4096,shmem,${flags}
    pin,a,1,read,0x10000+4096
    ${between}
    dma,,1,read,0x10000+4096
    unpin,a,1
    reclaim,,1,,0x10000+4096
  `

  it.each([
    ['the fault of the pin makes it dirty', rows('untouched'), []],
    ['memory that was touched may have been clean', rows(''), ['H-06@4']],
    ['it was cleaned since', rows('untouched', 'clean,,1,,0x10000+4096'), ['H-06@5']],
  ])('%s', async (_name, text, expected) => {
    expect(await foundIn(COLUMNS, text)).toEqual(expected)
  })
})
