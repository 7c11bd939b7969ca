import { CONTEXT_ATOMIC } from '../event-bus.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h09 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-09',
  name: 'dirty lock in atomic context',
  precondition: 'an interrupt, a softirq or a spinlock: nothing may sleep',
  event: 'folios are made dirty under their lock (unpin_user_pages_dirty_lock, set_page_dirty_lock), or locked',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Make dirty before submission, look again at completion, and hand what is clean by then to a worker (bio_check_pages_dirty); or defer the whole release.',
  kernel:
    'mm/gup.c: unpin_user_pages_dirty_lock; mm/page-writeback.c: set_page_dirty_lock; block/bio.c: bio_check_pages_dirty; 39e160505198 (bio integrity), d100966325f7 (RDS)',
  diagram: `
  process              interrupt
      |                    |
  lock folio               |
  (I/O on it)           unpin_user_pages_dirty_lock
      |                    |  folio_lock: waits for the process ...
      x <-- interrupted    x  ... that it has interrupted`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,flags
0,pin,buffer,1,read,0x10000+4096,
1,dma,,1,read,0x10000+4096,
2,unpin,buffer,1,,,dirty atomic
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,flags
0,pin,buffer,1,read,0x10000+4096,
1,dma,,1,read,0x10000+4096,
2,unpin,buffer,1,,,dirty worker
3,pin,source,1,write,0x20000+4096,
4,unpin,source,1,,,atomic
`,
  },
  watch: (audit) => ({
    release: ({ token, page, pages, amount }) => {
      if (amount === 0 || audit.bus.context !== CONTEXT_ATOMIC) return
      audit.find(h09, { token, page, pages, detail: 'made dirty under the folio lock where nothing may sleep' })
    },
    dirty: ({ page, token, amount }) => {
      // Anonymous memory has no file system that is told.
      if (audit.bus.context !== CONTEXT_ATOMIC || token !== 0 || amount === 1 || !audit.folios.isPageCache(page)) return
      audit.find(h09, { page, detail: 'made dirty where nothing may sleep: its mapping takes locks, and may wait' })
    },
    lock: ({ page }) => {
      if (audit.bus.context !== CONTEXT_ATOMIC) return
      audit.find(h09, { page, detail: 'folio_lock where nothing may sleep' })
    },
  }),
})
