import { RETAIN_NONE } from '../extract/retention.ts'
import type { IterReport, IterRule } from '../iter/iter-report.ts'
import type { Ledger } from './ledger.ts'

/** What an iterator does wrong becomes a violation of the row at work. */
export class IterViolations implements IterReport {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** Records a broken rule. */
  iterViolation(rule: IterRule): void {
    this.ledger.violate(rule, 0, RETAIN_NONE, RETAIN_NONE, 0, DETAILS[rule])
  }
}

const DETAILS: Readonly<Record<IterRule, string>> = {
  'wrong-direction': 'data was copied against the direction of the iterator',
  'revert-past-start':
    'the iterator was reverted past its start: memory corruption in the kernel, a BUG for ubuf and xarray',
  'advance-past-pipe': 'the iterator was advanced over more than was put into the pipe: the kernel walks stale buffers',
  'count-wrapped': 'more was taken out of the iterator than it had left: its count wraps in the kernel',
}
