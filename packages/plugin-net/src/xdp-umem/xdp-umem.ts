import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  EINVAL,
  GUARD_COUNT,
  grown,
  HOLD_NONE,
  ITER_DEST,
  ITER_IOVEC,
  ITER_UBUF,
  type Operation,
  type OperationShape,
  PAGE_SIZE,
} from '@pinscope/core'
import { COPIED_FRAMES, FRAMES, UMEM_COUNTERS } from './umem-counters.ts'
import { type UmemShape, XDP_PACKET_HEADROOM } from './umem-shape.ts'
import { UMEM_NONE } from './umem-table.ts'
import { Umems } from './umems.ts'

/** Values of the option `mode`. @kernel include/uapi/linux/if_xdp.h: XDP_ZEROCOPY, XDP_COPY */
export const MODE_WORDS = ['zerocopy', 'copy'] as const
const MODE_COPY = MODE_WORDS.indexOf('copy')

/**
 * AF_XDP. `register` rows are setsockopt(XDP_UMEM_REG), in zero-copy mode with the bind() after it; `unregister` rows the
 * close() of the last socket. The kernel does that later, by a work queue, and after the last packet of the socket; here
 * it is at the row, or where packets of it are in flight, with the last of them.
 *
 * An operation with the flag `fixed` is packets in frames of the area: nothing is taken on its pages. In copy mode the CPU
 * copies them into or out of skbs. Memory outside of any area is copied by the program itself, into frames or out of them.
 *
 * @kernel net/xdp/xsk.c: xsk_setsockopt, xsk_destruct; net/xdp/xdp_umem.c: xdp_umem_create, xdp_put_umem
 */
export class XdpUmem implements Consumer {
  /** Alone only: an area may be registered, and let go of, in between. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1, aloneOnly: true }
  readonly defersUnregister = true
  private readonly counts = new Float64Array(UMEM_COUNTERS.length)
  private readonly umems: Umems
  private readonly isCopy: boolean
  private readonly shape: UmemShape
  /** By id of a registration: its first area. */
  private registered = new Int32Array(16)

  constructor(environment: ConsumerEnvironment) {
    const { options } = environment
    this.shape = {
      chunkBytes: options['chunk-size'],
      headroomBytes: options.headroom,
      isUnaligned: options.unaligned === 1,
      metadataBytes: options['tx-metadata'],
    }
    this.isCopy = options.mode === MODE_COPY
    this.umems = new Umems(environment, this.shape, options.memlock, !this.isCopy, this.counts)
  }

  register(io: Operation): number {
    const { type } = io.iter
    io.hold = HOLD_NONE
    // Frames and files have no address.
    if (type !== ITER_UBUF && type !== ITER_IOVEC) return EINVAL
    const first = this.umems.createAll(io)
    if (first < 0) return first
    while (io.registration >= this.registered.length) {
      this.registered = grown(this.registered, 2 * this.registered.length)
    }
    this.registered[io.registration] = first
    return 0
  }

  unregister(io: Operation): void {
    this.umems.releaseAll(io, this.registered[io.registration], io.hold)
    this.registered[io.registration] = UMEM_NONE
  }

  submit(io: Operation): number {
    const { iter } = io
    const bytes = iter.countBytes
    if (bytes === 0) return 0
    const frames = this.framesOf(io, bytes)
    this.counts[FRAMES] += frames
    if (!iter.fixed) return this.copyThrough(io, bytes, frames)
    if (this.isCopy) {
      this.counts[COPIED_FRAMES] += frames
      io.copied(bytes)
    } else {
      this.reach(io)
      io.reachedInPlace(bytes)
    }
    iter.advance(bytes)
    return bytes
  }

  /** Nothing is kept. */
  abort(): void {}

  /** Nothing is kept. */
  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return countersOf(UMEM_COUNTERS, this.counts)
  }

  /**
   * Frames of the packets: in the area a segment is at least a packet, elsewhere the program packs them. One that is received
   * begins behind the headrooms of its frame. @kernel net/xdp/xsk_buff_pool.c: xsk_pool_get_rx_frame_size
   */
  private framesOf({ iter }: Operation, bytes: number): number {
    const { chunkBytes, headroomBytes, metadataBytes } = this.shape
    const before = iter.direction === ITER_DEST ? headroomBytes + XDP_PACKET_HEADROOM : metadataBytes
    const room = chunkBytes - before
    if (!iter.fixed) return Math.ceil(bytes / room)
    const { lengthBytes } = iter.table
    let frames = 0
    let left = bytes
    for (let s = iter.segment; left > 0; s++) {
      const length = lengthBytes[s] < left ? lengthBytes[s] : left
      frames += Math.ceil(length / room)
      left -= length
    }
    return frames
  }

  /** Memory that is in no area: the program copies. */
  private copyThrough(io: Operation, bytes: number, frames: number): number {
    const { type } = io.iter
    if (type !== ITER_UBUF && type !== ITER_IOVEC) return EINVAL
    this.counts[COPIED_FRAMES] += frames
    return io.copy(bytes) === bytes ? bytes : EFAULT
  }

  /** Names the pages of the area in which the packets lie; `io.registration` has it, and the lane looked that they are inside. */
  private reach(io: Operation): void {
    const { iter } = io
    const { addressBytes, lengthBytes } = iter.table
    let left = iter.countBytes
    for (let segment = iter.segment; left > 0; segment++) {
      const bytes = lengthBytes[segment] < left ? lengthBytes[segment] : left
      this.reachSegment(io, addressBytes, segment, bytes)
      left -= bytes
    }
  }

  private reachSegment(io: Operation, addresses: Float64Array, segment: number, bytes: number): void {
    const { table } = this.umems
    let row = this.registered[io.registration]
    while (row !== UMEM_NONE && !this.holds(row, addresses, segment, bytes)) row = table.next[row]
    if (row === UMEM_NONE) return
    const start = addresses[segment] - table.addressBytes[row]
    let done = 0
    for (let index = Math.floor(start / PAGE_SIZE); done < bytes; index++) {
      const offset = done === 0 ? start % PAGE_SIZE : 0
      const part = bytes - done < PAGE_SIZE - offset ? bytes - done : PAGE_SIZE - offset
      const page = table.pgs[row][index]
      io.ledger.bare(1)
      io.borrow(page, offset, part, GUARD_COUNT)
      if (io.observer !== null) tellPiece(io.observer, page, offset, part)
      done += part
    }
  }

  private holds(row: number, addresses: Float64Array, segment: number, bytes: number): boolean {
    const { addressBytes, lengthBytes } = this.umems.table
    const start = addresses[segment] - addressBytes[row]
    return start >= 0 && start + bytes <= lengthBytes[row]
  }
}

function tellPiece(
  observer: NonNullable<Operation['observer']>,
  page: number,
  offsetBytes: number,
  bytes: number,
): void {
  observer.listBuilt('frames', bytes, 1, Int32Array.of(page), Int32Array.of(offsetBytes), Int32Array.of(bytes), '')
}
