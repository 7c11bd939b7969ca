import { PAGE_KINDS } from '../../memory/page-store.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { GUARD_COUNT } from '../borrows.ts'
import type { DeviceAccess } from '../devices.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const KIND_FSDAX = PAGE_KINDS.indexOf('fsdax')

const DETACHED = 'the page leaves its file before that: what is stored is lost with it'
const DAX = 'the blocks are free for another file, and the page is the storage itself: that file gets what is stored'

export const h42 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-42',
  name: 'truncate under DMA',
  precondition: "a device, or an operation in flight, is to store into a file's page",
  event: 'the file is truncated: the page is no longer of the file; with DAX any change of its layout',
  verdict: 'LOST',
  severity: severityOf('LOST'),
  advice:
    'The reference keeps the page, and nothing more: wait for the I/O, or expect to find none of its data. With DAX the file system has to wait for the references before it frees blocks.',
  kernel:
    'mm/truncate.c: truncate_inode_folio; fs/dax.c: dax_break_layout (6.12: dax_layout_busy_page); fs/xfs/xfs_file.c: xfs_break_dax_layouts',
  diagram: `
  device               file
  store begins  ---->  page 0 (pinned)
                       truncate: page 0 leaves the file
  store ends    ---->  page 0, which nobody reaches any more
  unpin                page 0 is freed, with the data`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset
0,map,,1,,0x10000+4096,file,data,0
1,pin,buffer,1,read,0x10000+4096,,,
2,dma,disk,1,read,0x10000+4096,,,
3,truncate,,1,,,,data,0
4,dma_end,disk,1,,,,,
5,unpin,buffer,1,,,,,
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset
0,map,,1,,0x10000+4096,file,data,0
1,pin,buffer,1,read,0x10000+4096,,,
2,dma,disk,1,read,0x10000+4096,,,
3,dma_end,disk,1,,,,,
4,unpin,buffer,1,,,,,
5,truncate,,1,,,,data,0
`,
  },
  watch: (audit) => ({
    truncate: ({ page }) => {
      // Of DAX the change of the layout told.
      if (!isDax(audit, page) || audit.leases.changedRow !== audit.bus.row) tell(audit, page, audit.folios.sizeOf(page))
    },
    // With DAX it does not take a truncation: whatever frees or moves the blocks takes the storage away.
    layout: () => {
      for (const page of audit.leases.changing) if (isDax(audit, page)) tell(audit, page, 1)
    },
  }),
})

function isDax(audit: Audit, page: number): boolean {
  return audit.lane.memory.pages.kindOf(page) === KIND_FSDAX
}

/** `page` and those behind it: a folio is truncated as a whole. */
function tell(audit: Audit, page: number, pages: number): void {
  const takenRow = storeUnderWay(audit, page, pages)
  if (takenRow === 0) return
  const detail = `row ${takenRow} is to store into it: ${isDax(audit, page) ? DAX : DETACHED}`
  audit.find(h42, { page, takenRow, detail })
}

/** Row of a store that is under way to pages which its reference keeps, 0 where there is none. */
function storeUnderWay(audit: Audit, page: number, pages: number): number {
  const { borrows, ledger } = audit.lane
  const access = audit.devices.atWork().find((one) => one.isStore && meets(one, page, pages))
  if (access !== undefined) return access.row
  for (let at = page; at < page + pages; at++) {
    for (let slot = borrows.first(at); slot !== 0; slot = borrows.nextOfPage[slot]) {
      if (borrows.isSource[slot] === 0 && borrows.guard[slot] === GUARD_COUNT) return borrows.row[slot]
    }
  }
  if (!audit.folios.isBusy(page)) return 0
  let found = 0
  audit.tokens.eachOn(page, pages, (token) => {
    // A reference of an operation is held until its I/O is over; one that a row took may be for anything.
    if (audit.tokens.isDest[token] === 1 && ledger.holds.operation[token] !== 0) found = audit.tokens.rowOf(token)
  })
  return found
}

function meets({ page: first, offsetBytes, bytes }: DeviceAccess, page: number, pages: number): boolean {
  return first < page + pages && page < first + Math.ceil((offsetBytes + bytes) / PAGE_SIZE)
}
