import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  ENOMEM,
  GUARD_COUNT,
  GUARD_LOCK,
  ITER_DEST,
  isUserBacked,
  type Operation,
  tellIterator,
} from '@pinscope/core'
import { Messenger } from '../messenger.ts'
import { OsdCompletion } from '../osd-completion.ts'
import { OsdRequests } from '../osd-requests.ts'
import { PagePieces } from '../page-pieces.ts'
import { Copyup } from './copyup.ts'
import { ImagePages } from './image-pages.ts'
import { ObjectData } from './object-data.ts'
import { DIRTIED_PAGES, OBJECT_REQUESTS, OWN_BVEC_ARRAYS, RBD_COUNTERS, REQUESTS } from './rbd-counters.ts'
import { type Layout, ObjectExtents } from './striper.ts'

/** @kernel include/linux/blk_types.h: SECTOR_SIZE */
const SECTOR_BYTES = 512

/**
 * A RADOS block device: the bios of a request, in parts of one object each. Nothing is taken on their pages; what the
 * messenger below has of them while it sends is the socket's reference.
 *
 * Where a stripe unit is an object, each part only remembers where in the bios it begins (BIO). Where stripe units are
 * smaller, each has an array of its own, one bvec a page (OWN_BVECS), whatever the bvecs of the bio are.
 *
 * The bios of an operation merge in their plug, up to a set of objects a request (max_hw_sectors). 6.1, 6.12 and 7.3 are the
 * same; 6.18 is taken as them. While rbd checks sums, pages under writeback are stable (BLK_FEAT_STABLE_WRITES).
 *
 * @kernel drivers/block/rbd.c: rbd_img_fill_request, rbd_osd_setup_data, rbd_obj_request_destroy, rbd_init_disk
 */
export class RbdConsumer implements Consumer {
  private readonly counts = new Float64Array(RBD_COUNTERS.length)
  private readonly layout: Layout
  private readonly isFancy: boolean
  private readonly messenger: Messenger
  private readonly requests = new OsdRequests()
  private readonly completion: OsdCompletion
  private readonly image: ImagePages
  /** The operation's data, and that of one request by object. */
  private readonly source = new PagePieces()
  private readonly target = new PagePieces()
  private readonly extents: ObjectExtents
  private readonly data: ObjectData
  private readonly copyup: Copyup | null
  private readonly position = new Float64Array(1)
  /** The last object request of the operation at work. */
  private row = 0

  constructor(environment: ConsumerEnvironment) {
    const { options, ledger, pages } = environment
    const { counts } = this
    const objectBytes = options['object-size']
    const stripeUnit = Math.min(options['stripe-unit'], objectBytes)
    this.layout = { objectBytes, stripeUnit, stripeCount: options['stripe-count'] }
    this.isFancy = stripeUnit !== objectBytes
    this.messenger = new Messenger(options, counts, ledger, pages)
    this.completion = new OsdCompletion(this.requests, this.messenger, counts, DIRTIED_PAGES)
    this.image = new ImagePages(environment)
    this.extents = new ObjectExtents(this.layout)
    this.data = new ObjectData(this.source, this.extents, this.target)
    this.copyup =
      options.clone === 1 ? new Copyup(this.layout, this.isFancy, this.messenger, this.requests, ledger, counts) : null
  }

  submit(io: Operation): number {
    io.scratch = 0
    const { recordedResult } = io
    // The layer above ends with the file, or with what fails: no page behind it is taken.
    if (recordedResult >= 0) io.iter.truncate(Math.ceil(recordedResult / SECTOR_BYTES) * SECTOR_BYTES)
    if (io.iter.countBytes === 0) return 0
    const isRead = io.iter.direction === ITER_DEST
    this.row = 0
    const bytes = this.image.fill(io, this.source)
    if (io.observer !== null && this.isFancy && bytes > 0)
      tellPieces(io.observer, this.source, 0, this.source.length, bytes)
    const result = bytes < 0 ? bytes : this.queue(io, bytes, isRead)
    if (result < 0) {
      this.completion.finish(io, this.row)
      io.letGoOfKept()
      return result
    }
    if (isRead) this.expectReplies(io, result)
    this.borrow(io)
    io.scratch = this.row
    return recordedResult >= 0 && recordedResult < result ? recordedResult | 0 : result
  }

  /** What the operation had was let go when it failed. */
  abort(): void {}

  complete(io: Operation): void {
    this.completion.finish(io, io.scratch)
    io.letGoOfKept()
  }

