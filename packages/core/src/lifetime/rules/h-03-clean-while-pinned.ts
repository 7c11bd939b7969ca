import { FOLIO_DETACHED } from '../folio-flags.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'

export const h03 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-03',
  name: 'cleaned while pinned for writing',
  precondition: 'a page of a file is pinned for writing, or referenced for it',
  event: 'writeback cleans it: clear_page_dirty_for_io',
  verdict: 'CORRUPT',
  // It may come to nothing: whether a store follows is not known yet.
  severity: 'medium',
  advice:
    'Nothing in the kernel waits for pins here. Keep such pins short, and make the folios dirty again when they end; for long pins use anonymous memory, hugetlb or memfd (since 6.5 the kernel refuses FOLL_LONGTERM | FOLL_WRITE on tracked files).',
  kernel:
    'mm/page-writeback.c: folio_clear_dirty_for_io; mm/rmap.c: folio_mkclean: neither looks at pins, in no version; Documentation/core-api/pin_user_pages.rst; 8ac268436e6d (6.5)',
  diagram: `
  pin(write)           writeback
      |                    |
  device may store     folio_mkclean: PTEs read-only
      |                    |  (the device's address stays writable)
      +---- store -------> bytes are being read for the disk: torn
      |                    |
      +---- store ---------+------ end_writeback: clean, and not current`,
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
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+4096,file,
1,pin,buffer,1,read,0x10000+4096,,
2,dma,,1,read,0x10000+4096,,
3,unpin,buffer,1,,,,dirty
4,writeback,,1,,0x10000+4096,,
5,writeback_end,,1,,0x10000+4096,,
`,
  },
  watch: (audit) => ({
    clean: ({ page }) => {
      const { folios, tokens } = audit
      if (!folios.isBusy(page) || !folios.isFile(page) || folios.has(page, FOLIO_DETACHED)) return
      const token = tokens.writerOn(page)
      if (token === 0) return
      const mapped = folios.isStable(page) ? 'stable pages stop CPUs only' : 'write protection stops CPUs only'
      audit.find(h03, { page, token, detail: `writeback cleans a page that is held for writing: ${mapped}` })
    },
  }),
})
