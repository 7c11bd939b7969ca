import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  EINVAL,
  grown,
  type Hold,
  ITER_BVEC,
  ITER_DEST,
  ITER_IOVEC,
  ITER_UBUF,
  type Operation,
  tellScatterlist,
} from '@pinscope/core'
import { type Device, deviceOf, IB_SGE_BYTES } from '../device/device.ts'
import { tellReach } from './reach.ts'
import { PROTECTION_ERRORS, SGES, TRANSIENT, UMEM_COUNTERS, WORK_REQUESTS } from './umem-counters.ts'
import { UMEM_NONE } from './umem-table.ts'
import { Umems } from './umems.ts'

/** Values of the option `access`. @kernel include/rdma/ib_verbs.h: IB_ACCESS_LOCAL_WRITE, ib_access_writable */
export const ACCESS_WORDS = ['write', 'read', 'direction'] as const
const ACCESS_READ = ACCESS_WORDS.indexOf('read')
const ACCESS_DIRECTION = ACCESS_WORDS.indexOf('direction')

/**
 * A program that registers its memory with an RDMA device. `register` rows are ibv_reg_mr, `unregister` rows ibv_dereg_mr;
 * an operation with the flag `fixed` is a work request over memory that is registered, which takes nothing more. An
 * operation without it registers its memory, a range for each segment, and lets go of it when it completes.
 * @kernel drivers/infiniband/core/uverbs_cmd.c: ib_uverbs_reg_mr, ib_uverbs_dereg_mr; drivers/infiniband/core/umem.c
 */
export class IbUmem implements Consumer {
  private readonly umems: Umems
  private readonly device: Device
  private readonly access: number
  private readonly counts = new Float64Array(UMEM_COUNTERS.length)
  /** By id of a registration: its first range. */
  private registered = new Int32Array(16)
  /** By first range of an operation: its pins. */
  private holds = new Int32Array(16)

  constructor(environment: ConsumerEnvironment) {
    const { options } = environment
    this.device = deviceOf(options)
    this.access = options.access
    this.umems = new Umems(environment, this.device, options.memlock, this.counts)
  }

  register(io: Operation): number {
    const { umems } = this
    const { type, countBytes } = io.iter
    // Frames and files have no address to register.
    if (type === ITER_BVEC) return EINVAL
    const first = umems.getAll(io, this.isWritable(io))
    if (first < 0) return first
    while (io.registration >= this.registered.length) {
      this.registered = grown(this.registered, 2 * this.registered.length)
    }
    this.registered[io.registration] = first
    for (let row = first; row !== UMEM_NONE && io.observer !== null; row = umems.table.next[row]) {
      const { sgl, origNents } = umems.table.appendTable(row).sgt
      tellScatterlist(io, umems.lists, sgl, origNents, 'scatterlist', countBytes)
    }
    return 0
  }

  unregister(io: Operation): void {
    this.umems.releaseAll(io, this.registered[io.registration], io.hold)
    this.registered[io.registration] = UMEM_NONE
  }

  submit(io: Operation): number {
    const { iter } = io
    const bytes = iter.countBytes
    if (iter.fixed) return bytes === 0 ? 0 : this.submitRegistered(io)
    if (iter.type !== ITER_UBUF && iter.type !== ITER_IOVEC) return EINVAL
    return bytes === 0 ? 0 : this.submitTransient(io)
  }

  /** What it registered was let go when it failed. */
  abort(): void {}

  complete(io: Operation): void {
    if (io.scratch === UMEM_NONE) return
    this.umems.releaseAll(io, io.scratch, this.holds[io.scratch] as Hold)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(UMEM_COUNTERS, this.counts)
  }

  /** A work request over memory that `io.registration` names; the lane looked that it lies inside. */
  private submitRegistered(io: Operation): number {
    const { umems, registered } = this
    const { segment, countBytes } = io.iter
    const first = registered[io.registration]
    if (!this.mayReach(io, first)) return EFAULT
    tellReach(io, umems.table, umems.lists, first, segment)
    io.iter.advance(countBytes)
    return this.post(io, segment)
  }

  private submitTransient(io: Operation): number {
    const { umems } = this
    const { segment } = io.iter
    const first = umems.getAll(io, this.isWritable(io))
    if (first < 0) return first
    if (!this.mayReach(io, first)) {
      umems.releaseAll(io, first, io.hold)
      return EFAULT
    }
    for (let row = first; row !== UMEM_NONE; row = umems.table.next[row]) this.counts[TRANSIENT]++
    this.keep(io, first)
    tellReach(io, umems.table, umems.lists, first, segment)
    return this.post(io, segment)
  }

  private keep(io: Operation, first: number): void {
    while (first >= this.holds.length) this.holds = grown(this.holds, 2 * this.holds.length)
    this.holds[first] = io.hold
    io.keep(io.hold)
    io.scratch = first
  }

  /** An element for each segment that has bytes, as many in a work request as the device takes. @kernel ib_post_send, ib_post_recv */
  private post(io: Operation, firstSegment: number): number {
    const { counts, device } = this
    const { iter, lengthBytes } = io
    const { lengthBytes: lengths } = iter.table
    let sges = 0
    let left = lengthBytes
    for (let segment = firstSegment; left > 0; segment++) {
      if (lengths[segment] > 0) sges++
      left -= lengths[segment]
    }
    const isRead = iter.direction === ITER_DEST
    const sgesMax = isRead ? Math.min(device.maxSendSge, device.maxSgeRd) : device.maxSendSge
    counts[SGES] += sges
    counts[WORK_REQUESTS] += Math.ceil(sges / sgesMax)
    io.built(sges, IB_SGE_BYTES)
    io.reachedInPlace(lengthBytes)
    return lengthBytes
  }

  private isWritable(io: Operation): boolean {
    return this.access === ACCESS_DIRECTION ? io.iter.direction === ITER_DEST : this.access !== ACCESS_READ
  }

  /** The device may do to the memory what the operation asks. @kernel include/rdma/ib_verbs.h: IB_WC_LOC_PROT_ERR, which has no errno */
  private mayReach(io: Operation, first: number): boolean {
    if (io.iter.direction !== ITER_DEST || this.umems.table.writable[first] === 1) return true
    this.counts[PROTECTION_ERRORS]++
    return false
  }
}
