import { type Consumer, E2BIG, EFAULT, ITER_BVEC, ITER_SOURCE, type Operation } from '@pinscope/core'

/** @kernel include/linux/bio.h: BIO_MAX_VECS */
const BIO_MAX_VECS = 256

/**
 * Protection information of a request lies in user memory, which is taken in one extraction. Before the fix its length was
 * not compared with what was asked for: the list of all pages was gone through, and behind the last one that was got there
 * is none: a NULL pointer stands there. The task dies, and the pins stay.
 * @kernel block/bio-integrity.c: bio_integrity_map_user, bvec_from_pages
 */
export class IntegrityUser implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const bytes = io.iter.countBytes
    const pages = io.iter.npages(BIO_MAX_VECS + 1)
    if (pages > BIO_MAX_VECS) return E2BIG
    const taken = io.extract(pages, bytes)
    if (taken < 0) return taken
    if (taken !== bytes) {
      if (this.isFixed) io.ledger.letGo(io.hold)
      // bvec_from_pages() goes through pages for all the bytes.
      else io.audit?.iterators.init(io.iter.direction === ITER_SOURCE, false, io.iter.mm, bytes, taken, ITER_BVEC)
      return EFAULT
    }
    const payload = io.audit?.objects.alloc('bio_integrity_payload') ?? 0
    const { list } = io
    for (let i = 0; i < list.length; i++) {
      io.audit?.objects.attach(payload, io.hold, list.page[i], list.offsetBytes[i], list.lengthBytes[i])
    }
    io.keep(io.hold)
    io.audit?.objects.submit(payload, bytes)
    io.scratch = payload
    return bytes
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** @kernel block/bio-integrity.c: bio_integrity_unmap_user */
  complete(io: Operation): void {
    io.audit?.objects.complete(io.scratch, io.result)
    io.letGoOfKept()
    io.audit?.objects.free(io.scratch)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}
