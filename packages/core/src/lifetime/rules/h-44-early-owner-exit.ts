import { KIND_SLAB, PAGE_KINDS } from '../../memory/page-store.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { GUARD_COUNT, GUARD_NONE } from '../borrows.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../folio-flags.ts'
import type { ObjectEntry } from '../objects.ts'
import { overlaps, type PageRange } from '../page-range.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const KIND_VMALLOC = PAGE_KINDS.indexOf('vmalloc')

export const h44 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-44',
  name: 'early owner exit',
  precondition:
    'pages are listed without a reference (BVEC, XARRAY, FOLIOQ): their creator keeps them until the I/O is over',
  event: 'the creator frees or puts them, or truncates their file, or the kernel moves or reclaims them, before that',
  verdict: 'UAF',
  severity: severityOf('UAF'),
  advice:
    'Whoever builds an iterator over pages puts them when the request is complete, not when it was submitted: in its completion, or after a wait for all of it.',
  kernel:
    'lib/iov_iter.c: iov_iter_extract_bvec_pages, iov_iter_extract_xarray_pages (no reference is taken); fs/netfs/buffered_read.c: netfs_read_gaps, 3e5dd91b87a8',
  diagram: `
  creator              receiver
  bvec[0..13] = page
  submit  ---------->  the reply is on its way
  put page: freed
                       copies the reply into bvec[0..13]:
                       into a page that is somebody else's`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,call,mm,segs,backing,len
0,map,,,1,0x10000+4096,anon,
1,alloc,request,request,1,,,
2,attach,request,,1,0x10000+4096,,
3,submit,request,,1,,,4096
4,free,,,1,0x10000+4096,,
5,complete,request,,1,,,
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,call,mm,segs,backing,len
0,map,,,1,0x10000+4096,anon,
1,alloc,request,request,1,,,
2,attach,request,,1,0x10000+4096,,
3,submit,request,,1,,,4096
4,complete,request,,1,,,
5,free,,,1,0x10000+4096,,
`,
  },
  watch: (audit) => ({
    free: ({ page, offsetBytes, bytes }) => {
      const kind = audit.lane.memory.pages.kindOf(page)
      if (kind === KIND_SLAB || kind === KIND_VMALLOC) return
      // A lock on the page keeps its contents, not the page.
      const takenRow = borrowedIn(audit, page, offsetBytes, offsetBytes + bytes, true)
      tell(audit, page, takenRow || workedOnIn(audit, { page, offsetBytes, bytes }), 'its creator frees it')
    },
    migrate: ({ page }) => leave(audit, page, 'it moves to another place'),
    reclaim: ({ page }) => {
      if (!audit.folios.isDirty(page)) leave(audit, page, 'it is reclaimed')
    },
    invalidate: ({ page }) => {
      if (!audit.folios.isDirty(page)) leave(audit, page, 'it leaves its file')
    },
    truncate: ({ page }) => leave(audit, page, 'its file is truncated'),
    release: ({ token }) => {
      const { borrows, ledger } = audit.lane
      if (borrows.open === 0 || audit.bus.operation !== 0) return
      ledger.eachRun(token, (first, count) => {
        for (let page = first; page < first + count; page++) {
          const takenRow = borrowedIn(audit, page, 0, PAGE_SIZE, false)
          if (takenRow !== 0 && !isKept(audit, page, token)) tell(audit, page, takenRow, 'its creator puts it')
        }
      })
    },
  }),
})

function tell(audit: Audit, page: number, takenRow: number, what: string): void {
  if (takenRow === 0) return
  audit.find(h44, {
    page,
    takenRow,
    detail: `${what} while row ${takenRow} has it in flight, and nothing else keeps it`,
  })
}

/** The kernel takes the page away: nothing that it looks at says that somebody works on it. */
function leave(audit: Audit, page: number, what: string): void {
  const { devices, folios, lane, objects } = audit
  if (devices.atWork().length === 0 && lane.borrows.open === 0 && objects.inFlight().length === 0) return
  if (folios.isBusy(page) || folios.has(page, FOLIO_LOCKED | FOLIO_WRITEBACK)) return
  const whole = { page, offsetBytes: 0, bytes: PAGE_SIZE }
  tell(audit, page, borrowedIn(audit, page, 0, PAGE_SIZE, false) || workedOnIn(audit, whole), what)
}

/** Row of an object in flight that lists some of the bytes bare, or of a device at work in them; 0 where there is none, or a token keeps the page. */
function workedOnIn(audit: Audit, range: PageRange): number {
  const { devices, objects } = audit
  const isListed = (entry: ObjectEntry): boolean => entry.token === 0 && overlaps(entry, range)
  const row =
    objects.inFlight().find(({ entries }) => entries.some(isListed))?.row ??
    devices.atWork().find((access) => overlaps(access, range))?.row ??
    0
  return row !== 0 && isKept(audit, range.page, 0) ? 0 : row
}

/** Row of an operation in flight that names some of the bytes and has no reference on the page, 0 where none does. */
function borrowedIn(audit: Audit, page: number, from: number, end: number, evenLocked: boolean): number {
  const { borrows } = audit.lane
  if (borrows.open === 0) return 0
  for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
    const guard = borrows.guard[slot]
    if (guard === GUARD_COUNT || (guard !== GUARD_NONE && !evenLocked)) continue
    if (borrows.offsetBytes[slot] < end && borrows.endBytes[slot] > from) return borrows.row[slot]
  }
  return 0
}

/** A token other than `but` is on the page. */
function isKept(audit: Audit, page: number, but: number): boolean {
  let isKept = false
  audit.tokens.eachOn(page, 1, (token) => {
    if (token !== but) isKept = true
  })
  return isKept
}
