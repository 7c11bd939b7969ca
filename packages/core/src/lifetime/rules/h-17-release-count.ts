import { ZERO_PAGE } from '../../memory/page-store.ts'
import type { Audit } from '../audit.ts'
import { borrowedIn } from '../borrowed.ts'
import { grouped } from '../grouped.ts'
import { LEAK_SHORT, leakOf } from '../leak.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

// Too few let go is a leak, the rule's own verdict; too many is the other one.
const SURPLUS = 'more pages are let go than were taken: references of somebody else go'
const SURPLUS_OF_FOLIO = 'more references of this folio are put than were taken on it'

export const h17 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-17',
  name: 'release count',
  precondition: 'references were taken on n pages',
  event: 'those of another number of pages are dropped',
  verdict: 'LEAK',
  severity: severityOf('LEAK'),
  advice:
    'A reference is owed for each page that was spanned, counted from the offset in the first one, and on the folio that each page is in: not one for a folio, nor all on the first.',
  kernel:
    'block/bio.c: __bio_release_pages; 38b43539d64b; lib/iov_iter.c: __iov_iter_get_pages_alloc; 770c8d55c428; mm/gup.c: unpin_user_page_range_dirty_lock',
  diagram: `
  pin 512 pages of a 2 MiB folio     refcount + 512, pincount + 512
       |
  unpin(head) x 1                    refcount - 1,   pincount - 1
       |
  left over                          511 pins: it can never be moved

  get_page(first) x 3, put_page of 3 folios: the first keeps 2 too many,
  each of the others loses one that was not taken.`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing
0,map,,1,,0x200000+2097152,thp
1,pin,buffer,1,read,0x200000+16384,
2,unpin,buffer,1,,0x200000+4096,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing
0,map,,1,,0x200000+2097152,thp
1,pin,buffer,1,read,0x200000+16384,
2,unpin,buffer,1,,0x200000+4096,
3,unpin,buffer,1,,0x200000+12288,
`,
  },
  watch: (audit) => ({
    put: ({ page }) => tellSurplus(audit, page),
    raw: ({ page, amount }) => {
      // What the counter of a tail page itself is off by is told when all is over: H-15.
      if (amount < 0 && page === audit.folios.headOf(page)) tellSurplus(audit, page)
    },
    violation: ({ detail, row, pages }) => {
      if (detail === 'unknown-release' && row > 0)
        audit.find(h17, { verdict: 'DOUBLE', takenRow: row, pages, detail: SURPLUS })
    },
    end: ({ token, page, pages }) => {
      if (leakOf(audit, token) !== LEAK_SHORT) return
      const { shortRow } = audit.tokens
      const detail = 'fewer pages were let go than were taken: the rest is held for ever'
      audit.find(h17, { token, page, pages, row: shortRow[token], detail })
    },
    over: () => {
      audit.tokens.plain.eachOwed((page, owed, drops, row, line) => {
        // Where none was put they were forgotten, not miscounted: H-11.
        if (drops === 0) return
        const detail = `${grouped(owed)} more references of this folio were taken than were put`
        audit.find(h17, { page, pages: owed, row, line, takenRow: row, detail })
      })
    },
  }),
})

/** A page is put, and no reference was taken by its name. */
function tellSurplus(audit: Audit, page: number): void {
  const { folios, tokens } = audit
  if (tokens.plain.owed(folios.headOf(page)) > 0 || tokens.plain.ownOf(page) > 0) return
  // Where a list names it that took nothing it is H-16. The zero page is never freed.
  if (page !== ZERO_PAGE && borrowedIn(audit, page) === null)
    audit.find(h17, { verdict: 'DOUBLE', page, detail: SURPLUS_OF_FOLIO })
}
