import {
  BIO_VEC_BYTES,
  ENOMEM,
  GUARD_COUNT,
  GUARD_NONE,
  HOLD_NONE,
  type Hold,
  ITER_DEST,
  isUserBacked,
  type Ledger,
  type Operation,
  RETAIN_NONE,
  tellIterator,
} from '@pinscope/core'
import { AIO_OPERATIONS, EMPTY_BVECS, OSD_REQUESTS, SHORT_CHUNKS } from './ceph-counters.ts'
import type { CephSettings } from './ceph-settings.ts'
import { chunkBytes } from './chunk.ts'
import type { Messenger } from './messenger.ts'
import type { OsdCompletion } from './osd-completion.ts'
import type { OsdRequests } from './osd-requests.ts'
import type { PagePieces } from './page-pieces.ts'
import type { Replies } from './replies.ts'
import { CEPH_AIO_REQUEST_BYTES, ITER_GET_BVECS_PAGES } from './sizes.ts'

/**
 * Direct I/O: chunk after chunk, each an array of bvecs with a reference on every page, and one object request.
 *
 * A synchronous operation (`aio=0`) has one chunk at a time: its references are put before the next one is extracted. The
 * last one is in flight until the row's end. An asynchronous one extracts all chunks first and then sends them; should a
 * later one find no page, none is sent and the error is the result, where a synchronous one returns what came before it.
 *
 * An extraction that gives 0 bytes (an empty bvec, quirk `get-pages-empty-bvec`) would keep the kernel in its loop for
 * ever; here it ends the operation.
 *
 * 6.1, 6.12 and 7.3 are the same; 6.18 is taken as them. Sparse reads (an option, not the default) are not modelled.
 *
 * @kernel fs/ceph/file.c: ceph_direct_read_write, iter_get_bvecs_alloc, __iter_get_bvecs, put_bvecs, ceph_aio_complete_req
 */
export class DirectIo {
  private readonly settings: CephSettings
  private readonly messenger: Messenger
  private readonly requests: OsdRequests
  private readonly completion: OsdCompletion
  private readonly pieces: PagePieces
  private readonly replies: Replies
  private readonly ledger: Ledger
  private readonly counts: Float64Array
  /** First piece of the chunk at work, what is held on its pages, and its row; 0: no chunk. */
  private first = 0
  private hold: Hold = HOLD_NONE
  private row = 0
  /** What the socket holds of a synchronous chunk. */
  private socketHold: Hold = HOLD_NONE
  private isAio = false

  constructor(
    settings: CephSettings,
    messenger: Messenger,
    requests: OsdRequests,
    completion: OsdCompletion,
    pieces: PagePieces,
    replies: Replies,
    ledger: Ledger,
    counts: Float64Array,
  ) {
    this.settings = settings
    this.messenger = messenger
    this.requests = requests
    this.completion = completion
    this.pieces = pieces
    this.replies = replies
    this.ledger = ledger
    this.counts = counts
  }

  /** Bytes moved, or an errno with nothing left; `io.scratch` is the row of the request in flight, chained. */
  transfer(io: Operation): number {
    const { countBytes } = io.iter
    const isRead = io.iter.direction === ITER_DEST
    this.pieces.clear()
    this.replies.begin(io)
    this.row = 0
    this.isAio = false
    const result = this.chunks(io, countBytes, isRead)
    return this.isAio ? this.startAll(io, result, isRead) : this.finishSync(io, result)
  }

  /** Extracts, and where it is synchronous sends and waits. Bytes, or the errno of the first chunk; of any, where it is asynchronous. */
  private chunks(io: Operation, total: number, isRead: boolean): number {
    const { iter } = io
    const { rsize, wsize, stripeUnit } = this.settings
    const { replies } = this
    let done = 0
    while (iter.countBytes > 0) {
      if (!this.isAio) this.settle(io)
      const bytes = this.fill(io, chunkBytes(io, done, isRead ? rsize : wsize, stripeUnit))
      if (bytes <= 0) return done === 0 || (this.isAio && bytes < 0) ? bytes : done
      if (done === 0) this.isAio = this.mayBeAio(io, bytes, total)
      if (this.isAio) {
        io.keep(this.hold)
        done += bytes
        continue
      }
      this.start(io, this.row, this.first, isRead)
      if (replies.error < 0) return replies.error
      const moved = replies.next(bytes)
      if (isRead) this.expect(io, this.row, moved)
      done += moved
      if (moved < bytes || (isRead && replies.isOver)) return done
    }
    return done
  }

