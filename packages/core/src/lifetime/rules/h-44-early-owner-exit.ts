import { KIND_SLAB, PAGE_KINDS } from '../../memory/page-store.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { GUARD_COUNT, GUARD_NONE } from '../borrows.ts'
import type { Since } from '../finding.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import { overlaps, type PageRange } from '../page-range.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { ATTACHED, sinceDevice, sinceListed } from '../since.ts'
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
      const since = borrowedSince(audit, page, offsetBytes, offsetBytes + bytes, true)
      tell(audit, page, since ?? workedOnSince(audit, { page, offsetBytes, bytes }), 'its creator frees it')
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
          const since = borrowedSince(audit, page, 0, PAGE_SIZE, false)
          if (since !== null && !isKept(audit, page, token)) tell(audit, page, since, 'its creator puts it')
        }
      })
    },
  }),
})

function tell(audit: Audit, page: number, since: Since | null, what: string): void {
  if (since === null) return
  const detail = `${what} while row ${grouped(since.row)} has it in flight, and nothing else keeps it`
  audit.find(h44, { page, since, detail })
}

/** The kernel takes the page away: nothing that it looks at says that somebody works on it. */
function leave(audit: Audit, page: number, what: string): void {
  const { devices, folios, lane, objects } = audit
  if (devices.atWork().length === 0 && lane.borrows.open === 0 && objects.inFlight().length === 0) return
  if (folios.isBusy(page) || folios.has(page, FOLIO_LOCKED | FOLIO_WRITEBACK)) return
  const whole = { page, offsetBytes: 0, bytes: PAGE_SIZE }
  tell(audit, page, borrowedSince(audit, page, 0, PAGE_SIZE, false) ?? workedOnSince(audit, whole), what)
}

/** Since when an object in flight lists some of the bytes bare, or a device is at work in them; null: neither, or a token keeps the page. */
function workedOnSince(audit: Audit, range: PageRange): Since | null {
  const { devices, objects } = audit
  const entry = objects
    .inFlight()
    .flatMap(({ entries }) => entries)
    .find((one) => one.token === 0 && overlaps(one, range))
  const access = entry === undefined ? devices.atWork().find((one) => overlaps(one, range)) : undefined
  if ((entry === undefined && access === undefined) || isKept(audit, range.page, 0)) return null
  if (entry !== undefined) return { row: entry.row, what: ATTACHED }
  return access === undefined ? null : sinceDevice(access)
}

/** Since when an operation in flight names some of the bytes and has no reference on the page, null where none does. */
function borrowedSince(audit: Audit, page: number, from: number, end: number, evenLocked: boolean): Since | null {
  const { borrows } = audit.lane
  if (borrows.open === 0) return null
  for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
    const guard = borrows.guard[slot]
    if (guard === GUARD_COUNT || (guard !== GUARD_NONE && !evenLocked)) continue
    if (borrows.offsetBytes[slot] < end && borrows.endBytes[slot] > from) return sinceListed(borrows.row[slot])
  }
  return null
}

/** A token other than `but` is on the page. */
function isKept(audit: Audit, page: number, but: number): boolean {
  let isKept = false
  audit.tokens.eachOn(page, 1, (token) => {
    if (token !== but) isKept = true
  })
  return isKept
}
