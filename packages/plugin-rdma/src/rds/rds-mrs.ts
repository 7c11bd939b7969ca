import {
  EBUSY,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOMEM,
  EOPNOTSUPP,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  isUserBacked,
  type Operation,
  PAGE_SIZE,
  type Pinned,
  POINTER_BYTES,
  RETAIN_REF,
  SCATTERLIST_BYTES,
} from '@pinscope/core'
import { MRS, MRS_REFUSED } from './rds-counters.ts'
import { RDS_MAX_MSG_SIZE, RDS_MR_BYTES } from './rds-sizes.ts'

const FOLL = FOLL_WRITE | FOLL_LONGTERM

/**
 * Memory that the peer may read and write: setsockopt(RDS_GET_MR, RDS_GET_MR_FOR_DEST), or the control message
 * RDS_CMSG_RDMA_MAP of a message.
 *
 * TCP and loopback have no such thing. IB pins the pages, writable and for long, and then finds that registering needs a
 * connection, which only the control message names: the calls fail in every version, with the pages pinned and unpinned.
 *
 * Freeing is taken as with RDS_RDMA_INVALIDATE, at once; without it the pages stay pinned until the pool of regions is
 * flushed. A page that only on-demand paging could have (a file on a DAX device) is refused, as a device without it does.
 *
 * @kernel net/rds/rdma.c: __rds_rdma_map, rds_pin_pages, rds_free_mr; net/rds/ib_frmr.c: rds_ib_reg_frmr, rds_ib_map_frmr
 */
export class RdsMrs {
  private readonly hasMrs: boolean
  private readonly hasConnection: boolean
  private readonly putsPages: boolean
  private readonly counts: Float64Array

  /** `hasMrs`: the transport registers. `hasConnection`: a message names it. `putsPages`: quirk rds-mr-put-page. */
  constructor(hasMrs: boolean, hasConnection: boolean, putsPages: boolean, counts: Float64Array) {
    this.hasMrs = hasMrs
    this.hasConnection = hasConnection
    this.putsPages = putsPages
    this.counts = counts
  }

  /** 0 with the pins in `io.hold`, or an errno with nothing held. */
  register(io: Operation): number {
    const result = this.map(io)
    this.counts[result < 0 ? MRS_REFUSED : MRS]++
    return result
  }

  /** @kernel net/rds/ib_rdma.c: __rds_ib_teardown_mr */
  unregister(io: Operation): void {
    const { ledger, hold } = io
    const pages = ledger.entriesHeld(hold)
    io.unmapDma(pages)
    io.free(pages * SCATTERLIST_BYTES)
    io.free(RDS_MR_BYTES)
    if (this.putsPages) ledger.release(hold, RETAIN_REF)
    else ledger.unpinDirty(hold as Pinned)
  }

  private map(io: Operation): number {
    const { iter } = io
    if (!this.hasMrs) return EOPNOTSUPP
    const pages = iter.npages(RDS_MAX_MSG_SIZE)
    if (pages === 0 || iter.segmentsLeft > 1 || !isUserBacked(iter.type)) return EINVAL
    // A region that does not begin with a page may have one more.
    if (!io.fits(pages - 1, RDS_MAX_MSG_SIZE / PAGE_SIZE)) return EMSGSIZE
    if (!io.allocate(pages * POINTER_BYTES)) return ENOMEM
    const result = this.mapPages(io, pages)
    io.free(pages * POINTER_BYTES)
    return result
  }

  private mapPages(io: Operation, pages: number): number {
    if (!io.allocate(RDS_MR_BYTES)) return ENOMEM
    let error = pinPages(io, pages)
    if (error === 0) {
      io.built(pages, POINTER_BYTES)
      error = this.mapList(io, pages)
    }
    if (error < 0) io.free(RDS_MR_BYTES)
    return error
  }

  /** Every page is pinned: an entry for each, mapped, and the list of a region filled from it. */
  private mapList(io: Operation, pages: number): number {
    let error = ENOMEM
    if (io.allocate(pages * SCATTERLIST_BYTES)) {
      io.built(pages, SCATTERLIST_BYTES)
      if (!this.hasConnection) error = EOPNOTSUPP
      else error = io.mapDma(pages) ? 0 : EBUSY
      if (error < 0) io.free(pages * SCATTERLIST_BYTES)
    }
    if (error === 0) {
      // The page list of the region itself. @kernel rds_ib_post_reg_frmr (ib_map_mr_sg_zbva)
      io.built(pages, POINTER_BYTES)
      return 0
    }
    io.ledger.letGo(io.hold)
    io.hold = HOLD_NONE
    return error
  }
}

/** All pages are pinned, in one call, or none. @kernel net/rds/rdma.c: rds_pin_pages */
function pinPages(io: Operation, pages: number): number {
  const { iter } = io
  const pinned = io.pinPages(iter.mm, iter.table.addressBytes, iter.segment, iter.iovOffsetBytes, pages, FOLL)
  if (pinned < 0 || pinned === pages) return Math.min(pinned, 0)
  io.ledger.letGo(io.hold)
  io.hold = HOLD_NONE
  return EFAULT
}
