import { RETAIN_NONE, RETENTION_NAMES, type Retention } from '../../extract/retention.ts'
import { PAGE_KINDS } from '../../memory/page-store.ts'
import type { Audit } from '../audit.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

/** Memory with a struct dev_pagemap. @kernel include/linux/mmzone.h: is_zone_device_page */
const ZONE_DEVICE_KINDS = [PAGE_KINDS.indexOf('p2pdma'), PAGE_KINDS.indexOf('fsdax')]

export const h46 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-46',
  name: 'mixed reference kinds merged',
  precondition: 'two neighbouring entries are held differently (pin, reference, nothing), or are of different pgmaps',
  event: 'they are joined into one, or counted under one flag',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'A list has one flag for how all of it is let go: refuse to join what is held otherwise, or make it all of one kind first (skb_zcopy_downgrade_managed).',
  kernel:
    'block/bio.c: bvec_try_merge_page, zone_device_pages_have_same_pgmap; 13920e4b7b78; net/core/skbuff.c: skb_zcopy_downgrade_managed; ff6e798c2eac',
  diagram: `
  [ page 7: borrowed, managed ]  +  [ page 8: get_page ]
                 \\                    /
                  one list, one flag: "managed"
                            |
  freed: no page is put     the reference on page 8 stays for ever
  (flag cleared instead:    page 7 is put, and was never taken)`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs
0,get,page,1,write,ubuf,0x10000+4096
1,alloc,skb,1,,,
2,attach,skb,1,,bvec,0x500:0+4096
3,merge,skb,1,,ubuf,0x10000+4096
4,put,page,1,,,
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs
0,get,page,1,write,ubuf,0x10000+8192
1,alloc,skb,1,,,
2,attach,skb,1,,ubuf,0x10000+4096
3,merge,skb,1,,ubuf,0x11000+4096
4,put,page,1,,,
`,
  },
  watch: (audit) => ({
    merge: ({ object, token, page: given, amount }) => {
      const last = audit.objects.of(object).entries.at(-1)
      if (last === undefined) return
      const page = given >= 0 || token === 0 ? given : audit.lane.ledger.firstPage(token)
      const [a, b] = [kindOf(audit, amount), kindOf(audit, token)]
      if (a !== b)
        audit.find(h46, {
          page,
          token,
          detail: `joined with an entry that is held otherwise: ${held(b)} to ${held(a)}`,
        })
      else if (page >= 0 && last.page >= 0 && zoneOf(audit, page) !== zoneOf(audit, last.page)) {
        audit.find(h46, { page, token, detail: 'memory of a device and other memory are joined into one entry' })
      }
    },
  }),
})

function kindOf(audit: Audit, token: number): Retention {
  return token === 0 ? RETAIN_NONE : audit.tokens.retention(token)
}

function held(retention: Retention): string {
  return retention === RETAIN_NONE ? 'borrowed' : RETENTION_NAMES[retention]
}

/** Kind of a page that a pgmap has, -1 for any other: what else tells two pgmaps apart no trace tells. @kernel include/linux/mmzone.h: zone_device_pages_have_same_pgmap */
function zoneOf(audit: Audit, page: number): number {
  const kind = audit.lane.memory.pages.kindOf(page)
  return ZONE_DEVICE_KINDS.includes(kind) ? kind : -1
}
