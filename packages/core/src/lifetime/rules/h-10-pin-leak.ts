import { findLeak, LEAK_PIN, leakOf, ownerOf } from '../leak.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h10 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-10',
  name: 'pin leak',
  precondition: 'pages are pinned',
  event: 'the trace, or the object that the pins belong to, ends and they are still held',
  verdict: 'LEAK',
  severity: severityOf('LEAK'),
  advice:
    'Unpin on every path that ends the life of the owner, the error paths above all: nr_foll_pin_acquired - nr_foll_pin_released must come back to where it was.',
  kernel:
    'mm/gup.c: unpin_user_pages; Documentation/core-api/pin_user_pages.rst: nr_foll_pin_acquired, nr_foll_pin_released; fb89c39455e4',
  diagram: `
  pin 2 pages          +2048 on each refcount of a small folio
       |
  owner freed          nobody knows of the pins any more
       |
  end                  2 pins for ever: the pages are never freed`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs
0,pin,buffer,1,read,0x10000+8192
`,
    rows: [1],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs
0,pin,buffer,1,read,0x10000+8192
1,unpin,buffer,1,,
`,
  },
  watch: (audit) => ({
    end: (event) => {
      // Pins of nothing but the zero page count nothing.
      if (event.pages === 0 || leakOf(audit, event.token) !== LEAK_PIN) return
      findLeak(audit, h10, event, `pins are still held at the end, ${ownerOf(audit, event.token)}`)
    },
  }),
})
