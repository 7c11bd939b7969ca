import { FOLIO_DETACHED, FOLIO_LOCKED, FOLIO_NOTIFIED, FOLIO_PROTECTED } from '../folio-flags.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h05 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-05',
  name: 'dirty without notify',
  precondition: 'a page of a file was cleaned, and its file system not asked since (page_mkwrite, write_begin)',
  event: 'whoever has it pinned for writing marks it dirty',
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
  watch: (audit) => ({
    dirty: ({ page, amount, token }) => {
      const { folios, tokens } = audit
      if (amount === 1 || folios.isDirty(page) || !folios.has(page, FOLIO_PROTECTED)) return
      if (folios.has(page, FOLIO_NOTIFIED | FOLIO_DETACHED) || !folios.isFile(page)) return
      // With the folio locked it is write(2), which asked its file system before; a release takes the lock by itself.
      if (token === 0 && folios.has(page, FOLIO_LOCKED)) return
      const writer = token === 0 ? tokens.writerOn(page) : token
      if (writer === 0) return
      const cleaned = folios.history.rowOf('clean', audit.lane.memory.pages.headOf(page))
      audit.find(h05, {
        page,
        token: writer,
        detail: `the page was cleaned in row ${cleaned}, and page_mkwrite has not run since: the file system does not expect it dirty`,
      })
    },
  }),
})
