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
