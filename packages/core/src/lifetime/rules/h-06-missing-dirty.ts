import type { Audit } from '../audit.ts'
import type { Handlers } from '../event-bus.ts'
import { FOLIO_DETACHED } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import { BY_CPU } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

/** A release that should have made a page dirty. */
interface CleanRelease {
  readonly row: number
  readonly line: number
  readonly takenRow: number
  readonly holder: string
}

export const h06 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-06',
  name: 'missing dirty',
  precondition: 'user memory was taken for writing, and a device or the kernel has written to it',
  event: 'it is released without having been made dirty, and the folio is clean: at once, or when reclaim frees it',
  verdict: 'LOST',
  severity: severityOf('LOST'),
  advice:
    'Release with unpin_user_pages_dirty_lock(pages, n, true) wherever a byte may have been written: a store through the kernel mapping or by a device sets no dirty bit in the page table.',
  kernel:
    'mm/gup.c: unpin_user_pages_dirty_lock; net/rds/info.c: rds_info_getsockopt (512db8267b73); mm/shmem.c: a folio that was only read is clean, and its page table entry writable',
  diagram: `
  pin(write)           the page table entry is there: no fault, no dirty bit
      |
  kernel stores        through its own mapping: no dirty bit either
      |
  unpin                without dirty
      |
  reclaim              folio clean, page table entry clean: freed
      |
  next fault           zeroes, or what the disk had`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+8192,shmem,
1,pin,buffer,1,read,0x10000+4096,,
2,store,,1,,0x10000+4096,,kernel
3,unpin,buffer,1,,,,
4,reclaim,,1,,0x10000+4096,,
5,map,,1,,0x20000+4096,file,
6,pin,other,1,read,0x20000+4096,,
7,writeback,,1,,0x20000+4096,,
8,writeback_end,,1,,0x20000+4096,,
9,dma,,1,read,0x20000+512,,
10,unpin,other,1,,,,
`,
    rows: [4, 11],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+8192,shmem,
1,pin,buffer,1,read,0x10000+4096,,
2,store,,1,,0x10000+4096,,kernel
3,unpin,buffer,1,,,,dirty
4,reclaim,,1,,0x10000+4096,,
5,map,,1,,0x20000+4096,file,
6,pin,other,1,read,0x20000+4096,,
7,dma,,1,read,0x20000+512,,
8,unpin,other,1,,,,dirty
9,writeback,,1,,0x20000+4096,,
10,writeback_end,,1,,0x20000+4096,,
`,
  },
  watch: (audit) => handlersOf(audit, new Map()),
})

/** `released`: by head page of shared memory, of which only reclaim knows whether its page table entry is dirty. */
function handlersOf(audit: Audit, released: Map<number, CleanRelease>): Handlers {
  const { bus, folios, tokens, lane } = audit
  const headOf = (page: number): number => lane.memory.pages.headOf(page)
  const forget = (page: number): void => {
    if (released.size > 0) released.delete(headOf(page))
  }
  const release = (token: number, page: number): void => {
    if (folios.isDirty(page) || folios.has(page, FOLIO_DETACHED) || !folios.isUnsaved(page)) return
    // Whoever holds the page besides, for writing, may still make it dirty.
    if (tokens.writerOn(page, token) !== 0) return
    const takenRow = tokens.rowOf(token)
    if (folios.isFile(page)) {
      if (!folios.contents.isAheadOfWriteback(headOf(page))) return
      audit.find(h06, { page, token, detail: 'written to, released clean: no writeback will take it along' })
      // Of several pages perhaps only others were written to.
    } else if (folios.isPageCache(page) && folios.history.rowOf('store', headOf(page)) >= takenRow) {
      released.set(headOf(page), { row: bus.row, line: bus.line, takenRow, holder: tokens.holders[token] })
    }
  }
  return {
    release: ({ token, isDirty }) => {
      if (isDirty || tokens.wrote[token] === 0 || tokens.isDest[token] === 0 || tokens.isUser[token] === 0) return
      lane.ledger.eachRun(token, (first, count) => {
        if (!folios.isPageCache(first)) return
        for (let page = first; page < first + count; page++) release(token, page)
      })
    },
    dirty: ({ page }) => forget(page),
    store: ({ page, by }) => {
      if (by === BY_CPU) forget(page)
    },
    reclaim: ({ page }) => {
      if (released.size === 0 || folios.isDirty(page) || folios.isBusy(page)) return
      const found = released.get(headOf(page))
      if (found === undefined) return
      released.delete(headOf(page))
      audit.find(h06, {
        ...found,
        page,
        detail: `written to, released clean: row ${grouped(bus.row)} reclaims it, and the data is gone`,
      })
    },
  }
}
