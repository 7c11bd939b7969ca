import { type Consumer, ENOMEM, GUARD_NONE, ITER_KVEC, ITER_SOURCE, type Operation } from '@pinscope/core'

/** Most bytes of one kmalloc on x86 (64-bit, 4 KiB pages). @kernel include/linux/slab.h: KMALLOC_MAX_SIZE */
const KMALLOC_MAX_BYTES = 4 * 1024 * 1024
/** Pages of one FUSE request. @kernel fs/fuse/fuse_i.h: FUSE_MAX_MAX_PAGES */
const REQUEST_PAGES_MAX = 256
const ALL_TYPES = -1

/**
 * Direct I/O of the kernel's own memory through virtiofs. Before the fix the address of the kvec goes along as it is, as
 * long as the kvec is, and virtiofs copies it into one kmalloc: what is longer than any kmalloc fails each time it is tried
 * again. The fix extracts pages, a request's worth at a time, and copies nothing: their owner keeps them until the reply.
 * @kernel fs/fuse/file.c: fuse_direct_io, fuse_get_user_pages; fs/fuse/virtio_fs.c: virtio_fs_enqueue_req,
 *   copy_args_to_argbuf (kmalloc with GFP_ATOMIC), virtio_fs_request_dispatch_work
 */
export class FuseKernelIo implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { iter } = io
    const isSource = iter.direction === ITER_SOURCE
    const bytes = io.lengthBytes
    const iterator = io.audit?.iterators.init(isSource, false, iter.mm, bytes, bytes, iter.type) ?? 0
    return this.isFixed ? this.byPages(io, iterator) : this.byPointer(io, iterator)
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

  private byPages(io: Operation, iterator: number): number {
    let done = 0
    while (done < io.lengthBytes) {
      io.audit?.iterators.use(iterator)
      const bytes = io.extract(REQUEST_PAGES_MAX, io.lengthBytes - done)
      if (bytes < 0) return bytes
      io.borrowList(GUARD_NONE)
      io.reachedInPlace(bytes)
      io.audit?.iterators.extract(iterator, bytes)
      io.audit?.iterators.consume(iterator, bytes)
      done += bytes
    }
    io.audit?.iterators.return(iterator, done)
    return done
  }

  private byPointer(io: Operation, iterator: number): number {
    const { audit, iter } = io
    let done = 0
    while (done < io.lengthBytes) {
      const bytes = iter.currentLengthBytes()
      const isTooLong = bytes > KMALLOC_MAX_BYTES
      audit?.iterators.use(iterator, isTooLong ? ALL_TYPES & ~(1 << ITER_KVEC) : ALL_TYPES)
      // The queue's worker tries again: for ever where it is too long, else until there is memory. The model does not.
      if (isTooLong || !io.allocate(bytes)) return ENOMEM
      io.copied(bytes)
      iter.advance(bytes)
      audit?.iterators.advance(iterator, bytes)
      audit?.iterators.consume(iterator, bytes)
      io.free(bytes)
      done += bytes
    }
    // What is read is copied into the memory at the end; what is written was copied out of it here.
    io.isBounced = iter.direction === ITER_SOURCE
    audit?.iterators.return(iterator, done)
    return done
  }
}
