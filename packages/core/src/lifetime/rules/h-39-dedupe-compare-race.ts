import { WRITER_NAMES, type Writer } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { storeUnderWay } from '../store-under-way.ts'
import { severityOf } from '../verdict.ts'

export const h39 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-39',
  name: 'dedupe compare race',
  precondition: 'dedupe has compared the page and found it the same',
  event: 'its blocks are shared after something wrote to it, or while a device still does',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Leave pages alone that are pinned for writing, or compare again after the pins are gone: folio locks and write-protection stop CPUs, not devices.',
  kernel:
    'fs/remap_range.c: vfs_dedupe_file_range_compare (both folios are locked for the comparison, and unlocked before the remap), vfs_dedupe_file_range_one (6.1, 6.12, 7.3)',
  diagram: `
  device (old pin)     dedupe of A and B
  ----------------     -----------------
                       lock both folios, compare: the same, unlock
  stores into A
                       remap: B has the blocks of A from now on
                       B reads as A on disk, which nobody compared`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len
0,map,,1,,0x10000+4096,file,a,0,
1,pin,buffer,1,read,0x10000+4096,,,,
2,compare,,2,,,,a,0,4096
3,dma,,1,read,0x10000+512,,,,
4,dedupe,,2,,,,a,0,4096
5,unpin,buffer,1,,,,,,
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len
0,map,,1,,0x10000+4096,file,a,0,
1,pin,buffer,1,read,0x10000+4096,,,,
2,dma,,1,read,0x10000+512,,,,
3,unpin,buffer,1,,,,,,
4,compare,,2,,,,a,0,4096
5,dedupe,,2,,,,a,0,4096
`,
  },
  watch: (audit) => {
    /** By page that was compared: who wrote to it since, -1: nobody. Bytes are compared, not folios. */
    const compared = new Map<number, Writer | -1>()
    return {
      compare: ({ page }) => {
        compared.set(page, -1)
      },
      store: ({ page, pages, by }) => {
        if (compared.size === 0) return
        for (let at = page; at < page + pages; at++) if (compared.has(at)) compared.set(at, by)
      },
      dedupe: ({ page }) => {
        const writer = compared.get(page)
        compared.delete(page)
        if (writer === undefined) return
        const isStored = writer >= 0
        const store = isStored ? null : storeUnderWay(audit, page)
        if (!isStored && store === null) return
        audit.find(h39, {
          page,
          token: audit.tokens.writerOn(page),
          since: store?.since ?? null,
          detail: isStored
            ? `${WRITER_NAMES[writer as Writer]} wrote to it between the comparison and the remap`
            : 'a device is writing to it while its blocks are shared: what was compared is not what it will hold',
        })
      },
    }
  },
})
