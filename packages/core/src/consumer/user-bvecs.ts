import { EIO, ENOMEM } from '../errno.ts'
import { ITER_BVEC } from '../iter/iter-type.ts'
import { SegmentTable } from '../iter/segment-table.ts'
import { HOLD_NONE, type Hold } from '../ledger/hold.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { BIO_VEC_BYTES } from '../units.ts'
import type { Operation } from './operation.ts'

const NPAGES_MAX = 0x7fffffff

/**
 * User memory made into bvecs: a bvec a page (under the policy folio one a run of a folio), never merged, held as the lane's
 * policy says until the operation is over.
 * @kernel fs/netfs/iterator.c: netfs_extract_user_iter (6.12, 6.18, mainline)
 */
export class UserBvecs {
  /** Bytes of the array of the last extraction: room for every page that the iterator seemed to have. */
  arrayBytes = 0
  /** The bvecs of the last extraction. */
  readonly table = new SegmentTable()
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /**
   * Makes the operation's iterator one over bvecs, and gives the hold to `io.keep`. Memory that cannot be had ends it
   * there; an error, with nothing left, only where that is the first page, or for -ENOMEM. Returns the bytes, or the errno.
   */
  extract(io: Operation): number {
    const { iter } = io
    const { table } = this
    const { countBytes, direction } = iter
    table.clear()
    this.arrayBytes = BIO_VEC_BYTES * iter.npages(NPAGES_MAX)
    if (!io.allocate(this.arrayBytes)) return ENOMEM
    let hold: Hold = HOLD_NONE
    let pages = 0
    let error = 0
    while (iter.countBytes > 0 && pages * BIO_VEC_BYTES < this.arrayBytes) {
      const bytes = io.extract(this.arrayBytes / BIO_VEC_BYTES - pages, iter.countBytes)
      if (bytes <= 0) {
        error = bytes === 0 ? EIO : bytes
        break
      }
      hold = this.ledger.join(hold, io.hold)
      this.list(io)
      pages += io.list.pages
    }
    if (error < 0 && (error === ENOMEM || pages === 0)) {
      this.ledger.letGo(hold)
      io.free(this.arrayBytes)
      return error
    }
    io.keep(hold)
    const done = countBytes - iter.countBytes
    iter.reset(ITER_BVEC, direction, table, 0, table.length, done)
    iter.byRow = true
    io.built(table.length, BIO_VEC_BYTES)
    return done
  }

  private list({ list }: Operation): void {
    for (let i = 0; i < list.length; i++) this.table.push(list.page[i], list.offsetBytes[i], list.lengthBytes[i])
  }
}
