import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { BlockCount } from '../block-count.ts'
import { BLOCK_HOLE, BLOCK_RESERVED } from '../block-runs.ts'
import { dirtyPages } from '../dirty-pages.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const AT_END =
  'the write is over, and dirty data of its range has neither a block nor a reservation: writeback finds no space'
const AT_WRITEBACK = 'writeback of data that a write under way copied in begins before a block is allocated for it'

export const h36 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-36',
  name: 'dirty data without a block',
  precondition: 'data is dirty in the page cache over a hole: never reserved, or punched out under it',
  event: 'the write ends, or writeback begins where the write under way has not allocated yet',
  verdict: 'LOST',
  severity: severityOf('LOST'),
  advice:
    'Punch only what has no dirty data in the page cache, under the invalidate lock; take the folio out of the page cache where the block goes.',
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
      return run.isCopied ? blocks : dirtyPages(audit, file, position, length, run)
    })
    return {
      reserve: ({ file }) => writes.begin(file),
      lock: ({ page, file, positionBytes }) => writes.lock(page, file, positionBytes / PAGE_SIZE),
      writeback: ({ page }) => writes.writeback(page),
      write_end: ({ file, positionBytes, lengthBytes }) => {
        writes.end(file)
        const pages = lost.in(file, positionBytes, lengthBytes)
        if (pages > 0) audit.find(h36, { pages, takenRow: lost.takenRow, detail: AT_END })
      },
    }
  },
})

/** Files with a write that reserved and has not ended, and the pages that were locked meanwhile, by index. */
class WritesUnderWay {
  private readonly files = new Map<number, Map<number, number>>()
  private readonly audit: Audit

  constructor(audit: Audit) {
    this.audit = audit
  }

  begin(file: number): void {
    if (!this.files.has(file)) this.files.set(file, new Map())
  }

  lock(page: number, file: number, index: number): void {
    if (this.files.size > 0) this.files.get(file)?.set(page, index)
  }

  end(file: number): void {
    this.files.delete(file)
  }

  /** Writeback of a page begins: its block has to be allocated, whoever does that. */
  writeback(page: number): void {
    if (this.files.size === 0) return
    for (const [file, indices] of this.files) {
      const index = indices.get(page)
      if (index === undefined) continue
      const { space } = this.audit
      const block = space.block(file, index)
      if (block === undefined || !block.isCopied || block.write !== space.writeNumber(file)) continue
      if (block.state !== BLOCK_HOLE && block.state !== BLOCK_RESERVED) continue
      this.audit.find(h36, { page, takenRow: block.row, detail: AT_WRITEBACK })
    }
  }
}
