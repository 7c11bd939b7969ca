import { RETAIN_NONE, RETAIN_PIN } from '../extract/retention.ts'
import type { Ledger } from '../ledger/ledger.ts'

/**
 * What goes wrong while a list is built: undefined behaviour or a WARN in the kernel. (That a folio queue gives more than
 * the iterator's count is the iterator's own `count-wrapped`.)
 *
 * - `queue-end`: a folio queue ended before the iterator's count did.
 * - `no-page`: a slot of a folio queue without a folio, or a kernel address without a page, became an entry.
 * - `foreign-entry`: the page cache has a value entry or a hugetlb folio there.
 * - `past-table`: entries are written behind the table, because no entry at all was allowed.
 * - `entry-overwritten`: the temporary page array lay over an entry in use.
 * - `unpin-unpinned`: an entry whose page has no pin is unpinned after a failure.
 */
export type SgRule = 'queue-end' | 'no-page' | 'foreign-entry' | 'past-table' | 'entry-overwritten' | 'unpin-unpinned'

/** Told of it, with the row at work. */
export interface SgReport {
  /** One thing went wrong. */
  sgViolation(rule: SgRule): void
}

/** What goes wrong with a list becomes a violation of the row at work. */
export class SgViolations implements SgReport {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** Records it with the row at work. */
  sgViolation(rule: SgRule): void {
    if (rule === 'unpin-unpinned') {
      this.ledger.violate('unknown-release', 0, RETAIN_NONE, RETAIN_PIN, 1, DETAILS[rule])
    } else if (rule === 'past-table' || rule === 'entry-overwritten') {
      this.ledger.violate('beyond-table', 0, RETAIN_NONE, RETAIN_NONE, 0, DETAILS[rule])
    } else {
      this.ledger.violate('wrong-data', 0, RETAIN_NONE, RETAIN_NONE, 0, DETAILS[rule])
    }
  }
}

const DETAILS: Readonly<Record<SgRule, string>> = {
  'queue-end': 'the folio queue ended before the iterator did: a WARN in extract_folioq_to_sg',
  'no-page': 'a scatterlist entry was made without a page',
  'foreign-entry': 'the page cache holds a value entry or a hugetlb folio there: a WARN in extract_xarray_to_sg',
  'past-table': 'extract_iter_to_sg was called with sg_max 0: the kernel writes entries behind the table',
  'entry-overwritten': 'the temporary page array of extract_user_to_sg lay over scatterlist entries in use',
  'unpin-unpinned': 'extract_user_to_sg failed and unpinned an entry that was not pinned',
}
