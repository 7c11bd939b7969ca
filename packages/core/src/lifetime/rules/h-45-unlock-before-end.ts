import type { Audit } from '../audit.ts'
import { GUARD_LOCK } from '../borrows.ts'
import type { Since } from '../finding.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import { folioOf } from '../handed-locks.ts'
import { covers, endPageOf } from '../page-range.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { ATTACHED, sinceDevice, sinceListed } from '../since.ts'
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
  watch: (audit) => {
    const told = { row: 0, head: -1 }
    return {
      unlock: ({ page }) => {
        const { bus, folios } = audit
        const head = folios.headOf(page)
        // A row that names several pages of a folio unlocks it once.
        if (!isAnyInFlight(audit) || (told.row === bus.row && told.head === head)) return
        const isLocked = folios.has(page, FOLIO_LOCKED) && !folios.has(page, FOLIO_WRITEBACK)
        const folio = folioOf(audit, page)
        for (let at = head; at < endPageOf(folio); at++) {
          const since = storeOf(audit, at) ?? (isLocked ? listOf(audit, at) : null)
          if (since === null) continue
          told.row = bus.row
          told.head = head
          const detail = `it is unlocked while row ${grouped(since.row)} is at work in it, and nothing else keeps others out`
          audit.find(h45, { page: at, since, detail })
        }
      },
      violation: ({ detail, row, pages }) => {
        if (detail !== 'modified-in-use') return
        audit.find(h45, {
          since: sinceListed(row),
          pages,
          detail: `what row ${grouped(row)} has in flight changes: neither lock nor writeback forbids it`,
        })
      },
    }
  },
})

function isAnyInFlight({ devices, lane, objects }: Audit): boolean {
  return lane.borrows.open > 0 || devices.atWork().length > 0 || objects.inFlight().length > 0
}

/** Since when a store is under way to a page that is locked, and not held for it; null where there is none. */
function storeOf(audit: Audit, page: number): Since | null {
  const { borrows } = audit.lane
  for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
    if (borrows.guard[slot] !== GUARD_LOCK || borrows.isSource[slot] === 1) continue
    if (!isUnlockedByItself(audit, borrows.row[slot])) return sinceListed(borrows.row[slot])
  }
  const access = audit.devices.atWork().find((one) => one.isStore && covers(one, page))
  // Who only reads the page keeps it, and lets nobody store to it.
  return access === undefined || audit.tokens.writerOn(page) !== 0 ? null : sinceDevice(access)
}

/** The operation of that row is completed or given up: it unlocks its own pages before its list is given back. */
function isUnlockedByItself({ bus, references }: Audit, row: number): boolean {
  return row === bus.row && (references.phase === 'complete' || references.phase === 'abort')
}

/** Since when an object in flight lists a locked page without a reference. */
function listOf(audit: Audit, page: number): Since | null {
  for (const { entries } of audit.objects.inFlight()) {
    const entry = entries.find((one) => one.token === 0 && covers(one, page))
    if (entry !== undefined) return { row: entry.row, what: ATTACHED }
  }
  return null
}
