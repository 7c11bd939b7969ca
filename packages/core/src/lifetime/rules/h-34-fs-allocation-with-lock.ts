import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { LOCKED } from '../since.ts'
import { severityOf } from '../verdict.ts'

const DETAIL = 'the allocation may write back to file systems, and the task holds locks of folios of a file'

export const h34 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-34',
  name: 'allocation that may enter file systems under a folio lock',
  precondition: 'a task holds the lock of a folio of a file',
  event: 'it allocates with GFP_KERNEL: reclaim may write back, and wait for that lock',
  verdict: 'DEADLOCK',
  severity: severityOf('DEADLOCK'),
  advice:
    'Allocate before the lock, with GFP_NOFS, or in a section of memalloc_nofs_save(); what is called meanwhile (recvmsg) has to do the same.',
  kernel:
    'include/linux/gfp_types.h: GFP_NOFS, __GFP_FS; include/linux/sched/mm.h: memalloc_nofs_save; fs/iomap/buffered-io.c: ifs_alloc (GFP_NOFS under the folio lock); mm/filemap.c: mapping_gfp_constraint',
  diagram: `
  write          lock folio
                   |
  recvmsg        kmalloc(GFP_KERNEL)     no memory is free
                   |
  reclaim        writepage, or the file system's own locks
                   |
                 waits for the folio     that this task has locked`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,call,segs,backing,file,offset,len
0,map,1,,0x10000+4096,file,f,0,
1,load,1,,0x10000+4096,,,,
2,lock,1,,,,f,0,4096
3,allocation,1,GFP_KERNEL,,,,,
4,unlock,1,,,,f,0,4096
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,mm,call,segs,backing,file,offset,len
0,map,1,,0x10000+4096,file,f,0,
1,load,1,,0x10000+4096,,,,
2,lock,1,,,,f,0,4096
3,allocation,1,GFP_NOFS,,,,,
4,unlock,1,,,,f,0,4096
5,allocation,1,GFP_KERNEL,,,,,
`,
  },
  watch: (audit) => {
    // A row that allocates often under its locks is told of once.
    const told = { row: 0 }
    return {
      allocation: ({ amount }) => {
        if (amount === 0) return
        const { tasks, folios, bus } = audit
        if (bus.row === told.row) return
        const held = tasks.held().filter(({ page, file }) => file >= 0 || folios.isFile(page))
        if (held.length === 0) return
        told.row = bus.row
        const [{ page, row }] = held
        audit.find(h34, { page, pages: held.length, since: { row, what: LOCKED }, detail: DETAIL })
      },
    }
  },
})
