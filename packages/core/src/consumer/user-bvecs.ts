import { EIO, ENOMEM } from '../errno.ts'
import type { ExtractionPolicy } from '../extract/policy.ts'
import { ITER_BVEC } from '../iter/iter-type.ts'
import { SegmentTable } from '../iter/segment-table.ts'
import { HOLD_NONE, type Hold } from '../ledger/hold.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { BIO_VEC_BYTES } from '../units.ts'
import type { Operation } from './operation.ts'

const NPAGES_MAX = 0x7fffffff

/**
 * User memory made into bvecs: a bvec a page (under the policy folio one a run of a folio), never merged, held as the policy
 * says.
 * @kernel fs/netfs/iterator.c: netfs_extract_user_iter (6.12, 6.18, mainline)
 */
export class UserBvecs {
  /** Bytes of the array of the last extraction: room for every page that the iterator seemed to have. */
  arrayBytes = 0
  /** What the last extraction took: the caller's to keep, or to let go. */
  hold: Hold = HOLD_NONE
  /** The bvecs of the last extraction. */
  readonly table = new SegmentTable()
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /**
   * Makes the operation's iterator one over bvecs. Memory that cannot be had ends it there; an error, with nothing left,
   * only where that is the first page, or for -ENOMEM. `policy`: another than the lane's. Returns the bytes, or the errno.
   */
  extract(io: Operation, policy: ExtractionPolicy = io.policy): number {
    const { iter } = io
    const { table } = this
    const { countBytes, direction } = iter
    table.clear()
    this.arrayBytes = BIO_VEC_BYTES * iter.npages(NPAGES_MAX)
    if (!io.allocate(this.arrayBytes)) return ENOMEM
    this.hold = HOLD_NONE
    let pages = 0
    let error = 0
    while (iter.countBytes > 0 && pages * BIO_VEC_BYTES < this.arrayBytes) {
      const bytes = io.extract(this.arrayBytes / BIO_VEC_BYTES - pages, iter.countBytes, 0, policy)
      if (bytes <= 0) {
        error = bytes === 0 ? EIO : bytes
        break
      }
      this.hold = this.ledger.join(this.hold, io.hold)
      this.list(io)
      pages += io.list.pages
    }
    if (error < 0 && (error === ENOMEM || pages === 0)) {
      this.ledger.letGo(this.hold)
      this.hold = HOLD_NONE
      io.free(this.arrayBytes)
      return error
    }
    const done = countBytes - iter.countBytes
    iter.reset(ITER_BVEC, direction, table, 0, table.length, done)
    iter.byRow = true
    return done
  }

  private list({ list }: Operation): void {
    for (let i = 0; i < list.length; i++) this.table.push(list.page[i], list.offsetBytes[i], list.lengthBytes[i])
  }
}
