import { describe, expect, it } from 'vitest'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

// Who makes pages dirty besides faults: write(2), which asks the file system first (reference/lifetime.md 3.2: C0/C1 -> D0), and
// reads of bio, which dirty every target that a user has, whatever backs it (4.1). Under every rule.

const HEAD = '# pinscope-trace 1\n# filesystem ext4\n'
const COLUMNS = 'ts,end,event,id,mm,op,segs,backing,file,offset,len,flags,consumer\n'
const MAP = '0,,map,,1,,0x10000+4096,file,/data,0,,,\n'
const CLEANED = `1,,pin,b,1,read,0x10000+4096,,,,,,\n2,,writeback,,,,,,/data,0,4096,,\n3,,writeback_end,,,,,,/data,0,4096,,\n`
const USED = '5,,dma,,1,read,0x10000+4096,,,,,,\n6,,unpin,b,1,,,,,,,dirty,\n'

async function found(rows: string, header = HEAD): Promise<string[]> {
  const findings = await auditText(header + COLUMNS + rows, HAZARD_RULES)
  return findings.map(({ rule, row }) => `${rule}@${row}`)
}

describe('write(2) into a page that a device has pinned: the file system was asked, and expects it dirty', () => {
  const write = '4,,io,,1,write,0x20000+4096,,/data,0,4096,,buffered\n'

  it('by no write at all: it was not', async () => {
    expect(await found(MAP + CLEANED + USED)).toEqual(['H-03@3', 'H-05@6'])
  })

  it('as an operation of the consumer buffered, whichever lane the pin is in', async () => {
    expect(await found(MAP + CLEANED + write + USED)).toEqual(['H-03@3'])
    const oneLane = (MAP + CLEANED + write + USED).replaceAll(/,\n/g, ',buffered\n')
    expect(await found(oneLane)).toEqual(['H-03@3'])
  })

  it('of another part of the file, or a read: it was not', async () => {
    expect(await found(MAP + CLEANED + write.replace(',0,4096', ',4096,4096') + USED)).toEqual(['H-03@3', 'H-05@7'])
    expect(await found(MAP + CLEANED + write.replace('write', 'read') + USED)).toEqual(['H-03@3', 'H-05@7'])
  })

  it('as a row of what was copied, with the folio locked', async () => {
    const range = ',,1,,,,/data,0,4096,,\n'
    const rows = ['lock', 'copy_in', 'unlock'].map((event) => `4,,${event}${range}`).join('')
    expect(await found(MAP + CLEANED + rows + USED)).toEqual(['H-03@3'])
  })

  it('waits for stable pages, and tears nothing', async () => {
    const stable = `${HEAD}# stable-writes yes\n`
    const store = '1,,store,,1,,0x10000+64,,,,,,\n'
    const begun = '2,,writeback,,,,,,/data,0,4096,,\n'
    const ended = '5,,writeback_end,,,,,,/data,0,4096,,\n'
    const copied = '4,,copy_in,,1,,,,/data,0,4096,,\n'
    const waits: number[] = []
    await auditText(stable + COLUMNS + MAP + store + begun + copied + ended, [
      { ...HAZARD_RULES[0]!, watch: ({ folios }) => ({ writeback_end: () => waits.push(folios.waits.store) }) },
    ])
    expect(waits).toEqual([1])
    expect(await found(MAP + store + begun + copied + ended, stable)).toEqual([])
  })
})

describe('a read into shared memory makes it dirty, as any other', () => {
  const map = '0,,map,,1,,0x10000+8192,shmem,,,,,\n'
  const store = '1,,store,,1,,0x11000+64,,,,,,\n'
  const read = '2,3,io,,1,read,0x10000+4096,,/disk,0,4096,direct,bio\n'
  const reclaim = '4,,reclaim,,1,,0x10000+4096,,,,,,\n'

  it('bio: nothing is lost', async () => {
    expect(await found(map + store + read + reclaim)).toEqual([])
  })

  it('released with dirty by hand: nothing is lost; without: all of it', async () => {
    const pin = '2,,pin,b,1,read,0x10000+4096,,,,,,\n3,,dma,,1,read,0x10000+4096,,,,,,\n'
    const unpin = (flags: string): string => `3,,unpin,b,1,,,,,,,${flags},\n`
    expect(await found(map + pin + unpin('dirty') + reclaim)).toEqual([])
    expect(await found(map + pin + unpin('') + reclaim)).toEqual(['H-06@4'])
  })
})
