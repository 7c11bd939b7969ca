import type { Audit } from '../audit.ts'
import { GUARD_COUNT } from '../borrows.ts'
import type { DeviceAccess } from '../devices.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import type { KernelObject } from '../kernel-object.ts'
import type { LifetimeEvent } from '../lifetime-event.ts'
import { covers, endPageOf, firstPageOf, type PageRange } from '../page-range.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const REGISTRATION: Readonly<Record<string, string>> = {
  'registration-in-use': 'its pages are let go while a request that names it is in flight',
  'registration-outlives-owner':
    'its memory is given up while it is registered: the device goes on using the old pages',
}

export const h43 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-43',
  name: 'early unpin',
  precondition: 'an object or a request is in flight and names a page, or a device is at work in it',
  event:
    'the last reference that keeps the page for it is dropped, before it is over or before it was sent, or the call that lent the page is over',
  verdict: 'UAF',
  severity: severityOf('UAF'),
  advice:
    'Let the request own a reference, on the page or on the node of the buffer it is in, and drop it when the request completes. What cannot be waited for gets a copy.',
  kernel:
    'io_uring/rsrc.c: io_put_rsrc_node, io_buffer_unmap; fs/fuse/dev.c: fuse_copy_page, fuse_ref_page, 0c4bcfdecb1a (5.17)',
  diagram: `
  request              buffer table
  submit  ---------->  page, pinned once
                       unregister: unpin, the last one
                       page is freed, and somebody else's
  device stores ---->  into what is somebody else's
  complete`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,call,mm,op,segs,len
