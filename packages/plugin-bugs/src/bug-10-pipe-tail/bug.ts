import { type Consumer, HOLD_NONE, type Hold, type Operation } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** Pages of one bio. @kernel include/linux/bio.h: BIO_MAX_VECS */
const BIO_VECS_MAX = 256

/**
 * A direct read into a pipe: whole blocks are set up, and read(2) tells only what lies before the end of the file. What
 * the pipe got beyond it has to be taken out again. @kernel fs/iomap/direct-io.c: __iomap_dio_rw, iomap_dio_complete
 */
class DirectReadIntoPipe implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { audit } = io
    const iterator = audit?.iterators.init(false, false, io.iter.mm, io.lengthBytes, io.lengthBytes, io.iter.type) ?? 0
    // What the trace says was read ends where the file does.
    const ofFile = Number.isNaN(io.recordedResult) ? io.lengthBytes : io.recordedResult
    let size = 0
    let hold: Hold = HOLD_NONE
    while (size < ofFile) {
      const bytes = io.extract(BIO_VECS_MAX, Number.MAX_SAFE_INTEGER)
      if (bytes <= 0) break
      audit?.iterators.extract(iterator, bytes)
      audit?.iterators.consume(iterator, Math.min(bytes, ofFile - size))
      hold = io.ledger.join(hold, io.hold)
      size += bytes
    }
    io.keep(hold)
    if (this.isFixed && size > ofFile) {
      io.iter.revert(size - ofFile)
      audit?.iterators.revert(iterator, size - ofFile)
    }
    const read = Math.min(size, ofFile)
    audit?.iterators.return(iterator, read)
    return read
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

export const bug10 = defineBug({
  number: 10,
  title: 'a direct read leaves pages beyond the end of the file in a pipe',
  summary:
    'iomap advanced the pipe by whole blocks and told of what lies before the end of the file: splice took the rest for data, or lost the page.',
  cases: [
    {
      name: 'iomap-dio-pipe',
      kernel: 'fs/iomap/direct-io.c: iomap_dio_rw',
      commit: '419e9c38aa07',
      trace: 'trace.csv',
      rules: ['H-25'],
      row: 2,
      accepts: ['pipe'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new DirectReadIntoPipe(isFixed),
    },
  ],
})
