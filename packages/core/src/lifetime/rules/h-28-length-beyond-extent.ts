import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h28 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-28',
  name: 'length beyond extent',
  precondition: 'an iterator has segments, an entry of a list pages',
  event: 'it begins with a count that is longer than they are, or the entry names pages that were not taken',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Count what the segments hold, and make one entry of several pages only where page i is page 0 plus i: the same folio is not enough, and neither is a run of addresses.',
  kernel:
    'include/linux/uio.h: iov_iter.count; io_uring/rsrc.c: io_sqe_buffer_register, io_check_coalesce_buffer; c18646248fed, 776617db78c6',
  diagram: `
  user memory   0x10000   0x11000   0x12000   0x13000
  mmap of the       \\         |         |        /
  same page          +--------+----+----+-------+
                                   v
  physical                       [ p ][ ? ][ ? ][ ? ]
  bvec {p, 0, 16384}             |<---------------->|
                                   p   memory of others`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,len
0,init,write,1,write,bvec,0x100:0+4096;0x200:0+4096,12288
1,use,write,1,,,,
`,
    rows: [1],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,len
0,init,write,1,write,bvec,0x100:0+4096;0x200:0+4096,8192
1,use,write,1,,,,
`,
  },
  watch: (audit) => ({
    init: ({ amount, bytes }) => {
      if (amount > bytes) audit.find(h28, { detail: `${amount} bytes to go through, and segments of ${bytes}` })
    },
    attach: ({ token, page, offsetBytes, bytes }) => {
      if (token === 0 || page < 0 || (offsetBytes % PAGE_SIZE) + bytes <= PAGE_SIZE) return
      const first = page + Math.floor(offsetBytes / PAGE_SIZE)
      const pages = Math.ceil(((offsetBytes % PAGE_SIZE) + bytes) / PAGE_SIZE)
      const foreign = notTaken(audit, token, first, pages)
      if (foreign === 0) return
      const detail = 'an entry names pages behind its first one that nobody took: whoever has them is read or written'
      audit.find(h28, { page, pages: foreign, token, detail })
    },
  }),
})

/** Pages of the run that belong to no folio of which the token has a page. */
function notTaken(audit: Audit, token: number, first: number, pages: number): number {
  const store = audit.lane.memory.pages
  const folios = new Set<number>()
  audit.lane.ledger.eachRun(token, (page, count) => {
    for (let at = page; at < page + count; at++) folios.add(store.headOf(at))
  })
  let foreign = 0
  for (let at = first; at < first + pages; at++) if (!folios.has(store.headOf(at))) foreign++
  return foreign
}