  /**
   * The next chunk: its row, and its bvecs among the pieces. Bytes; fewer where a page but the first cannot be had; an
   * errno with nothing of it left, where it is the first.
   * @kernel fs/ceph/file.c: iter_get_bvecs_alloc, __iter_get_bvecs
   */
  private fill(io: Operation, size: number): number {
    const { iter, list } = io
    const { pieces, requests, ledger } = this
    const elements = iter.npagesOf(size)
    const arrayBytes = elements * BIO_VEC_BYTES
    if (!io.allocate(arrayBytes)) return ENOMEM
    this.first = pieces.length
    let hold: Hold = HOLD_NONE
    let done = 0
    let error = 0
    while (done < size && error === 0) {
      const bytes = io.extract(ITER_GET_BVECS_PAGES, size - done)
      if (bytes <= 0) {
        error = bytes
        break
      }
      hold = ledger.join(hold, io.hold)
      pieces.addList(list)
      done += bytes
    }
    if (done === 0) {
      io.free(arrayBytes)
      return error
    }
    this.hold = hold
    const filled = pieces.length - this.first
    const row = requests.take(this.row)
    requests.arrayBytes[row] = arrayBytes
    requests.pieces[row] = filled
    requests.bytes[row] = done
    // Whatever comes of the read.
    if (iter.direction === ITER_DEST && isUserBacked(iter.type)) requests.dirties[row] = 1
    this.row = row
    this.countChunk(io, filled, done < size ? elements - filled : 0, done < size)
    return done
  }

  private countChunk(io: Operation, filled: number, empty: number, isShort: boolean): void {
    const { counts, first, pieces } = this
    counts[OSD_REQUESTS]++
    counts[EMPTY_BVECS] += empty
    if (isShort) counts[SHORT_CHUNKS]++
    io.built(filled, BIO_VEC_BYTES)
    if (io.observer !== null) tellChunk(io.observer, pieces, first)
  }

  /** The first chunk has all, or the operation ends before the end of the file; and there is memory to remember it in. @kernel fs/ceph/file.c: ceph_direct_read_write (is_sync_kiocb) */
  private mayBeAio(io: Operation, bytes: number, total: number): boolean {
    if (!this.settings.isAio || (bytes < total && io.recordedResult >= 0 && io.recordedResult < total)) return false
    if (!io.allocate(CEPH_AIO_REQUEST_BYTES)) return false
    this.counts[AIO_OPERATIONS]++
    return true
  }

  /** Sends a request; what the socket takes on its pages is kept until the reply. */
  private start(io: Operation, row: number, first: number, isRead: boolean): void {
    const { messenger, pieces, requests, ledger } = this
    if (isRead) return
    const references = messenger.send(io, pieces, first, first + requests.pieces[row])
    requests.vector[row] = messenger.vector
    if (this.isAio) io.keep(references)
    else this.socketHold = ledger.join(this.socketHold, references)
  }

  private expect(io: Operation, row: number, bytes: number): void {
    this.requests.replyBytes[row] = bytes
    this.messenger.expect(io, bytes)
  }

  /** The synchronous chunk before is over. */
  private settle(io: Operation): void {
    if (this.row === 0) return
    this.completion.finish(io, this.row)
    this.row = 0
    this.ledger.letGo(this.socketHold)
    this.ledger.letGo(this.hold)
    this.socketHold = HOLD_NONE
    this.hold = HOLD_NONE
  }

  /** What is left is the last chunk, which goes on; or nothing went well, and nothing stays. */
  private finishSync(io: Operation, result: number): number {
    const { row } = this
    if (row === 0) return result
    if (result < 0) {
      this.settle(io)
      return result
    }
    io.keep(this.hold)
    io.keep(this.socketHold)
    this.hold = HOLD_NONE
    this.socketHold = HOLD_NONE
    this.park(io, this.first)
    return result
  }

  /** All chunks are extracted: they are sent, and answered with an error perhaps; or completed with that of the last one. */
  private startAll(io: Operation, result: number, isRead: boolean): number {
    const { requests, replies } = this
    const error = result < 0 ? result : replies.error
    let end = this.pieces.length
    let moved = 0
    for (let row = this.row; row !== 0 && result >= 0; row = requests.next[row]) {
      end -= requests.pieces[row]
      this.start(io, row, end, isRead)
      if (error < 0) continue
      const bytes = replies.next(requests.bytes[row])
      if (isRead) this.expect(io, row, bytes)
      moved += bytes
    }
    this.hold = HOLD_NONE
    requests.aioBytes[this.row] = CEPH_AIO_REQUEST_BYTES
    if (error < 0) {
      this.completion.finish(io, this.row)
      io.letGoOfKept()
      return error
    }
    this.park(io, 0)
    return moved
  }

  private park(io: Operation, first: number): void {
    const { page, offsetBytes, lengthBytes, length } = this.pieces
    const guard = io.retentionKept() === RETAIN_NONE ? GUARD_NONE : GUARD_COUNT
    for (let i = first; i < length; i++) io.borrow(page[i], offsetBytes[i], lengthBytes[i], guard)
    tellIterator(io, 'bvec', length - first)
    io.scratch = this.row
  }
}

function tellChunk(observer: NonNullable<Operation['observer']>, pieces: PagePieces, first: number): void {
  const { length } = pieces
  const page = pieces.page.slice(first, length)
  const offset = pieces.offsetBytes.slice(first, length)
  const lengths = pieces.lengthBytes.slice(first, length)
  const bytes = lengths.reduce((sum, length) => sum + length, 0)
  observer.listBuilt('bvecs', bytes, length - first, page, offset, lengths, '')
}
