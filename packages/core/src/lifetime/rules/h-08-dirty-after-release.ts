import type { Audit } from '../audit.ts'
import type { Handlers } from '../event-bus.ts'
import { FOLIO_LOCKED } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import { BY_CPU } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h08 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-08',
  name: 'dirty after release',
  precondition: 'memory was taken and released, and nobody else has a reference',
  event: 'whoever released it marks its pages dirty now, without the folio lock',
  verdict: 'UAF',
  severity: severityOf('UAF'),
  advice:
    "First dirty, then release: after the last reference the page may be free, or another's. unpin_user_pages_dirty_lock does both in the right order.",
  kernel:
    'mm/gup.c: unpin_user_pages_dirty_lock, unpin_user_page_range_dirty_lock (set_page_dirty_lock, then gup_put_folio)',
  diagram: `
  pin(write)          refcount 1025
      |
  device stores
      |
  unpin               refcount 1: reclaim or truncate may free the page
      |               ........... and somebody else allocate it
  set_page_dirty      on whatever the page is by now`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing
0,map,,1,,0x10000+4096,file
1,pin,buffer,1,read,0x10000+4096,
2,dma,,1,read,0x10000+4096,
3,unpin,buffer,1,,,
4,dirty,,1,,0x10000+4096,
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing
0,map,,1,,0x10000+4096,file
1,pin,buffer,1,read,0x10000+4096,
2,dma,,1,read,0x10000+4096,
3,dirty,,1,,0x10000+4096,
4,unpin,buffer,1,,,
5,store,,1,,0x10000+4096,
6,dirty,,1,,0x10000+4096,
`,
  },
  watch: (audit) => handlersOf(audit, new Map()),
})

/** Who let a page go last. */
interface LetGo {
  readonly row: number
  readonly task: number
}

/** `released`: by head page, whoever held it last. Of anonymous memory only who owes a dirty bit. */
function handlersOf(audit: Audit, released: Map<number, LetGo>): Handlers {
  const { bus, folios, tokens, lane } = audit
  const headOf = (page: number): number => lane.memory.pages.headOf(page)
  const forget = (page: number): void => {
    if (released.size > 0) released.delete(headOf(page))
  }
  const letGo = (page: number): void => {
    released.set(headOf(page), { row: bus.row, task: bus.task })
  }
  return {
    release: ({ token, isDirty }) => {
      const owesDirty = !isDirty && tokens.isDest[token] === 1 && tokens.wrote[token] === 1
      lane.ledger.eachRun(token, (first, count) => {
        if (!owesDirty && !folios.isPageCache(first)) return
        for (let page = first; page < first + count; page++) letGo(page)
      })
    },
    put: ({ page }) => {
      if (folios.isPageCache(page)) letGo(page)
    },
    // Whoever comes after that has a right of his own to make it dirty; one who only locks or cleans it has not.
    store: ({ page, by }) => {
      if (by === BY_CPU) forget(page)
    },
    mkwrite: ({ page }) => forget(page),
    dirty: ({ page, amount, token }) => {
      const last = released.size === 0 ? undefined : released.get(headOf(page))
      if (last === undefined || last.task !== bus.task || amount === 1 || token !== 0) return
      if (folios.has(page, FOLIO_LOCKED) || folios.isBusy(page)) return
      released.delete(headOf(page))
      audit.find(h08, {
        page,
        detail: `made dirty after row ${grouped(last.row)} has let go of it: the page may be another's by now`,
      })
    },
  }
}
