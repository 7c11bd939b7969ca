import { KIND_SLAB } from '../../memory/page-store.ts'
import type { Audit } from '../audit.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const UNCOUNTED = 'a reference is taken on a page whose count is 0: the put that follows frees it'
const ON_SLAB =
  'a reference is taken on slab memory: it keeps the page, and not the object in it, which kfree() gives to others'

export const h18 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-18',
  name: 'reference on slab object',
  precondition: 'a page is slab memory, or its refcount is 0',
  event: 'a reference on it is taken, or it is put into a list that drops one for each page',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Ask sendpage_ok() for every page before it goes to zero copy, and copy where it says no; or give data that is sent a page or folio of its own.',
  kernel:
    'include/linux/net.h: sendpage_ok; net/core/skbuff.c: skb_splice_from_iter (refuses with -EIO since 6.5); 7d4194abfc4d, 86d7bd6e66e9, a35c04de2565, 4e1e3dd88a4c',
  diagram: `
  kmalloc(96)    object in a slab page       a tail page: refcount 0
       |                                          |
  get_page       keeps the page, not         get 0 -> 1
       |         the object                       |
  kfree          memory is used again        put 1 -> 0: the page is freed
       |                                     in the middle of its allocation
  transmission   sends somebody else's data`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,backing
0,map,,1,,kvec,0xf0000000000+8192,slab
1,get,data,1,write,ubuf,0x10000+4096,
2,get,handshake,1,write,kvec,0xf0000000080+96,
3,put,handshake,1,,,,
4,put,data,1,,,,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,backing
0,map,,1,,kvec,0xf0000000000+8192,vmalloc
1,get,data,1,write,ubuf,0x10000+4096,
2,get,handshake,1,write,kvec,0xf0000000080+96,
3,put,handshake,1,,,,
4,put,data,1,,,,
`,
  },
  watch: (audit) => {
    let taken = 0
    /** Pages that the row at work was told of: a page is one, however many references are taken on it. */
    const told = new Set<number>()
    let toldRow = 0
    const tellSlab = (page: number, token: number): void => {
      if (toldRow !== audit.bus.row) told.clear()
      toldRow = audit.bus.row
      if (told.has(page)) return
      told.add(page)
      audit.find(h18, { page, token, detail: ON_SLAB })
    }
    const lookAt = (first: number, count: number): void => {
      for (let page = first; page < first + count; page++) if (isSlab(audit, page)) tellSlab(page, taken)
    }
    return {
      acquire: ({ token }) => {
        // No slab memory is ever mapped into a process.
        if (audit.tokens.isUser[token] === 1) return
        taken = token
        audit.lane.ledger.eachRun(token, lookAt)
      },
      get: ({ page }) => {
        const { pages } = audit.lane.memory
        if (isSlab(audit, page)) tellSlab(page, 0)
        else if (pages.refcountOf(page) <= 0) audit.find(h18, { page, detail: UNCOUNTED })
      },
      raw: ({ page, amount }) => {
        if (amount > 0 && isSlab(audit, page)) tellSlab(page, 0)
      },
      attach: ({ object, token, page }) => {
        if (page < 0 || !isSlab(audit, page)) return
        // A list that takes nothing and drops nothing may name slab memory.
        if (token !== 0 || audit.objects.of(object).putsPages) tellSlab(page, token)
      },
      slot: ({ page }) => {
        if (page >= 0 && isSlab(audit, page)) tellSlab(page, 0)
      },
    }
  },
})

/** It was kmalloc'ed, as a `map` row says: kernel memory that no row declares may as well be pages. */
function isSlab(audit: Audit, page: number): boolean {
  const { pages, spaces } = audit.lane.memory
  return pages.kindOf(page) === KIND_SLAB && spaces.declaredKernel(KIND_SLAB).length > 0
}
