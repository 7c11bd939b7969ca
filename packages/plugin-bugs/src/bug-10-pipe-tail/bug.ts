import { type Consumer, HOLD_NONE, type Hold, isHold, type Operation, PAGE_SIZE } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** Pages of one bio. @kernel include/linux/bio.h: BIO_MAX_PAGES (5.4; BIO_MAX_VECS since) */
const BIO_PAGES_MAX = 256
/** Of the file system. @kernel include/linux/fs.h: i_blocksize */
const BLOCK_BYTES = 4096

/**
 * A direct read into a pipe (sendfile): the blocks of the file are set up, the last one whole, and the call tells only what
 * lies before the end of the file. What the pipe got beyond it has to be taken out again: the reader empties as many bytes
 * as it was told of, and then the ring is taken for empty. A page that still has some is lost.
 * @kernel fs/iomap/direct-io.c: iomap_dio_rw, iomap_dio_complete; fs/splice.c: generic_file_splice_read,
 *   splice_direct_to_actor (5.3)
 */
class DirectReadIntoPipe implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { audit, recordedResult } = io
    const iterator = audit?.iterators.init(false, false, io.iter.mm, io.lengthBytes, io.lengthBytes, io.iter.type) ?? 0
    // What the trace says was read ends where the file does.
    const ofFile = recordedResult >= 0 ? recordedResult : io.lengthBytes
    const ring = this.setUp(io, iterator, ofFile)
    const size = io.lengthBytes - io.iter.countBytes
    const isFailed = recordedResult < 0
    const read = isFailed ? 0 : Math.min(size, ofFile)
    // Of a read that failed splice takes out of the pipe all that it was given.
    if ((this.isFixed || isFailed) && size > read) {
      io.iter.revert(size - read)
      audit?.iterators.revert(iterator, size - read)
    }
    const isLeft = !this.isFixed && !isFailed && size > read
    this.keepEmptied(io, ring, isLeft ? Math.floor(read / PAGE_SIZE) : io.ledger.entriesHeld(ring))
    const result = isFailed ? recordedResult : read
    audit?.iterators.return(iterator, result)
    return result
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** The reader has what was read: the ring's buffers are released. @kernel fs/splice.c: splice_from_pipe_feed */
  complete(io: Operation): void {
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Lists the pages of the file's blocks for bios. Returns what the ring has on them: a reference a page. */
  private setUp(io: Operation, iterator: number, ofFile: number): Hold {
    const { audit, ledger } = io
    const wanted = Math.min(io.lengthBytes, Math.ceil(ofFile / BLOCK_BYTES) * BLOCK_BYTES)
    let size = 0
    let hold: Hold = HOLD_NONE
    let ring: Hold = HOLD_NONE
    while (size < wanted) {
      const bytes = io.extract(BIO_PAGES_MAX, wanted - size)
      if (bytes <= 0) break
      audit?.iterators.extract(iterator, bytes)
      audit?.iterators.consume(iterator, Math.min(bytes, ofFile - size))
      hold = ledger.join(hold, io.hold)
      const buffers = io.reference()
      if (isHold(buffers)) ring = ledger.join(ring, buffers)
      size += bytes
    }
    io.keep(hold)
    return ring
  }

  /** The first `emptied` buffers of the ring are released once they are read; nobody knows of the others. */
  private keepEmptied(io: Operation, ring: Hold, emptied: number): void {
    if (emptied === 0) return
    const lost = io.ledger.entriesHeld(ring) - emptied
    if (lost > 0) io.ledger.split(ring, lost)
    io.keep(ring)
  }
}

export const bug10 = defineBug({
  number: 10,
  title: 'a direct read leaves pages beyond the end of the file in a pipe',
  summary:
    'iomap set up whole blocks in the pipe and told of what lies before the end of the file: the page with the tail was never emptied, and lost.',
  cases: [
    {
      name: 'iomap-dio-pipe',
      kernel: 'fs/iomap/direct-io.c: iomap_dio_rw',
      commit: '419e9c38aa07',
      trace: 'trace.csv',
      rules: ['H-25', 'H-11'],
      row: 2,
      accepts: ['pipe'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new DirectReadIntoPipe(isFixed),
    },
  ],
})
