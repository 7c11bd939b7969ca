import { PAGE_SIZE } from '../../units.ts'
import { BlockCount } from '../block-count.ts'
import { BLOCK_HOLE, BLOCK_RESERVED } from '../block-runs.ts'
import type { Handler } from '../event-bus.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const DETAIL = 'data is copied over a hole for which nothing is reserved: where the space ends, it is lost after all'
const OUTSIDE =
  'space is reserved, allocated or given back by a task that maps the file under a lock (READ), and after that lock: what it was mapped as may have changed'

export const h35 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-35',
  name: 'copy before reserve',
  precondition: 'blocks of a file are a hole, and nothing is reserved for them',
  event:
    'data is copied into their page cache; or the task that maps the file under a lock asks for space when it has let go of it',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Reserve first: a reservation can fail and be undone while nothing has been seen; data in the page cache can be read by others. Reserve, allocate and give back between the mapping and the end of its range.',
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
    /** Space of the write under way. What an earlier one reserved writeback allocates when it likes. */
    const own = new BlockCount(audit.space, (run, blocks, file) => {
      const isReserved = run.state === BLOCK_RESERVED && run.write === audit.space.writeNumber(file)
      return isReserved || run.state === BLOCK_HOLE ? blocks : 0
    })
    /** Between a mapping under a lock (READ) and the end of its range: lifetime.md 13.3, I5. */
    const settle: Handler = ({ file, positionBytes, lengthBytes }) => {
      if (!audit.tasks.files.isLetGo(file)) return
      const pages = own.in(file, positionBytes, lengthBytes)
      if (pages > 0) audit.find(h35, { pages, since: own.since, detail: OUTSIDE })
    }
    return {
      reserve: ({ file, positionBytes, lengthBytes }) => {
        if (!audit.tasks.files.isLetGo(file)) return
        const end = Math.ceil((positionBytes + lengthBytes) / PAGE_SIZE)
        audit.find(h35, { pages: end - Math.floor(positionBytes / PAGE_SIZE), detail: OUTSIDE })
      },
      allocate: settle,
      unreserve: settle,
      copy_in: ({ file, positionBytes, lengthBytes }) => {
        const pages = holes.in(file, positionBytes, lengthBytes)
        if (pages > 0) audit.find(h35, { pages, since: holes.since, detail: DETAIL })
      },
    }
  },
})