0,pin,buffer,,1,read,0x10000+4096,
1,alloc,request,request,1,,,
2,attach,request,,1,,0x10000+4096,
3,submit,request,,1,,,4096
4,unpin,buffer,,1,,,
5,complete,request,,1,,,
6,free,request,,1,,,
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,call,mm,op,segs,len
0,pin,buffer,,1,read,0x10000+4096,
1,alloc,request,request,1,,,
2,attach,request,,1,,0x10000+4096,
3,submit,request,,1,,,4096
4,complete,request,,1,,,
5,unpin,buffer,,1,,,
6,free,request,,1,,,
`,
  },
  watch: (audit) => {
    const lent = new LentPages(audit)
    const unsent = new UnsentPages(audit)
    return {
      attach: (event) => unsent.attached(event),
      submit: ({ object }) => {
        lent.submitted(object)
        unsent.submitted(object)
      },
      complete: ({ object }) => {
        lent.over(object)
        unsent.over(object)
      },
      object_free: ({ object }) => {
        lent.over(object)
        unsent.over(object)
      },
      release: ({ token, page, pages, as }) => {
        unsent.released(token, pages)
        if (as !== audit.tokens.retention(token) || isListedInFlight(audit, token, pages)) return
        if (isNamedInFlight(audit, token, page)) {
          const detail = `it is let go while the operation of row ${grouped(audit.tokens.rowOf(token))} is in flight`
          audit.find(h43, { token, page, pages, detail })
        } else {
          if (audit.devices.atWork().length > 0) checkDevices(audit, token)
          if (lent.isAny && audit.tokens.isUser[token] === 1) lent.check(token)
        }
      },
      violation: ({ detail, row, pages }) => {
        const found = REGISTRATION[detail]
        if (found !== undefined)
          audit.find(h43, { since: row === 0 ? null : { row, what: 'registered' }, pages, detail: found })
      },
    }
  },
})

/**
 * Finds pages that are let go, that an object in flight lists by a reference, whosever it was, and that no other token
 * keeps. A part that no list in flight has may go: it is a residue, or its own I/O is over.
 */
function isListedInFlight(audit: Audit, token: number, pages: number): boolean {
  const listed = listedBy(audit, token, pages)
  let isFound = false
  for (const [page, { kind }] of listed) {
    if (!isLast(audit, token, page)) continue
    const detail = `the last reference that a ${kind} in flight has on it is dropped`
    audit.find(h43, { token, page, detail })
    isFound = true
  }
  return isFound
}

/** By page of the first `pages` of a token: an object in flight that lists it by a reference. */
function listedBy(audit: Audit, token: number, pages: number): Map<number, KernelObject> {
  const listed = new Map<number, KernelObject>()
  const note = (object: KernelObject, from: number, end: number): void => {
    for (let page = from; page < end; page++) if (!listed.has(page)) listed.set(page, object)
  }
  for (const object of audit.objects.inFlight()) {
    for (const entry of [...object.entries, ...object.joined]) {
      if (entry.token === 0) continue
      eachReleased(audit, token, pages, (first, end) => {
        // Of an entry that tells no page, all that was taken with it.
        if (entry.page >= 0) note(object, Math.max(first, firstPageOf(entry)), Math.min(end, endPageOf(entry)))
        else if (entry.token === token) note(object, first, end)
      })
    }
  }
  return listed
}

/** Tells of each run of pages of a token that is about to be let go: of one of which only a part goes, the first ones. */
function eachReleased(audit: Audit, token: number, pages: number, tell: (first: number, end: number) => void): void {
  let left = pages < audit.tokens.pagesOf(token) ? pages : Number.POSITIVE_INFINITY
  audit.lane.ledger.eachRun(token, (first, count) => {
    if (left > 0) tell(first, first + Math.min(count, left))
    left -= count
  })
}

/**
 * A device is still at work in a page when the last token on it goes: one that began under that token, or under another
 * that handed the page on. Kernel memory may have been kept by its owner from the start.
 */
function checkDevices(audit: Audit, token: number): void {
  const { devices, folios, tokens } = audit
  const isUser = tokens.isUser[token] === 1
  const isAtWork = (access: DeviceAccess, at: number): boolean =>
    (isUser || access.row >= tokens.rowOf(token)) && covers(access, at)
  eachLast(audit, token, (page) => {
    const access = devices.atWork().find((one) => isAtWork(one, page))
    // I/O of the page cache itself is kept by the lock, or by the writeback.
    if (access === undefined || folios.has(page, FOLIO_LOCKED | FOLIO_WRITEBACK)) return
    const detail = `the last reference on it is dropped while the device of row ${grouped(access.row)} is at work in it`
    audit.find(h43, { token, page, detail })
  })
}

/** Tells of each page of a token that no other token is on. */
function eachLast(audit: Audit, token: number, tell: (page: number) => void): void {
  audit.lane.ledger.eachRun(token, (first, count) => {
    for (let page = first; page < first + count; page++) if (isLast(audit, token, page)) tell(page)
  })
}

/** No other token is on the page. */
function isLast(audit: Audit, token: number, page: number): boolean {
  let isOther = false
  audit.tokens.eachOn(page, 1, (other) => {
    if (other !== token) isOther = true
  })
  return !isOther
}

/** A row of its own, and not the completion, lets go of what an operation in flight took and still names. */
function isNamedInFlight(audit: Audit, token: number, page: number): boolean {
  const { borrows } = audit.lane
  if (borrows.open === 0 || audit.bus.operation !== 0 || page < 0) return false
  for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
    if (borrows.guard[slot] === GUARD_COUNT && borrows.row[slot] === audit.tokens.rowOf(token)) return true
  }
  return false
}

/** An entry of an object that is not on its way, and the rows that let go of pages of it. */
interface UnsentEntry extends PageRange {
  readonly token: number
  readonly dropped: { readonly first: number; readonly end: number; readonly row: number }[]
}

/** User pages that objects name which are not on their way yet: who lets go of them first sends what is another's. */
class UnsentPages {
  private readonly audit: Audit
  private readonly byObject = new Map<number, UnsentEntry[]>()
  private readonly byToken = new Map<number, Set<UnsentEntry>>()

  constructor(audit: Audit) {
    this.audit = audit
  }

  attached({ object, token, page, offsetBytes, bytes }: LifetimeEvent): void {
    if (token === 0 || page < 0 || this.audit.tokens.isUser[token] === 0) return
    const entry: UnsentEntry = { token, page, offsetBytes, bytes, dropped: [] }
    const ofObject = this.byObject.get(object) ?? []
    ofObject.push(entry)
    this.byObject.set(object, ofObject)
    const ofToken = this.byToken.get(token) ?? new Set()
    this.byToken.set(token, ofToken.add(entry))
  }

  released(token: number, pages: number): void {
    const entries = this.byToken.get(token)
    if (entries === undefined) return
    const { row } = this.audit.bus
    eachReleased(this.audit, token, pages, (first, end) => {
      for (const entry of entries) {
        const from = Math.max(first, firstPageOf(entry))
        const to = Math.min(end, endPageOf(entry))
        if (from < to) entry.dropped.push({ first: from, end: to, row })
      }
    })
  }

  submitted(object: number): void {
    const { audit } = this
    const { kind } = audit.objects.of(object)
    for (const { dropped } of this.byObject.get(object) ?? []) {
      for (const { first, end, row } of dropped) {
        const detail = `row ${grouped(row)} let go of it: the ${kind} is sent with what nobody keeps for it`
        for (let page = first; page < end; page++) if (isLast(audit, 0, page)) audit.find(h43, { page, detail })
      }
    }
    // From now on it is in flight.
    this.over(object)
  }

  over(object: number): void {
    for (const entry of this.byObject.get(object) ?? []) {
      const ofToken = this.byToken.get(entry.token)
      ofToken?.delete(entry)
      if (ofToken?.size === 0) this.byToken.delete(entry.token)
    }
    this.byObject.delete(object)
  }
}

/**
 * Pages that objects in flight name without having taken them from the user themselves: they keep the page, but not what
 * is in it. When the call whose memory it is gives the page back, its owner writes to it again.
 */
class LentPages {
  private readonly audit: Audit
  private readonly borrowers = new Set<number>()

  constructor(audit: Audit) {
    this.audit = audit
  }

  get isAny(): boolean {
    return this.borrowers.size > 0
  }

  submitted(object: number): void {
    const { entries } = this.audit.objects.of(object)
    if (entries.some((entry) => this.isLent(entry.token, entry.page))) this.borrowers.add(object)
  }

  over(object: number): void {
    this.borrowers.delete(object)
  }

  check(token: number): void {
    const { audit } = this
    audit.lane.ledger.eachRun(token, (first, count) => {
      for (const borrower of this.borrowers) {
        const { entries, kind } = audit.objects.of(borrower)
        for (const { token: other, page } of entries) {
          if (page < first || page >= first + count || !this.isLent(other, page)) continue
          const detail = `the call that lent the page is over, and a ${kind} in flight still shows it: what is written to it next is seen there`
          audit.find(h43, { token, page, detail })
        }
      }
    })
  }

  private isLent(token: number, page: number): boolean {
    return page >= 0 && (token === 0 || this.audit.tokens.isUser[token] === 0)
  }
}
