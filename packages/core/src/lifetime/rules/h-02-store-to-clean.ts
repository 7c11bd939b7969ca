import type { Audit } from '../audit.ts'
import type { Handlers } from '../event-bus.ts'
import { FOLIO_DETACHED, FOLIO_PROTECTED } from '../folio-flags.ts'
import { BY_CPU } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

/** A store that no writeback will take along, unless somebody makes the folio dirty. */
interface UnnoticedStore {
  readonly row: number
  readonly line: number
  readonly page: number
  readonly token: number
  readonly takenRow: number
  readonly holder: string
}

export const h02 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-02',
  name: 'DMA store to a clean page',
  precondition: 'a page of a file was cleaned and write-protected while it is pinned for writing',
  event: 'a device stores to it, and it is released, invalidated or reclaimed without having been made dirty',
  verdict: 'LOST',
  severity: severityOf('LOST'),
  advice:
    'Make the folios dirty after the last store and before the release (unpin_user_pages_dirty_lock): write protection does not stop a device, and nobody else knows of the store.',
  kernel:
    'mm/gup.c: writable_file_mapping_allowed (8ac268436e6d, 6.5) has the story; mm/rmap.c: folio_mkclean; Documentation/core-api/pin_user_pages.rst',
  diagram: `
  pin(write)      page_mkwrite runs, the folio is dirty, its PTE writable
      |
  writeback       folio_mkclean: PTE read-only, folio clean, disk is current
      |
  device stores   no fault, no page_mkwrite, no dirty bit
      |
  unpin, clean    memory is newer than the disk, and nobody knows
      |
  reclaim         the folio is freed: the store is gone`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing
0,map,,1,,0x10000+4096,file
1,pin,buffer,1,read,0x10000+4096,
2,writeback,,1,,0x10000+4096,
3,writeback_end,,1,,0x10000+4096,
4,dma,,1,read,0x10000+4096,
5,unpin,buffer,1,,,
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+4096,file,
1,pin,buffer,1,read,0x10000+4096,,
2,dma,,1,read,0x10000+4096,,
3,unpin,buffer,1,,,,dirty
4,writeback,,1,,0x10000+4096,,
5,writeback_end,,1,,0x10000+4096,,
`,
  },
  watch: (audit) => handlersOf(audit, new Map()),
})

/** `stores`: by head page, those that nobody has made up for yet. */
function handlersOf(audit: Audit, stores: Map<number, UnnoticedStore>): Handlers {
  const { bus, folios, tokens, lane } = audit
  const headOf = (page: number): number => lane.memory.pages.headOf(page)
  const madeGood = (page: number): void => {
    if (stores.size > 0) stores.delete(headOf(page))
  }
  const lost = (page: number, how: string): void => {
    const store = stores.get(headOf(page))
    if (store === undefined) return
    stores.delete(headOf(page))
    const { row, line, token, takenRow, holder } = store
    const detail = `no page table stopped this store to a clean page, and nothing made it dirty: ${how}`
    const taken = tokens.isOpenSince(token, takenRow) ? { token } : { takenRow, holder }
    audit.find(h02, { ...taken, row, line, page: store.page, detail })
  }
  return {
    store: ({ page, pages, by }) => {
      for (let at = page; at < page + pages; at++) {
        if (by === BY_CPU) madeGood(at)
        else if (isUnnoticed(audit, at) && !stores.has(headOf(at))) {
          const token = tokens.writerOn(at)
          const taken = { token, takenRow: tokens.rowOf(token), holder: tokens.holders[token] }
          stores.set(headOf(at), { row: bus.row, line: bus.line, page: at, ...taken })
        }
      }
    },
    dirty: ({ page }) => madeGood(page),
    mkwrite: ({ page }) => madeGood(page),
    // The data goes with the file: that is what truncate is for.
    truncate: ({ page }) => madeGood(page),
    release: ({ token, isDirty }) => {
      if (stores.size === 0 || tokens.isDest[token] === 0 || tokens.wrote[token] === 0) return
      tokens.eachFilePage(token, (page) => {
        if (isDirty) madeGood(page)
        else if (tokens.writerOn(page, token) === 0) lost(page, 'its pin goes, and with it the last who knew')
      })
    },
    invalidate: ({ page }) => {
      if (stores.size > 0) lost(page, 'the page leaves its file as if it were on disk')
    },
    reclaim: ({ page }) => {
      if (stores.size > 0 && !folios.isBusy(page)) lost(page, 'the page is freed as if it were on disk')
    },
  }
}

function isUnnoticed({ folios, tokens }: Audit, page: number): boolean {
  if (!folios.has(page, FOLIO_PROTECTED) || folios.isDirty(page) || folios.has(page, FOLIO_DETACHED)) return false
  return folios.isFile(page) && tokens.writerOn(page) !== 0
}
