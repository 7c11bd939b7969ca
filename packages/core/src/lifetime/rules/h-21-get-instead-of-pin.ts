import { RETAIN_REF } from '../../extract/retention.ts'
import { isAnonymous, ZERO_PAGE } from '../../memory/page-store.ts'
import type { Audit } from '../audit.ts'
import { BY_CPU } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h21 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-21',
  name: 'GET instead of PIN',
  precondition:
    'anonymous memory was taken to be written to, and copy-on-write put another page in its place; or it was taken for reading only, and is the zero page or shared copy-on-write',
  event: 'a device stores into the page that was taken',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Pin what a device writes to (pin_user_pages, iov_iter_extract_pages): fork copies a pinned page for the child at once, and the parent keeps it. A reference does not tell fork anything. And ask for writing (FOLL_WRITE): else the copy is not made first.',
  kernel:
    'mm/memory.c: copy_present_page, do_wp_page; include/linux/mm.h: folio_needs_cow_for_dma; Documentation/core-api/pin_user_pages.rst (case 5); 70e806e4e645, 57efa1fe5957, 80d47f5de5e3',
  diagram: `
  parent                 page A            page B         device
    | get_user_pages ---> ref +1 <------------------------- DMA address
    | fork()              A read-only in parent and child
    | store: fault        refcount > 1:
    |                     copy ---------->  parent's now
    |                                                     stores
    |                     the data is here <--------------
    | load -------------------------------> old contents`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,result
0,map,,1,,0x10000+8192,anon,
1,get,buffer,1,read,0x10000+4096,,
2,dma,nic,1,read,0x10000+4096,,
3,fork,,1,,,,2
4,store,,1,,0x10000+8,,
5,dma_end,nic,1,,,,
6,put,buffer,1,,,,
`,
    rows: [6],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,result
0,map,,1,,0x10000+8192,anon,
1,pin,buffer,1,read,0x10000+4096,,
2,dma,nic,1,read,0x10000+4096,,
3,fork,,1,,,,2
4,store,,1,,0x10000+8,,
5,dma_end,nic,1,,,,
6,unpin,buffer,1,,,,
`,
  },
  watch: (audit) => {
    /** By page row: the address space that has a copy instead, while it is owed data there. */
    const lost = new Map<number, number>()
    return {
      cow: ({ page, object }) => {
        if (audit.folios.isBusy(page) && writerOf(audit, page, object) !== 0) lost.set(page, object)
      },
      store: ({ page, pages, by }) => {
        if (by === BY_CPU) return
        if (audit.forks > 0 || page === ZERO_PAGE) tellShared(audit, page, pages)
        if (lost.size === 0) return
        for (let at = page; at < page + pages; at++) {
          const mm = lost.get(at)
          const token = mm === undefined ? 0 : writerOf(audit, at, mm)
          if (token === 0) continue
          const how =
            audit.tokens.retention(token) === RETAIN_REF ? 'only a reference was taken' : 'fork did not heed the pin'
          const detail = `${how}: the address space has a copy of the page by now, and never sees what is stored`
          audit.find(h21, { page: at, token, detail })
        }
      },
    }
  },
})

/** Nobody who took the pages asked to write, so copy-on-write did not come first: whoever shares them gets the data too. */
function tellShared(audit: Audit, first: number, count: number): void {
  const { pages } = audit.lane.memory
  for (let page = first; page < first + count; page++) {
    if (page !== ZERO_PAGE && !(isAnonymous(pages.kindOf(page)) && !pages.isExclusive(page))) continue
    const token = readerOf(audit, page)
    if (token !== 0) audit.find(h21, { page, token, detail: page === ZERO_PAGE ? INTO_ZERO_PAGE : INTO_SHARED })
  }
}

const INTO_ZERO_PAGE = 'it was taken without asking to write: it is the zero page, which all address spaces have'
const INTO_SHARED = 'it was taken without asking to write: copy-on-write left it shared, and others have the data too'

/** A token of user memory on the page that is not for writing, 0 where there is none, or one that is. */
function readerOf({ tokens }: Audit, page: number): number {
  let found = 0
  let isForWriting = false
  tokens.eachOn(page, 1, (token) => {
    if (tokens.isDest[token] === 1) isForWriting = true
    else if (tokens.isUser[token] === 1) found = token
  })
  return isForWriting ? 0 : found
}

/** The token through which something is written to a page for an address space, 0 where there is none. */
function writerOf(audit: Audit, page: number, mm: number): number {
  const { tokens } = audit
  let found = 0
  tokens.eachOn(page, 1, (token) => {
    if (tokens.isDest[token] === 1 && tokens.isUser[token] === 1 && tokens.mm[token] === mm) found = token
  })
  return found
}
