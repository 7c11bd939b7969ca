import { KIND_SLAB, PAGE_KINDS } from '../../memory/page-store.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { GUARD_COUNT } from '../borrows.ts'
import type { Since } from '../finding.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { ATTACHED, sinceAllocated, sinceDevice, sinceListed } from '../since.ts'
import { severityOf } from '../verdict.ts'

const KIND_VMALLOC = PAGE_KINDS.indexOf('vmalloc')

/** Bytes that are freed: `bytes` from `offsetBytes` of `page` on. */
interface FreedRange {
  readonly page: number
  readonly offsetBytes: number
  readonly bytes: number
}

export const h19 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-19',
  name: 'freed object behind borrow',
  precondition: 'a list in flight, or a device at work, names kernel memory that it has only borrowed',
  event: 'its owner frees it: kfree, vfree; or the list itself is freed',
  verdict: 'UAF',
  severity: severityOf('UAF'),
  advice:
    'Free it in the completion, or send a copy. A reference on a slab page does not help: kfree() looks at no page count.',
  kernel: 'mm/slub.c: kfree; lib/iov_iter.c: iov_iter_extract_kvec_pages; 86d7bd6e66e9, a35c04de2565',
  diagram: `
  kmalloc ---- KVEC ---- list of a request in flight
     |                        |
  kfree: next kmalloc         |      the object is somebody else's now
     |                        |
     +--- new contents -------+--->  sent, or overwritten by the device`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,iter,segs,backing
0,map,,1,kvec,0xf0000000000+8192,slab
1,alloc,request,1,,,
2,attach,request,1,kvec,0xf0000000080+96,
3,submit,request,1,,,
4,free,,1,kvec,0xf0000000080+96,
5,complete,request,1,,,
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,mm,iter,segs,backing
0,map,,1,kvec,0xf0000000000+8192,slab
1,alloc,request,1,,,
2,attach,request,1,kvec,0xf0000000080+96,
3,submit,request,1,,,
4,free,,1,kvec,0xf0000000800+96,
5,complete,request,1,,,
6,free,,1,kvec,0xf0000000080+96,
`,
  },
  watch: (audit) => {
    /** Entries of objects that lie in kernel memory, until the object is done. */
    let attached: KernelEntry[] = []
    const forget = (object: number): void => {
      if (attached.length > 0) attached = attached.filter((entry) => entry.object !== object)
    }
    return {
      attach: ({ object, token, page, offsetBytes, bytes }) => {
        // A reference keeps a page, and no slab object.
        if (!isKernelMemory(audit, page) || (token !== 0 && !isSlab(audit, page))) return
        attached.push({ object, page, offsetBytes, bytes, row: audit.bus.row, freedRow: 0 })
      },
      complete: ({ object }) => forget(object),
      object_free: ({ object }) => {
        const { kind, row, isInFlight, entries } = audit.objects.of(object)
        if (isInFlight && entries.length > 0) {
          audit.find(h19, { since: sinceAllocated(row), detail: `this ${kind} is freed while it is in flight` })
        }
        forget(object)
      },
      submit: ({ object }) => {
        const entry = attached.find((one) => one.object === object && one.freedRow > 0)
        if (entry === undefined) return
        const detail = `it is on its way with memory that its owner freed in row ${grouped(entry.freedRow)}`
        audit.find(h19, { page: entry.page, since: { row: entry.row, what: ATTACHED }, detail })
      },
      free: (event) => {
        const { page } = event
        if (!isKernelMemory(audit, page)) return
        const freed = attached.filter((entry) => overlaps(entry, event))
        for (const entry of freed) entry.freedRow = audit.bus.row
        const since = borrowedSince(audit, event) ?? attachedSince(audit, freed) ?? deviceSince(audit, event)
        if (since === null) return
        const detail = `its owner frees memory that row ${grouped(since.row)} still has in flight`
        audit.find(h19, { page, since, detail })
      },
    }
  },
})

/** An entry of an object. */
interface KernelEntry extends FreedRange {
  readonly object: number
  /** Row that attached it. */
  readonly row: number
  /** Row in which its memory was freed, 0: it was not. */
  freedRow: number
}

/** Since when the last of these entries of objects in flight is attached, null where none of them is of one. */
function attachedSince(audit: Audit, entries: readonly KernelEntry[]): Since | null {
  const entry = entries.findLast(({ object }) => audit.objects.of(object).isInFlight)
  return entry === undefined ? null : { row: entry.row, what: ATTACHED }
}

function isKernelMemory(audit: Audit, page: number): boolean {
  return page >= 0 && (isSlab(audit, page) || audit.lane.memory.pages.kindOf(page) === KIND_VMALLOC)
}

function isSlab(audit: Audit, page: number): boolean {
  return audit.lane.memory.pages.kindOf(page) === KIND_SLAB
}

/** Since when the list of an operation in flight names some of it, null where none does. */
function borrowedSince(audit: Audit, freed: FreedRange): Since | null {
  const { borrows } = audit.lane
  const end = freed.offsetBytes + freed.bytes
  for (let at = 0; at * PAGE_SIZE < end; at++) {
    const page = freed.page + at
    for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
      if (borrows.guard[slot] === GUARD_COUNT && !isSlab(audit, page)) continue
      const from = at * PAGE_SIZE
      if (from + borrows.offsetBytes[slot] < end && from + borrows.endBytes[slot] > freed.offsetBytes)
        return sinceListed(borrows.row[slot])
    }
  }
  return null
}

/** Since when a device works there, null where none does. */
function deviceSince(audit: Audit, freed: FreedRange): Since | null {
  const access = audit.devices.atWork().find((one) => overlaps(one, freed))
  return access === undefined ? null : sinceDevice(access)
}

function overlaps(a: FreedRange, b: FreedRange): boolean {
  const from = a.page * PAGE_SIZE + a.offsetBytes
  const to = b.page * PAGE_SIZE + b.offsetBytes
  return from < to + b.bytes && to < from + a.bytes
}
