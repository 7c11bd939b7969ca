import { RETAIN_NONE } from '../../extract/retention.ts'
import type { Audit } from '../audit.ts'
import { borrowedIn } from '../borrowed.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { sinceListed } from '../since.ts'
import { severityOf } from '../verdict.ts'

const STOLEN = 'nothing was taken on these pages: a reference of their owner is dropped'

export const h16 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-16',
  name: 'release of borrow',
  precondition: 'pages were named, and nothing was taken on them (KVEC, BVEC, XARRAY, FOLIOQ)',
  event: 'they are put or unpinned',
  verdict: 'DOUBLE',
  severity: severityOf('DOUBLE'),
  advice:
    'Release only what iov_iter_extract_will_pin() says was pinned: user-backed iterators and nothing else. Remember the answer at extraction time.',
  kernel: 'include/linux/uio.h: iov_iter_extract_will_pin; block/bio.c: bio_release_pages (BIO_PAGE_PINNED)',
  diagram: `
  owner has the page                     refcount 1
       |
  extract from a BVEC: no reference      refcount 1
       |
  consumer puts "its" page               refcount 0: freed under the owner`,
  example: {
    broken: `# pinscope-trace 1
ts,end,event,id,mm,op,iter,segs
0,,get,head,1,write,ubuf,0x10000+4096
1,20,io,send,1,write,bvec,0x500:0+8192
2,,put,send,1,,,
30,,put,head,1,,,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,end,event,id,mm,op,iter,segs
0,,get,head,1,write,ubuf,0x10000+4096
1,20,io,send,1,write,bvec,0x500:0+8192
30,,put,head,1,,,
`,
  },
  watch: (audit) => ({
    put: ({ page }) => tellBorrowed(audit, page),
    raw: ({ page, amount }) => {
      if (amount < 0) tellBorrowed(audit, page)
    },
    put_borrowed: ({ page, pages }) => audit.find(h16, { page, pages, detail: STOLEN }),
    violation: ({ detail, row, pages, amount }) => {
      // Without pages nothing was named: the row is wrong, or what it lets go was taken before the trace began. Of what a row
      // took, more than it took is a wrong count: H-17.
      const isNamed = detail === 'unknown-release' && pages > 0 && row === 0 && !audit.lane.isImported
      const isBorrow = isNamed || (detail === 'double-release' && amount === RETAIN_NONE)
      if (isBorrow) audit.find(h16, { since: sinceListed(row), pages, detail: STOLEN })
    },
  }),
})

/** A page is put of which nothing was taken by name. */
function tellBorrowed(audit: Audit, page: number): void {
  const { folios, tokens } = audit
  if (tokens.plain.owed(folios.headOf(page)) > 0 || tokens.plain.ownOf(page) > 0) return
  const borrowed = borrowedIn(audit, page)
  if (borrowed !== null) audit.find(h16, { ...borrowed, page, detail: STOLEN })
}
