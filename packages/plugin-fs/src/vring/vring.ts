import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  EINVAL,
  ENOMEM,
  GUARD_NONE,
  type IovIter,
  ITER_BVEC,
  type IterStep,
  isSince,
  iterateAndAdvance,
  type Memory,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'
import { Kiovs } from './kiovs.ts'
import { COPY_CALLS, DESCRIPTORS, FULL_STRIDES, LOOKUPS, RING_ACCESSES, VRING_COUNTERS } from './vring-counters.ts'

/** Elements of one iterator, which are on the stack. @kernel drivers/vhost/vringh.c: IOTLB_IOV_STRIDE (6.1: iov[16]) */
export const IOTLB_IOV_STRIDE = 16

/** @kernel include/uapi/asm-generic/errno.h */
const ELOOP = -40

/** The index and the head of the ring read, an element put, the index written. @kernel drivers/vhost/vringh.c: getu16_iotlb, putused_iotlb, putu16_iotlb */
const ACCESSES_BESIDE_DESCRIPTORS = 4

/**
 * The device's side of a virtio ring in the kernel (vdpa-sim and its kin): descriptors name bus addresses, the iotlb says
 * what memory they are. A row's segments are the descriptors of one request; its bus addresses are the physical ones, in
 * maps of `map-bytes` that begin at multiples of it.
 *
 * The data of each descriptor is copied in portions of at most 16 maps: an element a map, which may be of many pages. A
 * page is found by its number, and nothing is taken on it: what keeps it is whoever made the map, and only the lookup is
 * under the iotlb's lock, not the copy. So from the request's start to its end its pages are guarded by nobody here.
 *
 * `use-va` (6.4 and later): the maps are of user addresses, the elements iovecs, and the copy is one of user memory. 6.1
 * has none of it: -EINVAL, as for an address that no map covers.
 *
 * Permissions of maps are not modelled: whatever a request does is allowed. (6.1 writes the ring's 16-bit words through maps
 * that may be written; since 6.4 putu16_iotlb asks whether they may be read.) 6.18: taken as 7.3, which is as 6.12.
 *
 * @kernel drivers/vhost/vringh.c: vringh_getdesc_iotlb, __vringh_iov, vringh_iov_xfer, iotlb_translate, copy_from_iotlb,
 *   copy_to_iotlb
 */
export class VringConsumer implements Consumer, IterStep {
  readonly foll = 0
  readonly allOrNothing = false
  private readonly counts = new Float64Array(VRING_COUNTERS.length)
  private readonly kiovs = new Kiovs()
  private readonly memory: Memory
  private readonly ringEntries: number
  private readonly mapBytes: number
  private readonly usesVa: boolean
  private io: Operation | null = null
  private pages = 0

  constructor({ kernel, options, memory }: ConsumerEnvironment) {
    this.memory = memory
    this.ringEntries = options['ring-entries']
    this.mapBytes = options['map-bytes']
    this.usesVa = options['use-va'] === 1 && isSince(kernel, '6.12')
  }

  submit(io: Operation): number {
    const { iter, recordedResult } = io
    if (recordedResult < 0) return recordedResult | 0
    if (recordedResult < iter.countBytes) iter.truncate(recordedResult)
    if (iter.countBytes === 0) return 0
    const isByFrame = iter.type === ITER_BVEC && !iter.fixed
    const { counts } = this
    const descriptors = descriptorsOf(iter)
    counts[RING_ACCESSES] += ACCESSES_BESIDE_DESCRIPTORS + descriptors
    if (!io.fits(descriptors, this.ringEntries)) return ELOOP
    if (!this.kiovs.makeRoom(io, descriptors)) return ENOMEM
    counts[DESCRIPTORS] += descriptors
    if (!isByFrame && !this.usesVa) return EINVAL
    io.isBounced = true
    let done = 0
    while (iter.countBytes > 0) {
      const bytes = iter.currentLengthBytes()
      if (bytes === 0) {
        iter.skipEmpty()
        if (iter.segmentsLeft === 0) break
        continue
      }
      const error = this.xfer(io, bytes, isByFrame)
      if (error < 0) return error
      done += bytes
    }
    return done
  }

  /** Nothing is held. */
  abort(): void {}

  /** Nothing is held. */
  complete(): void {}

  /** The rings are gone. */
  close(io: Operation): void {
    this.kiovs.cleanup(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(VRING_COUNTERS, this.counts)
  }

  /** A page of a map. */
  piece(page: number, offset: number, length: number): number {
    this.io?.borrow(page, offset, length, GUARD_NONE)
    this.pages++
    return 0
  }

  /** One descriptor: 0, or -EFAULT. @kernel drivers/vhost/vringh.c: copy_from_iotlb, copy_to_iotlb */
  private xfer(io: Operation, bytes: number, isByFrame: boolean): number {
    for (let left = bytes; left > 0; ) {
      const translated = this.translate(io, left)
      if (isByFrame) this.useBare(io, translated)
      this.counts[COPY_CALLS]++
      if (io.copy(translated) !== translated) return EFAULT
      left -= translated
    }
    return 0
  }

  /** Bytes of the next `left` that 16 maps cover at most. @kernel drivers/vhost/vringh.c: iotlb_translate */
  private translate(io: Operation, left: number): number {
    const { counts, mapBytes } = this
    const { table, segment, iovOffsetBytes } = io.iter
    const first = table.addressBytes[segment]
    const address = (io.iter.isByFrame() ? first * PAGE_SIZE + table.offsetBytes[segment] : first) + iovOffsetBytes
    let elements = 0
    let done = 0
    while (done < left && elements < IOTLB_IOV_STRIDE) {
      const room = mapBytes - ((address + done) % mapBytes)
      done += Math.min(room, left - done)
      elements++
    }
    counts[LOOKUPS] += elements
    io.built(elements, BIO_VEC_BYTES)
    if (done < left) {
      counts[FULL_STRIDES]++
      io.limitHit()
    }
    return done
  }

  private useBare(io: Operation, bytes: number): void {
    this.io = io
    this.pages = 0
    iterateAndAdvance(io.iter, this.memory, bytes, this)
    io.iter.revert(bytes)
    io.ledger.bare(this.pages)
    this.io = null
  }
}

/** Segments with data in them. */
function descriptorsOf(iter: IovIter): number {
  const { lengthBytes } = iter.table
  let left = iter.countBytes + iter.iovOffsetBytes
  let count = 0
  for (let s = iter.segment; left > 0 && s < iter.segment + Math.max(iter.segmentsLeft, 1); s++) {
    if (lengthBytes[s] > 0) count++
    left -= lengthBytes[s]
  }
  return count
}
