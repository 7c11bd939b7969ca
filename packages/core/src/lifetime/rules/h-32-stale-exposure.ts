import { PAGE_SIZE } from '../../units.ts'
import { BlockCount, type CountRun } from '../block-count.ts'
import { BLOCK_ALLOCATED } from '../block-runs.ts'
import { dirtyPages } from '../dirty-pages.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const IN_MEMORY =
  'a read of these blocks finds what was there before: the page cache has them as uptodate, and not all of them was written or zeroed'
const DETAIL =
  'a read of these blocks finds what the disk had before: they are allocated, inside the file, and not written'

export const h32 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-32',
  name: 'stale data exposed',
  precondition: 'blocks are allocated, or uptodate in the page cache, and neither written nor zeroed',
  event: 'the file grows over them, or the write that should have filled them ends, and they are inside it',
  verdict: 'STALE',
  severity: severityOf('STALE'),
  advice:
    'Allocate unwritten blocks, or zero the page cache before anybody can read it; grow the file only over what was written.',
  kernel:
    'fs/buffer.c: folio_zero_new_buffers; fs/ext4/truncate.h: ext4_truncate_failed_write; fs/iomap/buffered-io.c: iomap_write_iter (i_size_write after the copy), __iomap_write_begin (uptodate before the copy, up to 6.18)',
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
  watch: (audit) => {
    const { space } = audit
    /** Blocks that read as what the disk has. What others stored through a mapping is dirty, and written before that. */
    const isStale: CountRun = (run, blocks, file, position, length) => {
      if (run.state !== BLOCK_ALLOCATED || run.isWritten) return 0
      return blocks - dirtyPages(audit, file, position, length, run)
    }
    const stale = new BlockCount(space, isStale)
    const staleOfWrite = new BlockCount(space, (run, blocks, file, position, length) =>
      run.write === space.writeNumber(file) ? isStale(run, blocks, file, position, length) : 0,
    )
    return {
      extend: ({ file, positionBytes }) => {
        const from = space.sizeBytes(file) ?? 0
        if (positionBytes <= from) return
        const pages = stale.in(file, from, positionBytes - from)
        if (pages > 0) audit.find(h32, { pages, since: stale.since, detail: DETAIL })
      },
      expose: ({ positionBytes, lengthBytes }) => {
        const end = Math.ceil((positionBytes + lengthBytes) / PAGE_SIZE)
        audit.find(h32, { pages: end - Math.floor(positionBytes / PAGE_SIZE), detail: IN_MEMORY })
      },
      write_end: ({ file, positionBytes, lengthBytes, result }) => {
        // Where no event told the size, a write that failed is taken as one inside the file: else the next one grows over it.
        const size = space.sizeBytes(file) ?? (result < lengthBytes ? Number.MAX_SAFE_INTEGER : 0)
        const inside = Math.min(positionBytes + lengthBytes, size) - positionBytes
        const pages = inside > 0 ? staleOfWrite.in(file, positionBytes, inside) : 0
        if (pages > 0) audit.find(h32, { pages, since: staleOfWrite.since, detail: DETAIL })
      },
    }
  },
})
