import {
  type Consumer,
  EIO,
  GUARD_NONE,
  ITER_IOVEC,
  ITER_SOURCE,
  ITER_UBUF,
  isUserBacked,
  type Operation,
} from '@pinscope/core'

const USER_TYPES = (1 << ITER_UBUF) | (1 << ITER_IOVEC)

/**
 * An unbuffered write or read through netfs. User memory is extracted, since the iterator is good for the call only; what
 * the kernel made itself stays where it is until the end, and the iterator is copied as it is. Before the fix an
 * asynchronous one was extracted whoever's it was, by a function for user memory.
 * @kernel fs/netfs/direct_write.c: netfs_unbuffered_write_iter_locked; fs/netfs/iterator.c: netfs_extract_user_iter
 */
export class NetfsDirectWrite implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { audit, iter } = io
    const bytes = io.lengthBytes
    const isUser = isUserBacked(iter.type)
    const isSource = iter.direction === ITER_SOURCE
    const iterator = audit?.iterators.init(isSource, isUser, iter.mm, bytes, bytes, iter.type) ?? 0
    const isExtracted = isUser || (io.hasEnd && !this.isFixed)
    audit?.iterators.use(iterator, isExtracted ? USER_TYPES : -1)
    if (isExtracted && !isUser) return EIO
    let done = 0
    while (done < bytes) {
      const part = io.extract(256, bytes - done)
      if (part <= 0) return part === 0 ? EIO : part
      if (isUser) io.keep(io.hold)
      else io.borrowList(GUARD_NONE)
      audit?.iterators.extract(iterator, part)
      audit?.iterators.consume(iterator, part)
      done += part
    }
    audit?.iterators.return(iterator, done)
    return done
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
