import { BlockCount } from '../block-count.ts'
import { BLOCK_HOLE, BLOCK_RESERVED } from '../block-runs.ts'
import { DirtyOverHoles } from '../dirty-over-holes.ts'
import { dirtyPages } from '../dirty-pages.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { sinceBlock } from '../since.ts'
import { severityOf } from '../verdict.ts'
import { WritesUnderWay } from '../writes-under-way.ts'

const AT_END =
  'the write is over, and dirty data of its range has neither a block nor a reservation: writeback finds no space'
const NOT_ALLOCATED =
  'the write is over: it allocated blocks for a part of what it copied, and none for the rest, whose reservation goes with it'
const AT_WRITEBACK = 'writeback of data that a write under way copied in begins before a block is allocated for it'
const OVER_HOLE = 'writeback of dirty data begins over a hole: there is neither a block nor a reservation for it'

export const h36 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-36',
  name: 'dirty data without a block',
  precondition: 'data is dirty in the page cache over a hole: never reserved, or punched out under it',
  event:
    'the write ends; or writeback of it begins, whoever made it dirty, or of what a write under way copied and has not allocated yet; or the write allocates by itself (ALLOCATE), and less than it copied',
  verdict: 'LOST',
  severity: severityOf('LOST'),
  advice:
    'Punch only what has no dirty data in the page cache, under the invalidate lock; take the folio out of the page cache where the block goes. Who allocates behind the copy does so for all that was copied, and lets no writeback of it begin before.',
  kernel:
    'fs/iomap/buffered-io.c: iomap_write_delalloc_scan, iomap_write_delalloc_release (6.12); iomap_file_buffered_write_punch_delalloc (6.1); fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_end; f43dc4dc3eff',
  diagram: `
  cache    | dirty | dirty | dirty |
  blocks   |   R   |   -   |   -   |     punched from the wrong offset
                       |
  writeback        no block, no reservation: -ENOSPC, the data is dropped`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,file,offset,len,result
0,reserve,1,f,0,12288,
1,copy_in,1,f,0,8192,
2,punch,1,f,4096,8192,
3,write_end,1,f,0,12288,8192
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,mm,file,offset,len,result
0,reserve,1,f,0,12288,
1,copy_in,1,f,0,8192,
2,punch,1,f,8192,4096,
3,write_end,1,f,0,12288,8192
`,
  },
  watch: (audit) => {
    const writes = new WritesUnderWay(audit)
    const lost = new BlockCount(audit.space, (run, blocks, file, position, length) => {
      if (run.state !== BLOCK_HOLE) return 0
      return run.isCopied || run.isDirty ? blocks : dirtyPages(audit, file, position, length, run)
    })
    /** Reserved by the write that ends, which copied data in. */
    const unallocated = new BlockCount(audit.space, (run, blocks, file) => {
      const isOwn = run.isCopied && run.write === audit.space.writeNumber(file)
      return isOwn && run.state === BLOCK_RESERVED ? blocks : 0
    })
    const holes = new DirtyOverHoles(audit, writes)
    return {
      reserve: ({ file }) => writes.begin(file),
      allocate: ({ file }) => writes.allocate(file),
      file_writeback: ({ file, positionBytes, lengthBytes }) => {
        const early = holes.pendingIn(file, positionBytes, lengthBytes)
        if (early > 0) audit.find(h36, { pages: early, since: holes.since, detail: AT_WRITEBACK })
        const pages = holes.lostIn(file, positionBytes, lengthBytes)
        if (pages > 0) audit.find(h36, { pages, since: holes.since, detail: OVER_HOLE })
        writes.writeback(file)
      },
      acquire: ({ token }) => holes.acquired(token),
      clean: ({ page }) => holes.clean(page),
      writeback: ({ page }) => {
        const block = holes.under(page)
        if (block === undefined) return
        const detail = writes.isUnallocated(block) ? AT_WRITEBACK : OVER_HOLE
        audit.find(h36, { page, since: sinceBlock(block), detail })
      },
      writeback_end: ({ page }) => holes.cleaned(page),
      write_end: ({ file, positionBytes, lengthBytes }) => {
        const allocates = writes.end(file)
        const pages = lost.in(file, positionBytes, lengthBytes)
        if (pages > 0) audit.find(h36, { pages, since: lost.since, detail: AT_END })
        const short = allocates ? unallocated.in(file, positionBytes, lengthBytes) : 0
        if (short > 0) audit.find(h36, { pages: short, since: unallocated.since, detail: NOT_ALLOCATED })
      },
    }
  },
})
