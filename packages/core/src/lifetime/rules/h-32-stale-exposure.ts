import type { Audit } from '../audit.ts'
import { BLOCK_ALLOCATED } from '../block-runs.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const DETAIL =
  'a read of these blocks finds what the disk had before: they are allocated, inside the file, and not written'

export const h32 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-32',
  name: 'stale data exposed',
  precondition: 'blocks are allocated, and neither written nor zeroed',
  event: 'the file grows over them, or the write that should have filled them ends, and they are inside it',
  verdict: 'STALE',
  severity: severityOf('STALE'),
  advice:
    'Allocate unwritten blocks, or zero the page cache before anybody can read it; grow the file only over what was written.',
  kernel:
    'fs/buffer.c: folio_zero_new_buffers; fs/ext4/inode.c: ext4_truncate_failed_write; fs/iomap/buffered-io.c: iomap_write_iter (i_size_write after the copy)',
  diagram: `
  disk      | old password | old mail     |     what the blocks had
  file      | allocated    | allocated    |     and nothing copied in
            0                             ^
                                        i_size
  read()    gets what another's deleted file left there`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,file,offset,len
0,allocate,1,f,0,8192
1,copy_in,1,f,0,4096
2,extend,1,f,8192,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,mm,file,offset,len
0,allocate,1,f,0,8192
1,copy_in,1,f,0,4096
2,zero,1,f,4096,4096
3,extend,1,f,8192,
`,
  },
  watch: (audit) => ({
    extend: ({ file, positionBytes }) => {
      const from = audit.space.sizeBytes(file) ?? 0
      if (positionBytes > from) tell(audit, file, from, positionBytes - from, 0)
    },
    write_end: ({ file, positionBytes, lengthBytes, result }) => {
      const { space } = audit
      // Where no event told the size, a write that failed is taken as one inside the file: if not, it is the next one to grow.
      const size = space.sizeBytes(file) ?? (result < lengthBytes ? Number.MAX_SAFE_INTEGER : 0)
      const inside = Math.min(positionBytes + lengthBytes, size) - positionBytes
      if (inside > 0) tell(audit, file, positionBytes, inside, space.writeNumber(file))
    },
  }),
})

/** Tells of blocks in the range; `write` above 0: those only that this write took. */
function tell(audit: Audit, file: number, position: number, length: number, write: number): void {
  let exposed = 0
  let takenRow = 0
  audit.space.eachRun(file, position, length, (run, blocks) => {
    if (run.state !== BLOCK_ALLOCATED || run.isWritten || (write > 0 && run.write !== write)) return
    exposed += blocks
    takenRow = takenRow === 0 ? run.row : takenRow
  })
  if (exposed > 0) audit.find(h32, { pages: exposed, takenRow, detail: DETAIL })
}
