import { RETAIN_PIN } from '../../extract/retention.ts'
import { isAnonymous } from '../../memory/page-store.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h22 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-22',
  name: 'pin of a shared anonymous page',
  precondition: 'an anonymous page may be shared with another address space since a fork',
  event: 'it is pinned as it is, without the fault that gives the address space a page of its own',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Pin through pin_user_pages, which unshares first (FAULT_FLAG_UNSHARE), or breaks copy-on-write where FOLL_WRITE is asked for; never pin a page that was found in a page table or by its frame.',
  kernel:
    'mm/internal.h: gup_must_unshare (6.1: include/linux/mm.h); mm/gup.c: follow_page_pte, sanity_check_pinned_pages; include/linux/page-flags.h: PG_anon_exclusive; a7f226604170',
  diagram: `
  parent   child            parent   child
      \\     /                  |        |
      page A  not exclusive  page A'  page A     unshare fault first:
        ^                      ^                 the pinned page is
        |                      |                 exclusive, and no
       pin                    pin                store replaces it
   a store of the parent
   copies A: the device
   stays on the child's`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,result,flags
0,map,,1,,0x10000+8192,anon,,
1,store,,1,,0x10000+8192,,,
2,fork,,1,,,,2,
3,pin,buffer,1,read,0x10000+8192,,,raw
4,unpin,buffer,1,,,,,
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,result,flags
0,map,,1,,0x10000+8192,anon,,
1,store,,1,,0x10000+8192,,,
2,fork,,1,,,,2,
3,pin,buffer,1,read,0x10000+8192,,,
4,unpin,buffer,1,,,,,
`,
  },
  watch: (audit) => ({
    acquire: ({ token, page }) => {
      // Only after a fork is an anonymous page of a user not exclusive.
      if (audit.forks === 0 || audit.tokens.retention(token) !== RETAIN_PIN) return
      const { pages } = audit.lane.memory
      let shared = 0
      audit.lane.ledger.eachRun(token, (first, count) => {
        for (let at = first; at < first + count; at++)
          if (isAnonymous(pages.kindOf(at)) && !pages.isExclusive(at)) shared++
      })
      if (shared === 0) return
      const detail = 'a pinned page is not exclusive: the next store through a page table leaves the pin on the old one'
      audit.find(h22, { token, page, pages: shared, detail })
    },
  }),
})
