import { PAGE_KINDS } from '../../memory/page-store.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { storeUnderWay } from '../store-under-way.ts'
import { severityOf } from '../verdict.ts'

const KIND_FSDAX = PAGE_KINDS.indexOf('fsdax')

const DETACHED = 'the page leaves its file before that: what is stored is lost with it'
const DAX = 'the blocks are free for another file, and the page is the storage itself: that file gets what is stored'

export const h42 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-42',
  name: 'truncate under DMA',
  precondition: "a device, or an operation in flight, is to store into a file's page",
  event:
    'the file is truncated or punched, its blocks are replaced (reflink), or a clean page is invalidated: it is no longer of the file; with DAX (CORRUPT) any change of the layout',
  verdict: 'LOST',
  severity: severityOf('LOST'),
  advice:
    'The reference keeps the page, and nothing more: wait for the I/O, or expect to find none of its data. With DAX that is corruption: the file system has to unmap the page and wait until it is idle before it truncates, punches or shares.',
  kernel:
    'mm/truncate.c: truncate_inode_folio, invalidate_complete_folio2, truncate_pagecache_range; fs/xfs/xfs_reflink.c: xfs_reflink_remap_prep (xfs_flush_unmap_range); fs/dax.c: dax_break_layout (6.12: dax_layout_busy_page; a page is idle at count 1, since 6.15 at 0); fs/xfs/xfs_file.c: xfs_break_dax_layouts',
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
      if (!isDax(audit, page)) tell(audit, page)
      // Of a row the change of the layout told.
      else if (audit.leases.changedRow !== audit.bus.row) tellDax(audit, page)
    },
    // Nobody asks for references, and a dirty page stays.
    invalidate: ({ page }) => {
      if (audit.folios.isDirty(page)) return
      if (isDax(audit, page)) tellDax(audit, page)
      else tell(audit, page)
    },
    // With DAX it does not take a truncation: whatever frees or moves the blocks takes the storage away.
    layout: () => {
      for (const page of audit.leases.changing) if (isDax(audit, page)) tellDax(audit, page)
    },
    punch: ({ file, positionBytes, lengthBytes }) => punch(audit, file, positionBytes, lengthBytes),
    // What gets blocks of another file is flushed, and its pages leave the cache: truncate_pagecache_range.
    reflink: ({ page, amount }) => {
      if (amount === 1 && !isDax(audit, page)) tell(audit, page)
    },
  }),
})

/** Pages that leave the cache with their blocks are truncated; those of DAX are the blocks. */
function punch(audit: Audit, file: number, position: number, length: number): void {
  if (audit.leases.changedRow === audit.bus.row) return
  const end = Math.ceil((position + length) / PAGE_SIZE)
  audit.lane.visitFile(file, Math.floor(position / PAGE_SIZE), end, (page) => {
    if (isDax(audit, page)) tellDax(audit, page)
  })
}

function isDax(audit: Audit, page: number): boolean {
  return audit.lane.memory.pages.kindOf(page) === KIND_FSDAX
}

/** A folio leaves its file as a whole. */
function tell(audit: Audit, page: number): void {
  const store = storeUnderWay(audit, audit.folios.headOf(page), audit.folios.sizeOf(page))
  // A page that nothing keeps is freed: H-44.
  if (store === null || !isKept(audit, page)) return
  const row = store.since?.row ?? audit.tokens.rowOf(store.token)
  audit.find(h42, { ...store, page, detail: `row ${grouped(row)} is to store into it: ${DETACHED}` })
}

/**
 * Blocks of a DAX file are freed, moved or shared only when their pages are idle: unmapped, and nobody has a reference.
 * @kernel fs/dax.c: dax_page_is_idle (since 6.15; before: dax_layout_busy_page, page_ref_count == 1)
 */
function tellDax(audit: Audit, page: number): void {
  const store = storeUnderWay(audit, page)
  if (store === null && !audit.folios.isBusy(page)) return
  const { version } = audit.lane.kernel
  const idle = version === '6.1' || version === '6.12' ? 1 : 0
  const count = grouped(idle + audit.folios.otherReferences(page))
  const detail = `the page is in use, its count is ${count} once it is unmapped and idle is ${idle}: ${DAX}`
  audit.find(h42, { verdict: 'CORRUPT', ...(store ?? { token: holderOn(audit, page) }), page, detail })
}

function holderOn(audit: Audit, page: number): number {
  let found = 0
  audit.tokens.eachOn(page, 1, (token) => {
    found = token
  })
  return found
}

/** A reference keeps the page, or the lock or the writeback that a truncation waits for. */
function isKept({ folios }: Audit, page: number): boolean {
  return folios.isBusy(page) || folios.has(page, FOLIO_LOCKED | FOLIO_WRITEBACK)
}
