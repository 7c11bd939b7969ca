import { PAGE_KINDS } from '../../memory/page-store.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const KIND_VMALLOC = PAGE_KINDS.indexOf('vmalloc')

export const h27 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-27',
  name: 'segment overrun',
  precondition: 'the list of an object has room for a number of entries',
  event: 'one more is put in, one that is in use is overwritten, or an entry reaches beyond its page',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Look at the room that is left before each entry and stop at either limit: as long as there is room AND something left, not OR; cut an entry at the end of its page.',
  kernel:
    'fs/smb/client/smbdirect.c: smb_extract_folioq_to_rdma (SMBDIRECT_MAX_SEND_SGE); net/sunrpc/xdr.c: xdr_buf_to_bvec; crypto/af_alg.c: af_alg_pull_tsgl; lib/scatterlist.c: extract_kvec_to_sg, extract_user_to_sg; a379a8a2a003, 42f5b80dda6b, 31d00156e50e, 52a0a9854934, 0ef37eef83fa, 07b7d66e65d9, 118cf3f55975',
  diagram: `
  folio queue   [f0][f1][f2][f3][f4][f5][f6][f7]
                  |   |   |   |   |   |   |
  sge[6]        [hdr][ 1][ 2][ 3][ 4][ 5]
                                          [ 6][ 7]  whatever lies
                                                    behind the array
  while (nr_sge < max_sge || bytes left)     goes on: bytes are left
  while (nr_sge < max_sge && bytes left)     stops at 5 pages`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,len
0,alloc,sge,,,,2
1,get,pages,1,write,0x10000+12288,
2,attach,sge,1,,0x10000+4096,
3,attach,sge,1,,0x11000+4096,
4,attach,sge,1,,0x12000+4096,
5,free,sge,,,,
6,put,pages,1,,,
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,len
0,alloc,sge,,,,2
1,get,pages,1,write,0x10000+8192,
2,attach,sge,1,,0x10000+4096,
3,attach,sge,1,,0x11000+4096,
4,free,sge,,,,
5,put,pages,1,,,
`,
  },
  watch: (audit) => ({
    attach: ({ object, page, token, offsetBytes, bytes }) => {
      const { capacity, filled, kind } = audit.objects.of(object)
      if (capacity > 0 && filled >= capacity) {
        audit.find(h27, {
          page,
          token,
          detail: `more entries than the ${grouped(capacity)} that the ${kind} has room for`,
        })
      }
      if (page < 0 || offsetBytes + bytes <= PAGE_SIZE) return
      const pages = notAdjacent(audit, page, Math.ceil((offsetBytes + bytes) / PAGE_SIZE))
      if (pages > 0) audit.find(h27, { page, pages, token, detail: BEYOND_PAGE })
    },
    violation: ({ detail, pages }) => {
      if (detail === 'beyond-page') audit.find(h27, { pages, detail: BEYOND_PAGE })
      if (detail === 'beyond-table') audit.find(h27, { detail: BEYOND_TABLE })
    },
  }),
})

const BEYOND_PAGE = 'an entry of a list reaches beyond its page, into whatever lies behind it in memory'
const BEYOND_TABLE = 'it is built outside the entries that are free: over those in use, or behind the end of its table'

/** Of `pages` pages from one in vmalloc'ed memory on, which lies anywhere: those that do not follow it. */
function notAdjacent(audit: Audit, first: number, pages: number): number {
  const store = audit.lane.memory.pages
  if (store.kindOf(first) !== KIND_VMALLOC) return 0
  let foreign = 0
  for (let i = 1; i < pages; i++) if (store.frameOf(first + i) !== store.frameOf(first) + i) foreign++
  return foreign
}
