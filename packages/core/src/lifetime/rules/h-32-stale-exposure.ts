import { PAGE_SIZE } from '../../units.ts'
import { BlockCount, type CountRun } from '../block-count.ts'
import { BLOCK_ALLOCATED } from '../block-runs.ts'
import { pagesForReader, pagesWithData } from '../dirty-pages.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'
import type { FileWrite } from '../writes-of-file.ts'

const IN_MEMORY =
  'a read of these blocks finds what was there before: the page cache has them as uptodate, and not all of them was written or zeroed'
const DETAIL =
  'a read of these blocks finds what the disk had before: they are allocated, inside the file, and not written'
const READ =
  'these blocks are read, and have what the disk had before: they are allocated, inside the file, and not written'

export const h32 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-32',
  name: 'stale data exposed',
  precondition: 'blocks are allocated, or uptodate in the page cache, and neither written nor zeroed',
  event:
    'the file grows over them, or the write that should have filled them ends, and they are inside it; or they are read',
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
      return blocks - pagesWithData(audit, file, position, length, run)
    }
    const stale = new BlockCount(space, isStale)
    const staleOfWrite = new BlockCount(space, (run, blocks, file, position, length) =>
      run.write === space.writeNumber(file) ? isStale(run, blocks, file, position, length) : 0,
    )
    const staleToReader = new BlockCount(space, (run, blocks, file, position, length) => {
      if (run.state !== BLOCK_ALLOCATED || run.isWritten) return 0
      return blocks - pagesForReader(audit, file, position, length, run)
    })
    /** By write under which the file grew over stale blocks: where it ended before. What lies behind was told then. */
    const grownFrom = new Map<number, number>()
    /** Blocks that a write allocated on either side of its range, a cluster or an extent, before `size`. */
    const beside = (write: FileWrite, position: number, end: number, size: number): number => {
      const first = Math.floor(position / PAGE_SIZE) * PAGE_SIZE
      const last = Math.ceil(end / PAGE_SIZE) * PAGE_SIZE
      const before = Math.min(first, size) - write.firstBytes
      const behind = Math.min(write.endBytes, size) - last
      const blocks = before > 0 ? staleOfWrite.in(write.file, write.firstBytes, before) : 0
      return behind > 0 ? blocks + staleOfWrite.in(write.file, last, behind) : blocks
    }
    return {
      extend: ({ file, positionBytes }) => {
        const from = space.sizeBytes(file) ?? 0
        if (positionBytes <= from) return
        const pages = stale.in(file, from, positionBytes - from)
        if (pages === 0) return
        const write = space.writeNumber(file)
        grownFrom.set(write, Math.min(from, grownFrom.get(write) ?? from))
        audit.find(h32, { pages, since: stale.since, detail: DETAIL })
      },
      file_read: ({ file, positionBytes, lengthBytes }) => {
        const inside = Math.min(positionBytes + lengthBytes, space.sizeBytes(file) ?? Number.MAX_SAFE_INTEGER)
        if (inside <= positionBytes) return
        const pages = staleToReader.in(file, positionBytes, inside - positionBytes)
        if (pages > 0) audit.find(h32, { pages, since: staleToReader.since, detail: READ })
      },
      expose: ({ positionBytes, lengthBytes }) => {
        const end = Math.ceil((positionBytes + lengthBytes) / PAGE_SIZE)
        audit.find(h32, { pages: end - Math.floor(positionBytes / PAGE_SIZE), detail: IN_MEMORY })
      },
      write_end: ({ file, positionBytes, lengthBytes, result }) => {
        // Where no event told the size, a write that failed is taken as one inside the file: else the next one grows over it.
        const size = space.sizeBytes(file) ?? (result < lengthBytes ? Number.MAX_SAFE_INTEGER : 0)
        const write = space.writes.of(file)
        const end = positionBytes + lengthBytes
        let pages = beside(write, positionBytes, end, Math.min(size, grownFrom.get(write.number) ?? size))
        grownFrom.delete(write.number)
        const inside = Math.min(end, size) - positionBytes
        pages += inside > 0 ? staleOfWrite.in(file, positionBytes, inside) : 0
        if (pages > 0) audit.find(h32, { pages, since: staleOfWrite.since, detail: DETAIL })
      },
    }
  },
})
