import { GUP_PIN_COUNTING_BIAS } from '../../memory/maybe-dma-pinned.ts'
import { ZERO_PAGE } from '../../memory/page-store.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

/** Pins that fit on a page: the counter has 31 bits. */
const PINS_MAX = 2 ** 31 / GUP_PIN_COUNTING_BIAS

export const h51 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-51',
  name: 'zero page pin counted',
  precondition: 'memory that was only ever read, or never touched, is the one shared zero page',
  event: 'a pin moves its counter, and no unpin moves it back, or an unpin does of which the pin did not',
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
      over: () => {
        const { by, row, line } = raised
        if (by <= 0) return
        const detail = `its counter stays ${by} higher: ${PINS_MAX} pins that nobody drops make it overflow`
        audit.find(h51, { page: ZERO_PAGE, row, line, takenRow: row, detail })
      },
    }
  },
})
