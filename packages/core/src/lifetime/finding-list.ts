import { FINDINGS_LISTED_MAX, type Finding } from './finding.ts'
import type { HazardRule } from './rule.ts'

/** What tells a finding from others, and its pages. */
export type CountedFinding = Pick<Finding, 'rule' | 'verdict' | 'row' | 'detail' | 'pages'>

/**
 * The findings of a lane. All are counted; of each rule the first {@link FINDINGS_LISTED_MAX} of each verdict are kept, so
 * that one that is broken everywhere hides no other, and mild findings no bad one of the same rule. The same finding (rule, row and detail) is one, with the pages of all.
 */
export class FindingList {
  readonly listed: Finding[] = []
  /** Findings in all, listed or not, by rule. */
  readonly counts = new Map<HazardRule, number>()
  private readonly countsByVerdict = new Map<string, number>()
  private readonly byKey = new Map<string, Finding>()
  /** Those that are only counted, as long as the same may come again: forgotten in a later row, when they are many. */
  private readonly unlisted = new Set<string>()
  private unlistedRow = 0

  /**
   * Counts a finding about `row`, told in row `rowAtWork`, or adds its pages to the one that it is the same as. True: it
   * is new and among the first of its rule and verdict, and is to be {@link list}ed.
   */
  count({ rule, verdict, row, detail, pages }: CountedFinding, rowAtWork: number): boolean {
    const key = keyOf(rule, row, detail)
    const same = this.byKey.get(key)
    if (same !== undefined) {
      same.pages += pages
      return false
    }
    this.forget(rowAtWork)
    if (this.unlisted.has(key)) return false
    this.counts.set(rule, (this.counts.get(rule) ?? 0) + 1)
    const kind = `${rule.id} ${verdict}`
    const count = (this.countsByVerdict.get(kind) ?? 0) + 1
    this.countsByVerdict.set(kind, count)
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
