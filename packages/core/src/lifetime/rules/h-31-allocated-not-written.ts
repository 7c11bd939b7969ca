import { BlockCount } from '../block-count.ts'
import { BLOCK_ALLOCATED, BLOCK_RESERVED } from '../block-runs.ts'
import { pagesWithData } from '../dirty-pages.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const DETAIL = 'the write is over, and blocks that it took have no data and were not given back'

export const h31 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-31',
  name: 'blocks allocated and not written',
  precondition: 'a write allocated or reserved blocks',
  event: 'it ends short or with an error, and nothing was written to them, nor were they given back',
  verdict: 'LEAK',
  severity: severityOf('LEAK'),
  advice:
    'Give back what the write did not use (punch, unreserve, truncate what lies behind the size) before it ends; or allocate only for what was copied.',
  kernel:
    'fs/ext4/inode.c: ext4_write_begin; fs/ext4/truncate.h: ext4_truncate_failed_write; fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_end; fs/iomap/buffered-io.c: iomap_write_delalloc_release (6.12)',
  diagram: `
  block    0    1    2    3
           A    A    A    -     allocate one by one
                          |
                       ENOSPC   the write ends with the error
           A    A    A    -     3 blocks belong to the file, with no data
           |____|____|          (A allocated, never written)`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,file,offset,len,result
0,allocate,1,f,0,12288,
1,write_end,1,f,0,16384,-28
`,
    rows: [2],
    sound: `# pinscope-trace 1
ts,event,mm,file,offset,len,result
0,allocate,1,f,0,12288,
1,punch,1,f,0,12288,
2,write_end,1,f,0,16384,-28
`,
  },
  watch: (audit) => {
    const { space } = audit
    /** Blocks in that state of the write that ends, without data: space under another's dirty data is kept. */
    const unusedIn = (state: number) =>
      new BlockCount(space, (run, blocks, file, position, length) => {
        if (run.state !== state || run.isWritten || run.write !== space.writeNumber(file)) return 0
        return blocks - pagesWithData(audit, file, position, length, run)
      })
    const allocated = unusedIn(BLOCK_ALLOCATED)
    const reserved = unusedIn(BLOCK_RESERVED)
    return {
      write_end: ({ file, positionBytes, lengthBytes, result }) => {
        if (result >= lengthBytes) return
        // What a short write reserved too much is H-37's.
        const kept = result < 0 ? reserved.in(file, positionBytes, lengthBytes) : 0
        // What it allocated may reach beyond its range: a cluster, an extent.
        const write = space.writes.of(file)
        const from = Math.min(positionBytes, write.firstBytes)
        const end = Math.max(positionBytes + lengthBytes, write.endBytes)
        const pages = allocated.in(file, from, end - from) + kept
        if (pages > 0) audit.find(h31, { pages, since: allocated.since ?? reserved.since, detail: DETAIL })
      },
    }
  },
})
