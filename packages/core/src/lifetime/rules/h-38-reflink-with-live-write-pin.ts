import type { Audit } from '../audit.ts'
import { FOLIO_SHARED } from '../folio-flags.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'

export const h38 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-38',
  name: 'reflink with a live write pin',
  precondition: 'something holds a page of the range so that it may write to it',
  event: 'the blocks of the page are shared: reflink or dedupe',
  verdict: 'CORRUPT',
  // What may happen, not what did: the holder has still to store.
  severity: 'high',
  advice:
    'Break the lease of the holder and wait until its pins are gone, or give the other file blocks of its own where a page is pinned; a pin does not run page_mkwrite again for its next store.',
  kernel:
    'fs/remap_range.c: __generic_remap_file_range_prep (6.1, 6.12, 7.3: inode_dio_wait and filemap_write_and_wait_range, no test of pins); fs/xfs/xfs_reflink.c: xfs_reflink_remap_prep',
  diagram: `
  holder               file system              blocks
  ------               -----------              ------
  pin page of A        |                        A: 7
  |                    write A back, wait       A: 7
  |                    reflink A to B           A: 7, B: 7 (shared)
  device stores        nobody is asked          A in memory: new
  unpin, dirty         writeback of A           7 is overwritten: B too`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len,flags
0,map,,1,,0x10000+8192,file,a,0,,
1,pin,buffer,1,read,0x10000+4096,,,,,
2,writeback,,,,,,a,0,8192,
3,writeback_end,,,,,,a,0,8192,
4,reflink,,2,,,,a,0,8192,
5,unpin,buffer,1,,,,,,,dirty
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len,flags
0,map,,1,,0x10000+8192,file,a,0,,
1,pin,buffer,1,read,0x10000+4096,,,,,
2,unpin,buffer,1,,,,,,,dirty
3,writeback,,,,,,a,0,8192,
4,writeback_end,,,,,,a,0,8192,
5,reflink,,2,,,,a,0,8192,
`,
  },
  watch: (audit) => ({
    reflink: ({ page, amount }) => share(audit, page, amount === 1),
    dedupe: ({ page, amount }) => share(audit, page, amount === 1),
    clean: ({ page }) => writeBack(audit, page),
  }),
})

const SHARED =
  'its blocks are shared while it can still be written to, and the file system will not be asked before it is'
const REPLACED =
  'its blocks are replaced by those of another file while it can still be written to: what is stored is lost with the page, or goes into blocks of both'

function share(audit: Audit, page: number, isReplaced: boolean): void {
  const token = writerAt(audit, page)
  if (token === 0) return
  audit.find(h38, { token, page, detail: isReplaced ? REPLACED : SHARED })
}

/** A token on the page itself through which something may be written: the other pages of its folio have blocks of their own. */
function writerAt({ tokens, folios }: Audit, page: number): number {
  let found = 0
  if (!folios.isBusy(page)) return found
  tokens.eachOn(page, 1, (token) => {
    if (tokens.isDest[token] === 1) found = token
  })
  return found
}

/** A file system that never writes in place: what is dirty behind its back it asks for once more. @kernel fs/btrfs/inode.c: btrfs_writepage_fixup_worker */
const COPIES_ON_WRITE = 'btrfs'

/** The damage itself, lifetime.md 6 T-C: a page whose block is shared is written back without its file system having been asked. */
function writeBack(audit: Audit, page: number): void {
  const { folios, lane } = audit
  if (!folios.has(page, FOLIO_SHARED) || !folios.isDirty(page) || lane.filesystem === COPIES_ON_WRITE) return
  const head = folios.headOf(page)
  const { history } = folios
  const shared = Math.max(history.rowOf('reflink', head), history.rowOf('dedupe', head))
  const dirtied = history.rowOf('dirty', head)
  // What was dirty before that, the file system wrote back before it shared the blocks.
  if (dirtied < shared) return
  const detail = `made dirty in row ${grouped(dirtied)} without page_mkwrite: its block is shared since row ${grouped(shared)}, and this writeback overwrites it for the other file too`
  audit.find(h38, { page, detail })
}
