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
  event: 'its owner frees it: kfree, vfree',
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
  watch: (audit) => ({
    free: (event) => {
      const { page } = event
      const kind = audit.lane.memory.pages.kind[page]
      if (kind !== KIND_SLAB && kind !== KIND_VMALLOC) return
      const takenRow =
        borrowedIn(audit, event, kind === KIND_SLAB) || attachedIn(audit, event) || deviceIn(audit, event)
      if (takenRow === 0) return
      audit.find(h19, { page, takenRow, detail: `its owner frees memory that row ${takenRow} still has in flight` })
    },
  }),
})

/** Row of an operation in flight whose list names some of it, 0 where none does. A reference keeps a page, and no slab object. */
function borrowedIn(audit: Audit, freed: FreedRange, isSlab: boolean): number {
  const { borrows } = audit.lane
  for (let slot = borrows.first(freed.page); slot !== 0; slot = borrows.nextOfPage[slot]) {
    if (borrows.guard[slot] === GUARD_COUNT && !isSlab) continue
    const end = Math.min(freed.offsetBytes + freed.bytes, PAGE_SIZE)
    if (borrows.offsetBytes[slot] < end && borrows.endBytes[slot] > freed.offsetBytes) return borrows.row[slot]
  }
  return 0
}

/** Row of an object in flight with an entry there. */
function attachedIn(audit: Audit, freed: FreedRange): number {
  for (const { entries, row } of audit.objects.inFlight()) {
    if (entries.some((entry) => entry.page >= 0 && overlaps(entry, freed))) return row
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
