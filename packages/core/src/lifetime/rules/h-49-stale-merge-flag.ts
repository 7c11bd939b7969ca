import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { IN_RING } from '../since.ts'
import { severityOf } from '../verdict.ts'

export const h49 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-49',
  name: 'stale merge flag',
  precondition: 'a slot of a ring took a page, and its flags were left as they were',
  event: 'bytes are appended to what the slot has',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Set every field of a slot when it is filled, above all the flags: what the slot held before may have allowed to append (PIPE_BUF_FLAG_CAN_MERGE).',
  kernel:
    'lib/iov_iter.c: copy_page_to_iter_pipe, push_pipe (9d2231c5d74e; 5.17, 5.16.11, 5.15.25, 5.10.102; CVE-2022-0847); fs/pipe.c: pipe_write; f6dd975583bd (5.8) made it reachable',
  diagram: `
  slot n   pipe_write: own page, flags = CAN_MERGE
      |
  slot n   read out: the page goes, the flags stay
      |
  slot n   splice: page of a file, flags not set: still CAN_MERGE
      |
  write    appends to slot n  ------>  the page cache of the file`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+4096,file,
1,map,,1,,0x20000+4096,anon,
2,slot,pipe,1,,0x20000+4096,,reset
3,append,pipe,1,,0x20000+4096,,
4,get,page,1,write,0x10000+4096,,
5,slot,pipe,1,,0x10000+4096,,
6,append,pipe,1,,0x10000+4096,,
7,put,page,1,,,,
`,
    rows: [7],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+4096,file,
1,map,,1,,0x20000+4096,anon,
2,get,page,1,write,0x10000+4096,,
3,slot,pipe,1,,0x10000+4096,,reset
4,slot,pipe,1,,0x20000+4096,,reset
5,append,pipe,1,,0x20000+4096,,
6,put,page,1,,,,
`,
  },
  watch: (audit) => {
    /** By ring and page: the row that put it into a slot without setting the flags. */
    const stale = new Map<number, Map<number, number>>()
    /** The same of pages that the ring has allocated itself. */
    const staleOwn = new Map<number, Map<number, number>>()
    return {
      slot: ({ object, page, amount }) => {
        stale.get(object)?.delete(page)
        staleOwn.get(object)?.delete(page)
        if (amount === 1 || page < 0) return
        const rings = isAnothers(page) ? stale : staleOwn
        const ofRing = rings.get(object) ?? new Map<number, number>()
        rings.set(object, ofRing.set(page, audit.bus.row))
      },
      append: ({ object, page }) => {
        const ownRow = staleOwn.get(object)?.get(page)
        if (ownRow !== undefined) audit.find(h49, { page, verdict: 'CONTRACT', detail: ownDetail(ownRow) })
        const row = stale.get(object)?.get(page)
        if (row === undefined) return
        const detail = `row ${grouped(row)} filled the slot and left its flags: what was in it before says that bytes may be appended`
        audit.find(h49, { page, since: { row, what: IN_RING }, detail })
      },
    }

    function ownDetail(row: number): string {
      return `row ${row} filled the slot and left its flags: bytes are appended, and only because the page is the ring's own is nobody harmed`
    }

    /** A page of the page cache, or one that a reference was taken on: the ring allocated it not itself. */
    function isAnothers(page: number): boolean {
      if (audit.folios.isPageCache(page)) return true
      let isTaken = false
      audit.tokens.eachOn(page, 1, () => {
        isTaken = true
      })
      return isTaken
    }
  },
})
