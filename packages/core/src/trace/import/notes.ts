import { IMPORT_NOTES_MAX } from '../limits.ts'
import type { SkippedLines } from './import-report.ts'

const OTHERS = 'other reasons'

/** What an importer has to say about its file besides rows. Bounded: what comes beyond is counted together. */
export class Notes {
  private readonly skipped = new Map<string, { count: number; firstLine: number }>()
  private readonly assumptions = new Set<string>()
  private readonly doubts = new Set<string>()

  skip(reason: string, line: number): void {
    const known = this.skipped.get(reason)
    if (known !== undefined) known.count++
    else if (this.skipped.size < IMPORT_NOTES_MAX || reason === OTHERS) {
      this.skipped.set(reason, { count: 1, firstLine: line })
    } else this.skip(OTHERS, line)
  }

  assume(sentence: string): void {
    if (this.assumptions.size < IMPORT_NOTES_MAX) this.assumptions.add(sentence)
  }

  doubt(sentence: string): void {
    if (this.doubts.size < IMPORT_NOTES_MAX) this.doubts.add(sentence)
  }

  /** Most frequent first. */
  skippedLines(): SkippedLines[] {
    return [...this.skipped].map(([reason, found]) => ({ reason, ...found })).sort((a, b) => b.count - a.count)
  }

  allAssumptions(): string[] {
    return [...this.assumptions]
  }

  allDoubts(): string[] {
    return [...this.doubts]
  }
}
