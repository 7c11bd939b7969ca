import { RETAIN_PIN, RETAIN_REF, type Retention } from '../../extract/retention.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'
import { zeroPagesOf } from '../zero-pages.ts'

const TAKEN = ['borrowed', 'referenced (get_page)', 'pinned']
const DROPPED = ['freed as a page of its own (__free_page)', 'put (put_page)', 'unpinned']

export const h15 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-15',
  name: 'kind mismatch',
  precondition: 'a page is pinned, or referenced, or the counter of a tail page itself was raised',
  event: 'what was taken is dropped as something else',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Ask what was taken, not what the state of the object suggests: keep the kind with the list (BIO_PAGE_PINNED, a notifier), and drop with the same family of calls that took.',
  kernel:
    'mm/gup.c: unpin_user_page; include/linux/mm.h: put_page; include/linux/page_ref.h: page_ref_inc; net/rds/message.c: rds_message_purge; 44b550d88b26; mlx5 en_accel/ktls_tx.c: tx_sync_info_get; dd6e972cc589',
  diagram: `
                     small folio            large folio
  pin_user_pages     refcount + 1024        refcount + 1, pincount + 1
       |
  put_page           refcount - 1           refcount - 1
       |
  left over          1023: never freed      pincount 1: pinned for ever

  the other way round (get_page, then unpin) 1023 references of others go,
  and page_ref_inc(tail) with put_page(tail) moves two counters, one each.`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs
0,get,header,1,write,0x20000+4096
1,pin,buffer,1,read,0x10000+8192
2,put,header,1,,
3,put,buffer,1,,
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs
0,get,header,1,write,0x20000+4096
1,pin,buffer,1,read,0x10000+8192
2,put,header,1,,
3,unpin,buffer,1,,
`,
  },
  watch: (audit) => ({
    release: ({ token, page, pages, as }) => {
      const taken = audit.tokens.retention(token)
      if (as === taken) return
      // The zero page counts otherwise: H-51.
      const zero = zeroPagesOf(audit, token)
      const others = taken === RETAIN_PIN ? pages : pages - zero
      if (zero > 0 && others === 0) return
      audit.find(h15, {
        token,
        page,
        pages: others,
        detail: `${TAKEN[taken]}, and ${DROPPED[as]}: ${effect(taken, as)}`,
      })
    },
    put: ({ page }) => {
      const { folios, tokens } = audit
      if (tokens.plain.owed(folios.headOf(page)) > 0 || tokens.plain.ownOf(page) <= 0) return
      const detail =
        'put_page drops a reference of the folio, where page_ref_inc raised the counter of the tail page itself'
      audit.find(h15, { page, detail })
    },
    over: () => {
      audit.tokens.plain.eachOwn((page, by, row, line) => {
        const detail = `the counter of a tail page itself is off by ${grouped(by)}, which its folio does not know`
        audit.find(h15, { page, row, line, detail })
      })
    },
  }),
})

/** What it does to the counts: lifetime.md 2.2. */
function effect(taken: Retention, as: Retention): string {
  if (taken === RETAIN_PIN && as === RETAIN_REF) return 'a small folio keeps 1023, a large one its pincount'
  if (taken === RETAIN_REF && as === RETAIN_PIN)
    return 'a small folio loses 1024 for 1, a large one gets a negative pincount'
  return 'the page is not its to free'
}
