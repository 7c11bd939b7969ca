import { BlockCount } from '../block-count.ts'
import { BLOCK_HOLE } from '../block-runs.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const DETAIL = 'data is copied over a hole for which nothing is reserved: where the space ends, it is lost after all'

export const h35 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-35',
  name: 'copy before reserve',
  precondition: 'blocks of a file are a hole, and nothing is reserved for them',
  event: 'data is copied into their page cache',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Reserve first: a reservation can fail and be undone while nothing has been seen; data in the page cache can be read by others.',
  kernel:
    'include/linux/iomap.h: struct iomap_ops.iomap_begin; mm/filemap.c: generic_perform_write (write_begin before the copy); fs/ext4/inode.c: ext4_da_write_begin, ext4_da_reserve_space',
  diagram: `
  hole     |            |      copy in, unlock
  cache    |  new data  |      others read it
                |
  reserve    -ENOSPC           and it has to be taken away again`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,file,offset,len
0,punch,1,f,0,8192
1,reserve,1,f,0,4096
2,copy_in,1,f,0,8192
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,mm,file,offset,len
0,punch,1,f,0,8192
1,reserve,1,f,0,8192
2,copy_in,1,f,0,8192
`,
  },
  watch: (audit) => {
    const holes = new BlockCount(audit.space, (run, blocks) => (run.state === BLOCK_HOLE ? blocks : 0))
    return {
      copy_in: ({ file, positionBytes, lengthBytes }) => {
        const pages = holes.in(file, positionBytes, lengthBytes)
        if (pages > 0) audit.find(h35, { pages, takenRow: holes.takenRow, detail: DETAIL })
      },
    }
  },
})
