import { KIND_SLAB, PAGE_KINDS } from '../../memory/page-store.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { GUARD_COUNT } from '../borrows.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
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
        attached.push({ object, page, offsetBytes, bytes, freedRow: 0 })
      },
      complete: ({ object }) => forget(object),
      object_free: ({ object }) => {
        const { kind, row, isInFlight, entries } = audit.objects.of(object)
        if (isInFlight && entries.length > 0) {
          audit.find(h19, { takenRow: row, detail: `this ${kind} is freed while it is in flight` })
        }
        forget(object)
      },
      submit: ({ object }) => {
        const entry = attached.find((one) => one.object === object && one.freedRow > 0)
        if (entry === undefined) return
        const detail = `it is on its way with memory that its owner freed in row ${entry.freedRow}`
        audit.find(h19, { page: entry.page, takenRow: audit.objects.of(object).row, detail })
      },
      free: (event) => {
        const { page } = event
        if (!isKernelMemory(audit, page)) return
        const inFlight = attached.filter((entry) => overlaps(entry, event)).map((entry) => markFreed(audit, entry))
        const takenRow = borrowedIn(audit, event) || Math.max(0, ...inFlight) || deviceIn(audit, event)
        if (takenRow === 0) return
        audit.find(h19, { page, takenRow, detail: `its owner frees memory that row ${takenRow} still has in flight` })
      },
    }
  },
})

/** An entry of an object. */
interface KernelEntry extends FreedRange {
  readonly object: number
  /** Row in which its memory was freed, 0: it was not. */
  freedRow: number
}

/** Remembers it; returns the row of its object where that is in flight, else 0. */
function markFreed(audit: Audit, entry: KernelEntry): number {
  entry.freedRow = audit.bus.row
  const { isInFlight, row } = audit.objects.of(entry.object)
  return isInFlight ? row : 0
}

function isKernelMemory(audit: Audit, page: number): boolean {
  return page >= 0 && (isSlab(audit, page) || audit.lane.memory.pages.kindOf(page) === KIND_VMALLOC)
}

function isSlab(audit: Audit, page: number): boolean {
  return audit.lane.memory.pages.kindOf(page) === KIND_SLAB
}

/** Row of an operation in flight whose list names some of it, 0 where none does. */
function borrowedIn(audit: Audit, freed: FreedRange): number {
  const { borrows } = audit.lane
  const end = freed.offsetBytes + freed.bytes
  for (let at = 0; at * PAGE_SIZE < end; at++) {
    const page = freed.page + at
    for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
      if (borrows.guard[slot] === GUARD_COUNT && !isSlab(audit, page)) continue
      const from = at * PAGE_SIZE
      if (from + borrows.offsetBytes[slot] < end && from + borrows.endBytes[slot] > freed.offsetBytes)
        return borrows.row[slot]
    }
  }
  return 0
}

/** Row in which a device began to work there. */
function deviceIn(audit: Audit, freed: FreedRange): number {
  return audit.devices.atWork().find((access) => overlaps(access, freed))?.row ?? 0
}

function overlaps(a: FreedRange, b: FreedRange): boolean {
  const from = a.page * PAGE_SIZE + a.offsetBytes
  const to = b.page * PAGE_SIZE + b.offsetBytes
  return from < to + b.bytes && to < from + a.bytes
}
