import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { GUARD_LOCK } from '../borrows.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../folio-flags.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h45 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-45',
  name: 'unlock before modification end',
  precondition: 'an operation in flight works on a page that nothing but the folio lock keeps from others',
  event: 'the folio is unlocked, or without a lock its contents change, before the operation is over',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Unlock in the completion. To go on earlier set writeback first (a source), or keep the folio not uptodate and locked (a destination).',
  kernel:
    'mm/filemap.c: folio_unlock, folio_end_read; fs/iomap/buffered-io.c: iomap_finish_folio_read; fs/netfs/read_collect.c',
  diagram: `
  reader               device
  lock folio
  submit  ---------->  the store begins
  unlock
  another task: reads what was there before, or writes, and then
                       the store ends: over what was written`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len
0,map,,1,,0x10000+4096,file,data,0,
1,lock,,1,,,,data,0,4096
2,dma,disk,1,read,0x10000+4096,,,,
3,unlock,,1,,,,data,0,4096
4,dma_end,disk,1,,,,,,
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len
0,map,,1,,0x10000+4096,file,data,0,
1,lock,,1,,,,data,0,4096
2,dma,disk,1,read,0x10000+4096,,,,
3,dma_end,disk,1,,,,,,
4,unlock,,1,,,,data,0,4096
`,
  },
  watch: (audit) => ({
    unlock: ({ page }) => {
      const takenRow = storeOf(audit, page) || listOf(audit, page)
      if (takenRow === 0) return
      const detail = `it is unlocked while row ${takenRow} is at work in it, and nothing else keeps others out`
      audit.find(h45, { page, takenRow, detail })
    },
    violation: ({ detail, row, pages }) => {
      if (detail !== 'modified-in-use') return
      audit.find(h45, {
        takenRow: row,
        pages,
        detail: `what row ${row} has in flight changes: neither lock nor writeback forbids it`,
      })
    },
  }),
})

/** Row of a store that is under way to a page of a folio that is locked, and not referenced for it; 0 where there is none. */
function storeOf(audit: Audit, page: number): number {
  const { borrows } = audit.lane
  const { folios } = audit
  const head = folios.headOf(page)
  for (let at = head; at < head + folios.sizeOf(page); at++) {
    for (let slot = borrows.first(at); slot !== 0; slot = borrows.nextOfPage[slot]) {
      // The completion of an operation unlocks its own pages before its list is given back.
      const isOwn = borrows.row[slot] === audit.bus.row
      if (borrows.guard[slot] === GUARD_LOCK && borrows.isSource[slot] === 0 && !isOwn) return borrows.row[slot]
    }
  }
  const access = audit.devices.atWork().find((one) => one.isStore && meets(audit, one, page))
  return access === undefined || hasToken(audit, page) ? 0 : access.row
}

/** Row of an object in flight that lists a page of a locked folio without a reference; under writeback it may be unlocked. */
function listOf(audit: Audit, page: number): number {
  if (!audit.folios.has(page, FOLIO_LOCKED) || audit.folios.has(page, FOLIO_WRITEBACK)) return 0
  for (const { entries, row } of audit.objects.inFlight()) {
    if (entries.some((entry) => entry.token === 0 && meets(audit, entry, page))) return row
  }
  return 0
}

/** The range has some page of the folio of `page`. */
function meets({ folios }: Audit, range: { page: number; offsetBytes: number; bytes: number }, page: number): boolean {
  const head = folios.headOf(page)
  const end = range.page + Math.ceil((range.offsetBytes + range.bytes) / PAGE_SIZE)
  return range.page >= 0 && range.page < head + folios.sizeOf(page) && head < end
}

function hasToken(audit: Audit, page: number): boolean {
  let has = false
  audit.tokens.eachOnFolio(page, () => {
    has = true
  })
  return has
}
