import { describe, expect, it } from 'vitest'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

// Scenarios 1 and 3 of reference/lifetime.md 19, the timelines of 6, the matrix of 5.3 and the table of 8, under every rule.

const HEAD = '# pinscope-trace 1\n# filesystem ext4\n'
const STABLE = `${HEAD}# stable-writes yes\n`
const COLUMNS = 'ts,event,id,mm,op,iter,segs,backing,file,offset,len,flags,result\n'
const MAP = '0,map,,1,,,0x10000+4096,file,/data,0,,,\n'
const PIN = '1,pin,buffer,1,read,,0x10000+4096,,,,,,\n'
const WRITEBACK = '2,writeback,,,,,,,/data,0,4096,,\n'
const END = '3,writeback_end,,,,,,,/data,0,4096,,\n'
const DMA = '4,dma,,1,read,,0x10000+4096,,,,,,\n'
const UNPIN = '5,unpin,buffer,1,,,,,,,,,\n'
const UNPIN_DIRTY = '5,unpin,buffer,1,,,,,,,,dirty,\n'

describe.each(KERNEL_VERSIONS)('under %s', (kernel) => {
  /** `rule@row` of every finding, in order. */
  async function found(rows: string, header = HEAD): Promise<string[]> {
    const findings = await auditText(header + COLUMNS + rows, HAZARD_RULES, { kernel })
    return findings.map(({ rule, row }) => `${rule}@${row}`)
  }

  describe('scenarios', () => {
    it('1: pinned, cleaned, stored to, released with dirty: H-03 and H-05; the dirty makes up for H-02', async () => {
      expect(await found(MAP + PIN + WRITEBACK + END + DMA + UNPIN_DIRTY)).toEqual(['H-03@3', 'H-05@6'])
    })

    it('1: the finding says who holds the page since when, and what happened to it', async () => {
      const findings = await auditText(HEAD + COLUMNS + MAP + PIN + WRITEBACK + END + DMA + UNPIN_DIRTY, HAZARD_RULES, {
        kernel,
      })
      const [cleaned, dirtied] = findings
      expect([cleaned?.holder, cleaned?.takenRow, cleaned?.backing, cleaned?.pages]).toEqual(['pin row', 2, 'file', 1])
      expect([dirtied?.verdict, dirtied?.holder, dirtied?.takenRow]).toEqual(['CONTRACT', 'pin row', 2])
      expect(dirtied?.history.map(({ row, what }) => `${row} ${what}`)).toEqual([
        '2 pinned by pin row',
        '3 cleaned and write-protected',
        '3 writeback began',
        '4 writeback ended',
        '5 stored to',
      ])
    })

    it('3: a device stores under writeback of a mapping with stable pages: H-01', async () => {
      const rows = await found(MAP + PIN + WRITEBACK + DMA.replace('4,', '2,') + END + UNPIN_DIRTY, STABLE)
      expect(rows.filter((one) => one.startsWith('H-01'))).toEqual(['H-01@4'])
      expect(rows).toEqual(['H-03@3', 'H-01@4', 'H-05@6'])
    })

    it('the same without stable pages: no H-01', async () => {
      const rows = await found(MAP + PIN + WRITEBACK + DMA.replace('4,', '2,') + END + UNPIN_DIRTY)
      expect(rows).toEqual(['H-03@3', 'H-05@6'])
    })

    it('the pin ends before the page is cleaned: nothing', async () => {
      const sound = MAP + PIN + DMA.replace('4,', '1,') + UNPIN_DIRTY.replace('5,', '1,') + WRITEBACK + END
      expect(await found(sound, STABLE)).toEqual([])
    })
  })

  describe('a store while the folio is under writeback (5.3)', () => {
    const start = '1,store,,1,,,0x10000+4096,,,,,,\n'
    const cpu = '2,store,,1,,,0x10000+64,,,,,,\n'
    const rude = '2,store,,1,,,0x10000+64,,,,,nowait,\n'

    it.each([HEAD, STABLE])('a CPU proceeds or waits: nothing to find (%#)', async (header) => {
      expect(await found(MAP + start + WRITEBACK + cpu + END, header)).toEqual([])
    })

    it('a CPU that does not wait breaks stable pages, and nothing else', async () => {
      expect(await found(MAP + start + WRITEBACK + rude + END, STABLE)).toEqual(['H-01@4'])
      expect(await found(MAP + start + WRITEBACK + rude + END)).toEqual([])
    })
  })

  describe('timelines (6)', () => {
    it('T-A without the last step: the store is lost when the page is reclaimed', async () => {
      const rows = await found(`${MAP + PIN + WRITEBACK + END + DMA + UNPIN}6,reclaim,,,,,,,/data,0,4096,,\n`)
      expect(rows).toEqual(['H-03@3', 'H-02@5', 'H-06@6'])
    })

    it('T-B: the store comes while the disk reads the page: torn', async () => {
      const load = '2,dma,disk,1,write,,0x10000+4096,,,,,,\n'
      const loaded = '3,dma_end,disk,,,,,,,,,,\n'
      const rows = MAP + PIN + WRITEBACK + load + DMA.replace('4,', '2,') + loaded + END + UNPIN_DIRTY
      expect(await found(rows)).toEqual(['H-03@3', 'H-04@5', 'H-05@8'])
    })

    it('T-C: reflink while pinned; the store and the dirty go to a block that another file has too', async () => {
      const reflink = '3,reflink,,,,,,,/data,0,4096,,\n'
      const rows = await found(MAP + PIN + WRITEBACK + END + reflink + DMA + UNPIN_DIRTY)
      expect(rows).toEqual(expect.arrayContaining(['H-03@3', 'H-38@5', 'H-05@7']))
    })

    it('T-D: truncate while pinned: nothing is marked dirty, nothing of the file is wrong', async () => {
      const truncate = '2,truncate,,,,,,,/data,0,,,\n'
      const rows = await found(MAP + PIN + truncate + DMA + UNPIN_DIRTY)
      expect(rows.filter((one) => /H-0[1-8]/.test(one))).toEqual([])
    })

    it('T-E: fork, a reference only, the parent writes first: the device stores into the page of the child', async () => {
      const rows =
        '0,map,,1,,,0x10000+4096,anon,,,,,\n1,get,buffer,1,read,,0x10000+4096,,,,,,\n2,fork,,1,,,,,,,,,2\n' +
        '3,store,,1,,,0x10000+64,,,,,,\n4,dma,nic,2,read,,0x10000+4096,,,,,,\n5,dma_end,nic,,,,,,,,,,\n6,put,buffer,1,,,,,,,,,\n'
      expect((await found(rows)).filter((one) => one.startsWith('H-21')).length).toBe(1)
      const pinned = rows.replace('get,', 'pin,').replace('put,', 'unpin,').replace('dma,nic,2', 'dma,nic,1')
      expect(await found(pinned)).toEqual([])
    })
  })

  describe('what a release does with dirty (8)', () => {
    const dma = '2,dma,,1,read,,0x10000+4096,,,,,,\n'

    it('a user destination that was written: with dirty', async () => {
      expect(await found(MAP + PIN + dma + UNPIN_DIRTY)).toEqual([])
    })

    it('written, released clean while the folio is dirty from the fault of the pin: nothing is lost', async () => {
      expect(await found(MAP + PIN + dma + UNPIN)).toEqual([])
    })

    it.each([UNPIN, UNPIN_DIRTY])('a user destination to which nothing was written: either way (%#)', async (unpin) => {
      expect(await found(MAP + PIN + unpin)).toEqual([])
    })

    it('a user source: never dirty', async () => {
      const pin = PIN.replace('read', 'write')
      expect(await found(MAP + pin + UNPIN)).toEqual([])
      expect(await found(MAP + pin + UNPIN_DIRTY)).toEqual(['H-07@3'])
    })

    it('pages of a bvec are the business of their owner', async () => {
      const pin = '1,pin,buffer,,read,bvec,0x100:0+4096,,,,,,\n'
      expect(await found(pin + UNPIN)).toEqual([])
      expect(await found(pin + UNPIN_DIRTY)).toEqual(['H-07@2'])
    })

    it('no dirty from an interrupt', async () => {
      expect(await found(MAP + PIN + dma + UNPIN_DIRTY.replace('dirty', 'dirty atomic'))).toEqual(['H-09@4'])
    })
  })
})
