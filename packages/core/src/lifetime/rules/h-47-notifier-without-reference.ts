import { grouped } from '../grouped.ts'
import type { LifetimeEvent } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { sinceAllocated } from '../since.ts'
import { severityOf } from '../verdict.ts'

export const h47 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-47',
  name: 'shared object copied without reference',
  precondition: 'a descriptor was copied with the pointer to a counted object, and no reference was taken for the copy',
  event: 'the last counted reference is dropped, or the object is used after that',
  verdict: 'UAF',
  severity: severityOf('UAF'),
  advice:
    'Take a reference on everything that the copied descriptor points to, right where it is copied (net_zcopy_get, refcount_inc).',
  kernel: 'net/core/skbuff.c: pskb_carve_inside_header, pskb_carve_inside_nonlinear; 98d0912e9f84',
  diagram: `
  skb A ---+                      refcount 1
           +--- ubuf_info
  skb B ---+    (memcpy of A)     refcount 1, two names
       |
  A is freed: refcount 0          the user is told: reuse your pages
       |
  B is freed: refcount -1         and B was still in flight`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,call
0,alloc,notifier,1,ubuf_info
1,clone,notifier,1,
2,drop,notifier,1,
3,drop,notifier,1,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,call
0,alloc,notifier,1,ubuf_info
1,clone,notifier,1,
2,share,notifier,1,
3,drop,notifier,1,
4,drop,notifier,1,
`,
  },
  watch: (audit) => {
    /** Whoever goes on with an object that is freed names it without a reference; where a copy does, that was told. */
    const use = ({ object }: LifetimeEvent): void => {
      const { kind, row, isFreed, unreferenced } = audit.objects.of(object)
      if (!isFreed || unreferenced > 0) return
      audit.find(h47, {
        since: sinceAllocated(row),
        detail: `the ${kind} is used after it was freed: whoever does so had no reference`,
      })
    }
    return { submit: use, share: use, clone: use, drop }

    function drop({ object }: LifetimeEvent): void {
      const { kind, row, isFreed, freedRow, freedLine, prepaid, references, unreferenced } = audit.objects.of(object)
      // A reference that was taken before a copy may have been another's: then there is one name more than references.
      const isLate = isFreed && references <= 0 && unreferenced === 0 && prepaid > 0
      if (!isLate && (isFreed || references !== 1 || unreferenced === 0)) return
      const copies = unreferenced > 1 ? `${grouped(unreferenced)} copied descriptors` : 'a copied descriptor'
      audit.find(h47, {
        ...(isLate ? { row: freedRow, line: freedLine } : {}),
        since: sinceAllocated(row),
        detail: `the last reference on the ${kind} is dropped while ${copies} still names it`,
      })
    }
  },
})
