/** What goes wrong with an iterator itself: undefined behaviour or a WARN in the kernel. */
export type IterRule = 'wrong-direction' | 'revert-past-start' | 'advance-past-pipe' | 'count-wrapped'

/** Told of it, with the row at work: the ledger, through `IterViolations`. */
export interface IterReport {
  /** Records a broken rule. */
  iterViolation(rule: IterRule): void
}
