import { type ConsumerEnvironment, EAGAIN, type Operation, PAGE_SIZE } from '@pinscope/core'
import type { Mount } from '../cifs/mount.ts'
import { DmaEntries } from '../mr/dma-entries.ts'
import { addMrEntry, addMrKlm, MR_TAKEN } from '../mr/map-mr-sg.ts'
import { Payload } from '../payload/payload.ts'
import { Pieces } from '../payload/pieces.ts'
import { RegisteredTransport } from './registered-transport.ts'

/**
 * The proposal: the page list of a memory region is filled straight from the iterator. Each piece of it (a bvec, a page of
 * a kvec, a folio) is mapped by itself, its pages are listed, and there is no scatterlist: neither in the request nor with
 * the region. What may be registered is the same, since the page list is.
 *
 * The first piece that does not go on where the one before ended stops it, with the pieces so far mapped: they are
 * unmapped, and the connection is given up, as with a scatterlist. User memory given to it is held until the operation is
 * over: that is the proposal's to say.
 *
 * @kernel none: proposed by David Howells, "How to convert I/O iterators to iterators, sglists and RDMA lists" (October
 *   2022); smbd_iter_to_mr still goes through a scatterlist in 7.3
 */
export class IterToMr extends RegisteredTransport {
  private readonly payload: Payload
  private readonly pieces = new Pieces()
  private readonly mapped = new DmaEntries()

  constructor(environment: ConsumerEnvironment, counts: Float64Array, mount: Mount) {
    super(environment, counts, mount, false)
    this.payload = new Payload(environment)
  }

  protected register(io: Operation, operation: number): number {
    const { depth, pieces, regions } = this
    if (!this.fitsRegion(io, io.iter.npages(depth + 1))) return EAGAIN
    pieces.clear()
    const bytes = this.payload.list(io, pieces, io.iter.countBytes, depth)
    if (bytes <= 0) return bytes === 0 ? EAGAIN : bytes
    if (io.observer !== null) {
      io.observer.listBuilt('pieces', bytes, pieces.length, pieces.page, pieces.offsetBytes, pieces.lengthBytes, '')
    }
    regions.take(io, operation)
    const taken = this.listPages(io)
    if (taken < pieces.length) {
      io.unmapDma(this.mapped.length)
      return this.fail(operation)
    }
    io.avoided(taken, 0)
    return this.registered(io, operation, taken, bytes)
  }

  /** Maps one piece after the other and lists its pages; returns those that are in the list. */
  private listPages(io: Operation): number {
    const { pieces, mapped, list } = this
    mapped.clear()
    list.entries = 0
    list.pageSizeBytes = PAGE_SIZE
    for (let i = 0; i < pieces.length; i++) {
      if (!io.mapDma(1)) return i
      mapped.add(io.pages, pieces.page[i], pieces.offsetBytes[i], pieces.lengthBytes[i])
      const isFirst = i === 0
      const taken = list.hasGaps ? addMrKlm(list, mapped, i, 0, isFirst) : addMrEntry(list, mapped, i, 0, isFirst)
      if (taken !== MR_TAKEN) return i
    }
    return pieces.length
  }
}
