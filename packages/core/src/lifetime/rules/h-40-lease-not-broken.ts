import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { BLOCK_ALLOCATED, BLOCK_RESERVED } from '../block-runs.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h40 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-40',
  name: 'layout lease not broken',
  precondition: 'another task holds a layout lease on the file',
  event: 'the layout of the file changes: truncate, reflink, dedupe, a hole punched or filled, or reserved for a write',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Call break_layout() before the inode is locked, and again without waiting once it is; start anew when that would block.',
  kernel:
    'include/linux/filelock.h: break_layout (6.1: include/linux/fs.h); fs/locks.c: __break_lease; fs/xfs/xfs_inode.c: xfs_iolock_two_inodes_and_break_layout; fs/xfs/xfs_pnfs.c: xfs_break_leased_layouts; fs/xfs/xfs_file.c: xfs_file_write_checks, xfs_file_fallocate',
  diagram: `
  holder (pNFS)                 another task
  -------------                 ------------
  lease: blocks 10..19 are A
  writes to block 12            truncate A: blocks 10..19 are free
  writes to block 13            block 13 belongs to B by now
                                break_layout() was not called`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,segs,backing,file,offset
0,map,1,0x10000+8192,file,a,0
1,lease,1,,,a,
2,truncate,2,,,a,4096
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,mm,segs,backing,file,offset
0,map,1,0x10000+8192,file,a,0
1,lease,1,,,a,
2,lease_break,2,,,a,
3,truncate,2,,,a,4096
`,
  },
  watch: (audit) => ({
    layout: ({ file }) => check(audit, file),
    // A write asks before it takes space: writeback turns that into blocks when it likes.
    reserve: ({ file, positionBytes, lengthBytes }) => {
      if (audit.leases.on(file).length > 0 && takesSpace(audit, file, positionBytes, lengthBytes)) check(audit, file)
    },
  }),
})

function check(audit: Audit, file: number): void {
  const { task } = audit.bus
  const lease = audit.leases.on(file).find(({ holder }) => holder !== task)
  if (lease === undefined) return
  audit.find(h40, {
    since: { row: lease.row, what: 'leased' },
    detail: `the layout changes under a lease of task ${lease.holder}, which was not asked to give it back`,
  })
}

/** Some block of the range is neither reserved nor allocated yet. */
function takesSpace({ space }: Audit, file: number, position: number, length: number): boolean {
  let without = Math.ceil((position + length) / PAGE_SIZE) - Math.floor(position / PAGE_SIZE)
  space.eachRun(file, position, length, ({ state }, blocks) => {
    if (state === BLOCK_RESERVED || state === BLOCK_ALLOCATED) without -= blocks
  })
  return without > 0
}
