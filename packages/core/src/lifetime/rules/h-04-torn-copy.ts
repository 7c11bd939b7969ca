import { KIND_ANON, KIND_HUGETLB, KIND_SHMEM, KIND_THP } from '../../memory/page-store.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import type { Since } from '../finding.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import { BY_CPU, BY_DEVICE, BY_KERNEL, type LifetimeEvent, WRITER_NAMES, type Writer } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { sinceDevice, sinceListed } from '../since.ts'
import { severityOf } from '../verdict.ts'

/** Memory that programs share with nobody but each other. */
const USER_KINDS: readonly number[] = [KIND_ANON, KIND_THP, KIND_HUGETLB, KIND_SHMEM]

export const h04 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-04',
  name: 'torn copy',
  precondition: 'bytes are being loaded by a device, copied, or sent or written out of where they are',
  event: 'a store to the same bytes ends before that, or the load ends while a device still stores there',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Exclude the writer for as long as the copy takes: a bounce page taken while a device may store is torn as well. Wait for its completion, or revoke its access first.',
  kernel:
    'block/bounce.c: bounce_end_io (up to 6.15; removed by eeadd68e2a5f); fs/iomap/direct-io.c; mm/gup.c; a copy under a pin excludes nobody',
  diagram: `
  copy of the page     | old | old | old .....           |
                                      store (device)     |
  the page             | new | new | new | new | new | new
                                          | new | new | new   copy goes on
  what was copied      | old | old | old | new | new | new    never existed`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs
0,pin,buffer,1,read,0x10000+4096
1,dma,nic,1,read,0x10000+2048
2,load,,1,,0x10400+1024
3,dma_end,nic,1,,
4,dma,disk,1,write,0x10000+4096
5,dma,,1,read,0x10c00+512
6,dma_end,disk,1,,
7,unpin,buffer,1,,
`,
    rows: [6],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs
0,pin,buffer,1,read,0x10000+4096
1,dma,nic,1,read,0x10000+2048
2,dma_end,nic,1,,
3,dma,disk,1,write,0x10000+2048
4,dma,,1,read,0x10800+2048
5,dma_end,disk,1,,
6,unpin,buffer,1,,
`,
  },
  watch: (audit) => ({
    store: (event) => {
      const { page, by } = event
      if (isNobodyAtWork(audit) || isPlannedFor(audit, page, by) || isOwnAffair(audit, page, by)) return
      const since = overlapSince(audit, event, false)
      if (since === null) return
      audit.find(h04, {
        page,
        pages: event.pages,
        since,
        detail: `${WRITER_NAMES[by]} changes bytes that are being read since row ${grouped(since.row)}: some old, some new`,
      })
    },
    load: (event) => {
      const { page, by } = event
      // A program that looks at its buffer too early harms nobody but itself.
      if (by === BY_CPU || isNobodyAtWork(audit)) return
      const since = overlapSince(audit, event, true)
      if (since === null) return
      audit.find(h04, {
        page,
        pages: event.pages,
        since,
        detail: `${WRITER_NAMES[by]} has read bytes to which a store is under way since row ${grouped(since.row)}: some old, some new`,
      })
    },
  }),
})

function isNobodyAtWork({ devices, lane }: Audit): boolean {
  return devices.atWork().length === 0 && lane.borrows.open === 0
}

/**
 * A file's page that a CPU, or the kernel under the folio lock, writes to while it is written back becomes dirty: it is written
 * once more. What else reads it (direct I/O out of a mapping, say) is not repeated.
 */
function isPlannedFor({ folios }: Audit, page: number, by: Writer): boolean {
  if (!folios.isFile(page) || !folios.has(page, FOLIO_WRITEBACK)) return false
  return by === BY_CPU || (by === BY_KERNEL && folios.has(page, FOLIO_LOCKED))
}

/** A program that reads into memory of its own out of which it still writes harms nobody else. */
function isOwnAffair({ bus, lane }: Audit, page: number, by: Writer): boolean {
  return by === BY_DEVICE && bus.operation !== 0 && USER_KINDS.includes(lane.memory.pages.kindOf(page))
}

/** What began an access under way that has bytes in common with the event's: one that stores, or one that loads; null: none. */
function overlapSince({ bus, devices, lane }: Audit, event: LifetimeEvent, isStore: boolean): Since | null {
  const from = event.page * PAGE_SIZE + event.offsetBytes
  const end = from + event.bytes
  for (const access of devices.atWork()) {
    const start = access.page * PAGE_SIZE + access.offsetBytes
    if (access.isStore === isStore && start < end && from < start + access.bytes) return sinceDevice(access)
  }
  const { borrows } = lane
  if (borrows.open === 0) return null
  const source = isStore ? 0 : 1
  for (let page = event.page; page < event.page + event.pages; page++) {
    const base = page * PAGE_SIZE
    for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
      if (borrows.isSource[slot] !== source || borrows.isWaiting[slot] === 1) continue
      // What an operation does to bytes of its own list is in order by itself.
      if (bus.operation !== 0 && borrows.row[slot] === bus.row) continue
      if (base + borrows.offsetBytes[slot] < end && from < base + borrows.endBytes[slot]) {
        return sinceListed(borrows.row[slot])
      }
    }
  }
  return null
}