  /** The connections are closed. */
  close(io: Operation): void {
    this.messenger.close(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(RBD_COUNTERS, this.counts)
  }

  /** All requests of the operation. An errno leaves what is chained from `row` on to be finished. */
  private queue(io: Operation, bytes: number, isRead: boolean): number {
    const { data, layout, position } = this
    const setBytes = layout.objectBytes * layout.stripeCount
    data.begin()
    position[0] = io.offsetBytes < 0 ? 0 : io.offsetBytes
    for (let left = bytes; left > 0; ) {
      const part = Math.min(left, setBytes)
      data.map(position, part)
      this.counts[REQUESTS]++
      const error = this.fill(io, isRead)
      if (error < 0) return error
      position[0] += part
      left -= part
    }
    return bytes
  }

  /** The object requests of one request: their arrays first, all of them. @kernel drivers/block/rbd.c: rbd_img_fill_request */
  private fill(io: Operation, isRead: boolean): number {
    const { extents, requests } = this
    for (let i = 0; i < extents.length; i++) {
      const row = requests.take(this.row)
      this.row = row
      extents.row[i] = row
      requests.pieces[row] = extents.pieces[i]
      requests.bytes[row] = extents.lengthBytes[i]
      this.counts[OBJECT_REQUESTS]++
      if (!this.array(io, row)) return ENOMEM
    }
    for (let i = 0; i < extents.length; i++) {
      const error = this.start(io, extents.row[i], i, isRead)
      if (error < 0) return error
    }
    return 0
  }

  /** False when there is no memory for the array of an object request that needs one. */
  private array(io: Operation, row: number): boolean {
    const { requests } = this
    const count = requests.pieces[row]
    if (!this.isFancy) {
      io.avoided(count, 1)
      return true
    }
    if (!io.allocate(count * BIO_VEC_BYTES)) return false
    requests.arrayBytes[row] = count * BIO_VEC_BYTES
    this.counts[OWN_BVEC_ARRAYS]++
    io.built(count, BIO_VEC_BYTES)
    return true
  }

  private start(io: Operation, row: number, extent: number, isRead: boolean): number {
    const { extents, requests, messenger, target, copyup } = this
    const first = extents.firstPiece[extent]
    const end = first + requests.pieces[row]
    if (io.observer !== null) this.tellObject(io.observer, row, extent)
    if (isRead) return copyup === null ? 0 : copyup.readParent(io, row, extents, extent)
    const error = copyup === null ? 0 : copyup.beforeWrite(io, row, extents, extent, target)
    if (error < 0) return error
    io.keep(messenger.send(io, target, first, end))
    requests.vector[row] = messenger.vector
    return 0
  }

  /** Lists are told in the order of the data: where stripe units are smaller, that of the bios, which {@link submit} told. */
  private tellObject(observer: Observer, row: number, extent: number): void {
    const { extents, requests, target } = this
    const first = extents.firstPiece[extent]
    const end = first + requests.pieces[row]
    const bytes = requests.bytes[row]
    if (this.isFancy) {
      observer.note(`object ${extents.objectNumber[extent]}: ${end - first} bvecs of its own, ${bytes} bytes`)
    } else tellPieces(observer, target, first, end, bytes)
  }

  private expectReplies(io: Operation, bytes: number): void {
    const { requests } = this
    this.messenger.expect(io, bytes)
    this.counts[DIRTIED_PAGES] += this.image.userPages
    for (let row = this.row; row !== 0; row = requests.next[row]) requests.replyBytes[row] = requests.bytes[row]
  }

  private borrow(io: Operation): void {
    // Registered buffers are pinned for as long as they are registered.
    const guard = isUserBacked(io.iter.type) || io.iter.fixed ? GUARD_COUNT : GUARD_LOCK
    const { page, offsetBytes, lengthBytes, length } = this.source
    for (let i = 0; i < length; i++) io.borrow(page[i], offsetBytes[i], lengthBytes[i], guard)
    tellIterator(io, 'bvec', length)
  }
}

type Observer = NonNullable<Operation['observer']>

function tellPieces(observer: Observer, pieces: PagePieces, first: number, end: number, bytes: number): void {
  const page = pieces.page.slice(first, end)
  const offset = pieces.offsetBytes.slice(first, end)
  observer.listBuilt('bvecs', bytes, end - first, page, offset, pieces.lengthBytes.slice(first, end), '')
}
