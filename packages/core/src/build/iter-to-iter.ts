import { EIO, ENOMEM } from '../errno.ts'
import { extractPages } from '../extract/extract-pages.ts'
import { PAGE_LIST_MAX, PageList } from '../extract/page-list.ts'
import type { ExtractionPolicy } from '../extract/policy.ts'
import { RETENTION_NAMES } from '../extract/retention.ts'
import { invariant } from '../invariant.ts'
import { IovIter } from '../iter/iov-iter.ts'
import { ITER_BVEC, ITER_PIPE, isUserBacked } from '../iter/iter-type.ts'
import { SegmentTable } from '../iter/segment-table.ts'
import { HOLD_NONE, type Hold, isHold, isPinned, isReferenced, retentionOf } from '../ledger/hold.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Memory } from '../memory/memory.ts'

/** What whoever asked for the new iterator must do when the I/O is done. @kernel include/linux/uio.h: iov_iter_extract_will_pin */
export type IterCleanup = 'unpin' | 'put' | 'nothing'

/**
 * An iterator made out of a part of another one, that outlives it: for I/O that goes on after the caller's iterator is
 * gone. Reused: {@link extractIterToIter} fills it.
 *
 * Out of user memory it is a BVEC iterator over the pages, and {@link hold} is what was taken on them. Out of kernel
 * memory it is a shallow copy, with a copied array where there is one: nothing is taken, and whoever made the original
 * keeps the pages alive. A further iov_iter_extract_pages() of either takes nothing: no page is pinned twice.
 *
 * @kernel fs/netfs/iterator.c: netfs_extract_user_iter; fs/netfs/direct_read.c: the shallow copy of kernel iterators
 */
export class ExtractedIter {
  readonly iter = new IovIter()
  /** Segments of the new iterator. */
  readonly table = new SegmentTable()
  hold: Hold = HOLD_NONE
  readonly list = new PageList()

  /** How {@link hold} is let go; 'nothing' for kernel memory. @kernel include/linux/uio.h: iov_iter_extract_will_pin */
  get cleanup(): IterCleanup {
    const name = RETENTION_NAMES[retentionOf(this.hold)]
    return name === 'pin' ? 'unpin' : name === 'ref' ? 'put' : 'nothing'
  }

  /** Does what {@link cleanup} says. */
  letGo(ledger: Ledger): void {
    if (isPinned(this.hold)) ledger.unpin(this.hold)
    else if (isReferenced(this.hold)) ledger.put(this.hold)
    this.hold = HOLD_NONE
  }
}

/**
 * Makes an iterator out of the next `bytesMax` bytes of another, which is advanced over them; at most `segmentsMax`
 * bvecs out of user memory, one for each page piece. Returns the bytes. When a page cannot be had, what came before it
 * is the result; an errno only when nothing did, or with -ENOMEM, which lets go of
 * everything. With an errno nothing is held.
 *
 * @kernel fs/netfs/iterator.c: netfs_extract_user_iter (user memory only: it warns and returns -EIO for every other type)
 */
export function extractIterToIter(
  from: IovIter,
  memory: Memory,
  ledger: Ledger,
  policy: ExtractionPolicy,
  bytesMax: number,
  segmentsMax: number,
  into: ExtractedIter,
): number {
  invariant(into.hold === HOLD_NONE, 'the extracted iterator still holds pages of an earlier extraction')
  into.table.clear()
  into.iter.resetDiscard(0)
  if (from.type === ITER_PIPE) return EIO
  if (from.countBytes === 0) return 0
  if (isUserBacked(from.type)) return extractUserPages(from, memory, ledger, policy, bytesMax, segmentsMax, into)
  const bytes = Math.min(bytesMax, from.countBytes)
  into.iter.dup(from, into.table)
  into.iter.truncate(bytes)
  from.advance(bytes)
  return bytes
}

function extractUserPages(
  from: IovIter,
  memory: Memory,
  ledger: Ledger,
  policy: ExtractionPolicy,
  bytesMax: number,
  segmentsMax: number,
  into: ExtractedIter,
): number {
  const { list, table } = into
  let bytes = 0
  let error = 0
  while (bytes < bytesMax && table.length < segmentsMax) {
    const pagesMax = Math.min(segmentsMax - table.length, PAGE_LIST_MAX)
    const listed = extractPages(from, policy, memory, list, pagesMax, bytesMax - bytes)
    error = listed < 0 ? listed : EIO
    if (listed <= 0) break
    const hold = ledger.acquire(list)
    if (!isHold(hold)) {
      from.revert(listed)
      into.letGo(ledger)
      return ENOMEM
    }
    into.hold = ledger.join(into.hold, hold)
    for (let i = 0; i < list.length; i++) table.push(list.page[i], list.offsetBytes[i], list.lengthBytes[i])
    bytes += listed
  }
  if (bytes === 0) return error
  into.iter.reset(ITER_BVEC, from.direction, table, 0, table.length, bytes)
  into.iter.byRow = true
  into.iter.kernel = from.kernel
  into.iter.report = from.report
  return bytes
}
