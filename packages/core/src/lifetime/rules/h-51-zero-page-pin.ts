import { RETAIN_REF } from '../../extract/retention.ts'
import { ZERO_PAGE } from '../../memory/page-store.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'
import { zeroPagesOf } from '../zero-pages.ts'

/** The counter has 31 bits: a pin takes 1,024 of it, a reference 1. */
const COUNT_MAX = 2 ** 31

const PIN_PUT = 'a pin counts nothing on it, and put_page takes one: its counter goes down with every such pair'
const GET_UNPINNED = 'unpin drops nothing of it, and the reference stays: its counter goes up with every such pair'

export const h51 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-51',
  name: 'zero page pin counted',
  precondition: 'memory that was only ever read, or never touched, is the one shared zero page',
  event: 'it is taken one way and dropped the other: a pin or unpin that counts, or counts not, and its pair not so',
  verdict: 'ACCT',
  severity: severityOf('ACCT'),
  advice:
    'Treat the zero page the same on both sides: since 6.5 pin_user_pages and unpin_user_pages both pass it over; before, unpin what was pinned though the page is reserved.',
  kernel:
    'mm/gup.c: try_grab_folio, gup_put_folio (is_zero_folio), c8070b787519 (6.5; in 6.1.y too); drivers/vfio/vfio_iommu_type1.c: vaddr_get_pfns, put_pfn, 873aefb376bb (6.0)',
  diagram: `
  map 512 pages, none touched: 512 times the zero page
       |
  pin        + 512 * 1024 on its one counter
       |
  unmap      "reserved page": not unpinned
       |
  again and again: after 2,097,152 pins it overflows`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,op,iter,segs,backing,flags
0,map,1,,,0x10000+8192,anon,untouched
1,get,1,write,ubuf,0x10000+8192,,raw
`,
    rows: [2],
    sound: `# pinscope-trace 1
ts,event,mm,op,iter,segs,backing,flags
0,map,1,,,0x10000+8192,anon,untouched
1,get,1,write,ubuf,0x10000+8192,,raw
2,put,1,write,ubuf,0x10000+8192,,raw
`,
  },
  watch: (audit) => {
    const raised = { by: 0, row: 0, line: 0 }
    return {
      raw: ({ page, amount }) => {
        if (page !== ZERO_PAGE) return
        if (raised.by === 0) {
          raised.row = audit.bus.row
          raised.line = audit.bus.line
        }
        raised.by += amount
        if (raised.by >= 0) return
        audit.find(h51, { page, detail: 'its counter goes down by more than it ever went up' })
        raised.by = 0
      },
      release: ({ token, as }) => {
        const { tokens } = audit
        if (as === tokens.retention(token)) return
        const pages = zeroPagesOf(audit, token)
        if (pages === 0) return
        const detail = as === RETAIN_REF ? PIN_PUT : GET_UNPINNED
        audit.find(h51, { token, page: ZERO_PAGE, pages, detail })
      },
      over: () => {
        const { by, row, line } = raised
        if (by <= 0) return
        const detail = `its counter stays ${grouped(by)} higher than it was: at ${grouped(COUNT_MAX)} it overflows`
        audit.find(h51, { page: ZERO_PAGE, row, line, detail })
      },
    }
  },
})
