import { FINDINGS_LISTED_MAX, type Finding } from './finding.ts'
import type { HazardRule } from './rule.ts'

/**
 * The findings of a lane. All are counted; of each rule the first {@link FINDINGS_LISTED_MAX} are kept, so that a rule
 * that is broken everywhere hides no other. The same finding (rule, row and detail) is one, with the pages of all.
 */
export class FindingList {
  readonly listed: Finding[] = []
  /** Findings in all, listed or not, by rule. */
  readonly counts = new Map<HazardRule, number>()
  private readonly byKey = new Map<string, Finding>()
  /** Those that are only counted, as long as the same may come again: forgotten in a later row, when they are many. */
  private readonly unlisted = new Set<string>()
  private unlistedRow = 0

  /**
   * Counts a finding about `row`, told in row `rowAtWork`, or adds its pages to the one that it is the same as. True: it
   * is new and among the first of its rule, and is to be {@link list}ed.
   */
  count(rule: HazardRule, row: number, detail: string, pages: number, rowAtWork: number): boolean {
    const key = keyOf(rule, row, detail)
    const same = this.byKey.get(key)
    if (same !== undefined) {
      same.pages += pages
      return false
    }
    this.forget(rowAtWork)
    if (this.unlisted.has(key)) return false
    const count = (this.counts.get(rule) ?? 0) + 1
    this.counts.set(rule, count)
    if (count > FINDINGS_LISTED_MAX) this.unlisted.add(key)
    return count <= FINDINGS_LISTED_MAX
  }

  /** Keeps a finding that {@link count} asked for. */
  list(finding: Finding): void {
    this.listed.push(finding)
    this.byKey.set(keyOf(finding.rule, finding.row, finding.detail), finding)
  }

  /** One row tells of no more than there are pages and references; over rows, only the last ones are remembered. */
  private forget(rowAtWork: number): void {
    if (rowAtWork === this.unlistedRow) return
    this.unlistedRow = rowAtWork
    if (this.unlisted.size >= FINDINGS_LISTED_MAX) this.unlisted.clear()
  }
}

function keyOf(rule: HazardRule, row: number, detail: string): string {
  return `${rule.id} ${row} ${detail}`
}
