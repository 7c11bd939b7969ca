import type { Audit } from '../audit.ts'
import { FOLIO_DETACHED, FOLIO_LOCKED, FOLIO_NOTIFIED, FOLIO_PROTECTED } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h05 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-05',
  name: 'dirty without notify',
  precondition: 'a page of a file was cleaned, and its file system not asked since (page_mkwrite, write_begin)',
  event: 'somebody marks it dirty: a release, or anybody who does not write(2) under its lock',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Let the pin end before the page is cleaned, or pin anew, so that the fault runs page_mkwrite again. Marking dirty alone reserves no space and breaks no sharing: ext4 warns and drops the data, a reflinked block is overwritten.',
  kernel:
    'fs/ext4/inode.c: ext4_dirty_folio, mpage_prepare_extent_to_map (cc5095747edf, 5.18: warns and cleans instead of BUG); mm/gup.c: unpin_user_pages_dirty_lock; mm/memory.c: do_page_mkwrite',
  diagram: `
  pin(write)       page_mkwrite: the file system prepares blocks
      |
  writeback        folio clean; buffers, journal credits, reservation go
      |
  device stores
      |
  unpin, dirty     set_page_dirty on a page that the file system has
      |            done with: page_mkwrite did not run
  writeback        no buffers, no space, or a block shared since`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+4096,file,
1,pin,buffer,1,read,0x10000+4096,,
2,writeback,,1,,0x10000+4096,,
3,writeback_end,,1,,0x10000+4096,,
4,dma,,1,read,0x10000+4096,,
5,unpin,buffer,1,,,,dirty
`,
    rows: [6],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+4096,file,
1,pin,first,1,read,0x10000+4096,,
2,unpin,first,1,,,,dirty
3,writeback,,1,,0x10000+4096,,
4,writeback_end,,1,,0x10000+4096,,
5,pin,again,1,read,0x10000+4096,,
6,dma,,1,read,0x10000+4096,,
7,unpin,again,1,,,,dirty
`,
  },
  watch: (audit) => {
    /** By file: the row that last copied data into its page cache; -1: into any. */
    const copied = new Map<number, number>()
    return {
      copy_in: ({ file }) => {
        copied.set(file, audit.bus.row)
        copied.set(-1, audit.bus.row)
      },
      dirty: ({ page, amount, token }) => {
        const { folios } = audit
        if (amount === 1 || folios.isDirty(page) || !folios.has(page, FOLIO_PROTECTED)) return
        if (folios.has(page, FOLIO_NOTIFIED | FOLIO_DETACHED) || !folios.isFile(page)) return
        if (token === 0 && isWrite(audit, page, copied)) return
        const head = folios.headOf(page)
        const cleaned = folios.history.rowOf('clean', head)
        const writer = token === 0 ? audit.tokens.writerOn(page) : token
        audit.find(h05, {
          page,
          token: writer,
          detail: `the page was cleaned in row ${grouped(cleaned)}, and page_mkwrite has not run since: the file system does not expect it dirty`,
        })
      },
    }
  },
})

/** It is locked, and under this lock data was copied into it: write(2), which asked its file system before. */
function isWrite({ folios, lane, tasks }: Audit, page: number, copied: ReadonlyMap<number, number>): boolean {
  if (!folios.has(page, FOLIO_LOCKED)) return false
  const head = lane.memory.pages.headOf(page)
  let isWritten = false
  let isTold = false
  tasks.eachLock((lock) => {
    if (folios.headOf(lock.page) !== head) return
    isTold = true
    const stored = Math.max(folios.history.rowOf('store', head), folios.history.rowOf('mkwrite', head))
    if (Math.max(stored, copied.get(lock.file) ?? -1) >= lock.row) isWritten = true
  })
  return isWritten || !isTold
}
