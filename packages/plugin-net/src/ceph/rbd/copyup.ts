import { BIO_VEC_BYTES, ENOMEM, type Ledger, type Operation, PAGE_SIZE } from '@pinscope/core'
import type { Messenger } from '../messenger.ts'
import type { OsdRequests } from '../osd-requests.ts'
import type { PagePieces } from '../page-pieces.ts'
import { COPYUP_PAGES, COPYUPS, PARENT_READS } from './rbd-counters.ts'
import type { Layout, ObjectExtents } from './striper.ts'

/** @kernel include/linux/ceph/striper.h: struct ceph_file_extent */
const FILE_EXTENT_BYTES = 16

/**
 * An image that is a clone, whose objects are all in the parent yet: each request is the first to its object.
 *
 * A read that finds no object is read from the parent, into the same pages. A write is sent together with a question
 * whether the object is there; the answer is no, and nothing was written. The whole object is read from the parent into
 * pages allocated for it, and sent back with the write, whose data goes over the wire a second time. A write of a whole
 * object needs none of it. Messages with the object itself are not counted, nor is the parent of the parent.
 *
 * @kernel drivers/block/rbd.c: rbd_obj_calc_img_extents, rbd_osd_setup_stat, rbd_obj_read_from_parent, setup_copyup_bvecs,
 *   rbd_obj_copyup_current_snapc, rbd_obj_request_destroy
 */
export class Copyup {
  private readonly layout: Layout
  private readonly isFancy: boolean
  private readonly messenger: Messenger
  private readonly requests: OsdRequests
  private readonly ledger: Ledger
  private readonly counts: Float64Array

  constructor(
    layout: Layout,
    isFancy: boolean,
    messenger: Messenger,
    requests: OsdRequests,
    ledger: Ledger,
    counts: Float64Array,
  ) {
    this.layout = layout
    this.isFancy = isFancy
    this.messenger = messenger
    this.requests = requests
    this.ledger = ledger
    this.counts = counts
  }

  /** The object is not there: 0, or an errno. */
  readParent(io: Operation, row: number, extents: ObjectExtents, extent: number): number {
    const { stripeUnit } = this.layout
    const from = extents.offsetBytes[extent]
    const end = from + extents.lengthBytes[extent]
    const units = Math.ceil(end / stripeUnit) - Math.floor(from / stripeUnit)
    if (!this.mapParent(io, row, units)) return ENOMEM
    this.counts[PARENT_READS]++
    return this.childArray(io, this.requests.pieces[row])
  }

  /** The write comes to nothing the first time, and the object is got: 0, or an errno. */
  beforeWrite(io: Operation, row: number, extents: ObjectExtents, extent: number, pieces: PagePieces): number {
    const { objectBytes, stripeUnit } = this.layout
    const { requests, messenger } = this
    if (!this.mapParent(io, row, objectBytes / stripeUnit)) return ENOMEM
    if (extents.lengthBytes[extent] === objectBytes) return 0
    const question = messenger.allocatePages(io, 1)
    if (question === 0) return ENOMEM
    const first = extents.firstPiece[extent]
    const references = messenger.send(io, pieces, first, first + requests.pieces[row], true)
    messenger.release(io, messenger.vector)
    this.ledger.letGo(references)
    messenger.release(io, question)
    return this.getObject(io, row)
  }

  private getObject(io: Operation, row: number): number {
    const pages = Math.ceil(this.layout.objectBytes / PAGE_SIZE)
    const vector = this.messenger.allocatePages(io, pages, BIO_VEC_BYTES)
    if (vector === 0) return ENOMEM
    this.requests.copyup[row] = vector
    this.counts[COPYUPS]++
    this.counts[COPYUP_PAGES] += pages
    io.built(pages, BIO_VEC_BYTES)
    return this.childArray(io, pages)
  }

  /** The extents of the parent are kept with the request. */
  private mapParent(io: Operation, row: number, units: number): boolean {
    const bytes = units * FILE_EXTENT_BYTES
    if (!io.allocate(bytes)) return false
    this.requests.extentBytes[row] = bytes
    return true
  }

  /** What is read from the parent is a request of its own, with an array where stripe units are smaller than objects. It is over before this one goes on. */
  private childArray(io: Operation, count: number): number {
    if (!this.isFancy) return 0
    if (!io.allocate(count * BIO_VEC_BYTES)) return ENOMEM
    io.built(count, BIO_VEC_BYTES)
    io.free(count * BIO_VEC_BYTES)
    return 0
  }
}
