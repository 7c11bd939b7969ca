import { type Consumer, EAGAIN, FAULT_ALLOC, type Operation, PAGE_SIZE } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/**
 * An append through io_uring on XFS: tried once without waiting (IOCB_NOWAIT), and what is left of it once more by a
 * worker that may wait. The folios are of one page; an allocation that is made to fail lasts until the caller may wait.
 * @kernel io_uring/rw.c: io_write; fs/iomap/buffered-io.c: iomap_file_buffered_write, iomap_write_iter; fs/xfs/xfs_iomap.c
 */
class IomapAppend implements Consumer {
  private readonly isFixed: boolean
  /** i_size by file. */
  private readonly sizes = new Map<number, number>()
  private isShortOfMemory = false
  private readonly positions = new Float64Array(1)

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const first = this.bufferedWrite(io, true)
    const done = Math.max(first, 0)
    if (io.iter.countBytes === 0 || (first < 0 && first !== EAGAIN)) return first
    const second = this.bufferedWrite(io, false)
    return second < 0 && done === 0 ? second : done + Math.max(second, 0)
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Where it writes is where the file ends (IOCB_APPEND): asked anew by each attempt. */
  private bufferedWrite(io: Operation, isNowait: boolean): number {
    const start = this.sizeOf(io.file)
    const length = io.iter.countBytes
    this.isShortOfMemory = false
    let position = start
    let result = 0
    while (position < start + length) {
      const left = start + length - position
      io.audit?.space.reserve(io.file, position, left)
      result = this.writeMapping(io, position, left, isNowait)
      this.endMapping(io, position, left)
      if (result <= 0) break
      position += result
    }
    if (position > start) result = position - start
    io.audit?.space.writeEnd(io.file, start, length, result)
    return result
  }

  /** Bytes, or the errno of the first folio. */
  private writeMapping(io: Operation, position: number, length: number, isNowait: boolean): number {
    let written = 0
    let status = 0
    while (written < length) {
      const bytes = Math.min(PAGE_SIZE - ((position + written) % PAGE_SIZE), length - written)
      status = this.writeFolio(io, position + written, bytes, isNowait)
      if (status <= 0) break
      written += status
    }
    if (status === EAGAIN && !this.isFixed) {
      io.iter.revert(written)
      return EAGAIN
    }
    return written > 0 ? written : status
  }

  private writeFolio(io: Operation, position: number, bytes: number, isNowait: boolean): number {
    const index = Math.floor(position / PAGE_SIZE)
    if (!this.getFolio(io, index, isNowait)) return EAGAIN
    const page = io.memory.cache.find(io.file, index)
    io.audit?.tasks.lock(page, io.file, index)
    const copied = io.copyPage(page, position % PAGE_SIZE, bytes)
    if (copied > 0) {
      io.audit?.space.copyIn(io.file, position, copied)
      io.audit?.folios.dirty(page, true)
    }
    if (position + copied > this.sizeOf(io.file)) {
      this.sizes.set(io.file, position + copied)
      io.audit?.space.extend(io.file, position + copied)
    }
    io.audit?.tasks.unlock(page)
    return copied
  }

  /** A folio that is not in the page cache is allocated: without waiting, or as long as it takes. @kernel mm/filemap.c: __filemap_get_folio (FGP_NOWAIT) */
  private getFolio(io: Operation, index: number, isNowait: boolean): boolean {
    if (io.memory.cache.find(io.file, index) >= 0) return true
    if (io.faults.fails(FAULT_ALLOC)) this.isShortOfMemory = true
    if (this.isShortOfMemory && isNowait) return false
    this.positions[0] = index * PAGE_SIZE
    io.memory.cache.populate(io.file, this.positions, 0, PAGE_SIZE, 0)
    return true
  }

  /** The reservation of what has no dirty data is given back, whatever the loop returned. @kernel fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_end; fs/iomap/buffered-io.c: iomap_write_delalloc_release */
  private endMapping(io: Operation, position: number, length: number): void {
    const dirtyEnd = Math.max(Math.ceil(this.sizeOf(io.file) / PAGE_SIZE) * PAGE_SIZE, position)
    const end = Math.ceil((position + length) / PAGE_SIZE) * PAGE_SIZE
    if (dirtyEnd < end) io.audit?.space.punch(io.file, dirtyEnd, end - dirtyEnd)
  }

  private sizeOf(file: number): number {
    return this.sizes.get(file) ?? 0
  }
}

export const bug39 = defineBug({
  number: 39,
  title: 'a write without waiting takes back what it has committed',
  summary:
    'An append with IOCB_NOWAIT copied a folio and moved i_size, then would have had to wait: the iterator went back and -EAGAIN was returned, so the next attempt appended the same bytes a second time.',
  cases: [
    {
      name: 'iomap-append',
      kernel: 'fs/iomap/buffered-io.c: iomap_write_iter (6.0 to 6.14)',
      commit: '1a1a3b574b97',
      trace: 'trace.csv',
      rules: ['H-54'],
      row: 3,
      faults: 'alloc@3',
      accepts: ['ubuf', 'iovec'],
      policy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
      create: (_environment, isFixed) => new IomapAppend(isFixed),
    },
  ],
})
