import { REASON_WRONG_KIND } from '../../ledger/hold-table.ts'
import type { Audit } from '../audit.ts'
import { grouped } from '../grouped.ts'
import { findLeak, LEAK_REFERENCE, leakOf, ownerOf } from '../leak.ts'
import type { LifetimeEvent } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'
import { zeroPagesOf } from '../zero-pages.ts'

export const h11 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-11',
  name: 'get leak',
  precondition: 'references were taken on pages: get_user_pages, get_page',
  event: 'the trace, or the object that the references belong to, ends and they are still held',
  verdict: 'LEAK',
  severity: severityOf('LEAK'),
  advice:
    'Give each get its put: where a table of operations has one that takes a reference, look at the one that lets go, and at every path that frees the owner.',
  kernel:
    'include/linux/mm.h: get_page, put_page; kernel/watch_queue.c: post_one_notification, watch_queue_pipe_buf_release; c1853fbadcba (5.17)',
  diagram: `
  get_page             refcount 2
       |
  owner freed          and with it the only pointer to the page
       |
  end                  refcount 1 for ever: the page is never freed`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,call,mm,op,segs
0,get,pages,,1,write,0x10000+8192
1,alloc,skb,skb,1,,
2,attach,skb,,1,,0x10000+8192
3,free,skb,,1,,
`,
    rows: [1],
    sound: `# pinscope-trace 1
ts,event,id,call,mm,op,segs
0,get,pages,,1,write,0x10000+8192
1,alloc,skb,skb,1,,
2,attach,skb,,1,,0x10000+8192
3,put,pages,,1,,
4,free,skb,,1,,
`,
  },
  watch: (audit) => ({
    end: (event) => {
      if (leakOf(audit, event.token) !== LEAK_REFERENCE || isUnpinnedZero(audit, event)) return
      findLeak(audit, h11, event, `references are still held at the end, ${ownerOf(audit, event.token)}`)
    },
    over: () => {
      // Where some were put the count was wrong: that is told of as such.
      audit.tokens.plain.eachOwed((page, owed, drops, row, line) => {
        if (drops > 0) return
        const detail = `${grouped(owed)} of its references were taken with get_page and never put`
        audit.find(h11, { page, pages: owed, row, line, takenRow: row, detail })
      })
    },
  }),
})

/** References on nothing but the zero page, that unpin passed over: H-51 told. */
function isUnpinnedZero(audit: Audit, { token, pages }: LifetimeEvent): boolean {
  return audit.lane.ledger.holds.reason[token] === REASON_WRONG_KIND && zeroPagesOf(audit, token) === pages
}
