import { EFAULT, ITER_DEST, type Ledger, type Operation } from '@pinscope/core'
import { ERROR_REPLIES } from './p9-counters.ts'
import { COPIED_BYTES_MAX } from './p9-sizes.ts'
import type { P9Virtio } from './p9-virtio.ts'

/**
 * Reads and writes as the client makes requests of them: one after the other, each as far as the message goes. The last
 * one stays outstanding until the operation is over; every other one is answered before the next is sent.
 *
 * What the server does is told by the row's recorded result: it has that many bytes to give, or takes that many. A short
 * one takes one request more, to which it gives nothing. A negative one is the answer to the first request.
 *
 * @kernel net/9p/client.c: p9_client_read, p9_client_read_once, p9_client_write
 */
export class P9Client {
  /** -errno that ended the last transfer; 0 for none. */
  error = 0
  /** Row of the request that has no answer yet; 0 for none. */
  pending = 0
  private readonly virtio: P9Virtio
  private readonly ledger: Ledger
  private readonly counts: Float64Array
  private readonly bytesMax: number
  /** Bytes that the server still gives, or takes. */
  private serverBytes = 0
  private isFailing = false
  private wasCut = false

  /** `bytesMax`: of one request. */
  constructor(virtio: P9Virtio, ledger: Ledger, counts: Float64Array, bytesMax: number) {
    this.virtio = virtio
    this.ledger = ledger
    this.counts = counts
    this.bytesMax = bytesMax
  }

  /** A new operation, of at most `bytes` bytes. */
  begin({ recordedResult }: Operation, bytes: number): void {
    this.isFailing = recordedResult < 0
    this.serverBytes = this.isFailing ? 0 : recordedResult < bytes ? recordedResult | 0 : bytes
    this.error = 0
    this.pending = 0
    this.wasCut = false
    this.virtio.entries = 0
  }

  /** The first request of the operation is not answered with data. */
  get fails(): boolean {
    return this.isFailing
  }

  /** Moves what the iterator has; returns the bytes, and leaves the {@link error} that ended it early. */
  transfer(io: Operation): number {
    const isRead = io.iter.direction === ITER_DEST
    let total = 0
    this.error = 0
    while (io.iter.countBytes > 0) {
      const bytes = isRead ? this.readOnce(io) : this.writeOnce(io)
      if (bytes < 0) this.error = bytes
      if (bytes <= 0) break
      total += bytes
    }
    return total
  }

  /** The request without answer gets it. */
  settle(io: Operation): void {
    const { pending, virtio } = this
    if (pending === 0) return
    this.pending = 0
    this.ledger.letGo(virtio.requests.holdOf(pending))
    virtio.finish(io, pending)
  }

  /** @kernel net/9p/client.c: p9_client_read_once */
  private readOnce(io: Operation): number {
    const wanted = this.nextBytes(io)
    if (wanted > COPIED_BYTES_MAX) return this.zcRequest(io, wanted)
    const error = this.virtio.request(io, wanted)
    if (error < 0) return error
    this.pending = this.virtio.row
    const received = Math.min(wanted, this.serverBytes)
    this.serverBytes -= received
    if (received > 0 && io.copy(received) !== received) {
      this.settle(io)
      return EFAULT
    }
    return received
  }

  /** @kernel net/9p/client.c: p9_client_write */
  private writeOnce(io: Operation): number {
    const wanted = this.nextBytes(io)
    const written = wanted > COPIED_BYTES_MAX ? this.zcRequest(io, wanted) : this.copiedWrite(io, wanted)
    // The server took less than it was given before; asked again, it says why.
    if (written === 0 && !this.isFailing) this.counts[ERROR_REPLIES]++
    return written
  }

  private copiedWrite(io: Operation, wanted: number): number {
    const error = this.virtio.request(io, wanted)
    if (error < 0) return error
    this.pending = this.virtio.row
    return this.moved(io, wanted)
  }

  private zcRequest(io: Operation, wanted: number): number {
    const taken = this.virtio.zcRequest(io, wanted)
    if (taken < 0) return taken
    this.pending = this.virtio.row
    const bytes = this.moved(io, taken)
    io.reachedInPlace(bytes)
    return bytes
  }

  /** What the server moved of a request; the iterator is put where that ends. */
  private moved(io: Operation, bytes: number): number {
    const done = Math.min(bytes, this.serverBytes)
    this.serverBytes -= done
    io.iter.revert(bytes - done)
    return done
  }

  /** Bytes of the next request; the one before it has been answered. */
  private nextBytes(io: Operation): number {
    this.settle(io)
    const { countBytes } = io.iter
    if (countBytes <= this.bytesMax) return countBytes
    if (!this.wasCut) io.limitHit()
    this.wasCut = true
    return this.bytesMax
  }
}
