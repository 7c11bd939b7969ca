import type { ImportRow } from '../import/import-row.ts'
import { NONE } from '../op-batch.ts'

/** How often a layout gives the number of scatter-gather elements that was recorded. */
export class SgTally {
  private same = 0
  /** Recorded with fewer elements than the layout gives, and with more. */
  private fewer = 0
  private more = 0
  /** Line, or record, of the first that differs. */
  private firstLine = 0

  /** `elements`: what the layout gave the row's buffers. */
  add(row: ImportRow, elements: number): void {
    if (row.sgElements === NONE) return
    if (row.sgElements === elements) {
      this.same++
      return
    }
    if (row.sgElements < elements) this.fewer++
    else this.more++
    if (this.firstLine === 0) this.firstLine = row.line
  }

  /** For the report of an import: a sentence, where counts were recorded. */
  sentences(layout: string): string[] {
    const { same, fewer, more } = this
    const operations = same + fewer + more
    if (operations === 0) return []
    const agreed = `layout ${layout} gives ${same} of ${operations} operations as many scatter-gather elements as were recorded`
    if (same === operations) return [agreed]
    const rest = `${fewer} were recorded with fewer, ${more} with more (first at record ${this.firstLine})`
    if (layout === 'nsg') return [`${agreed}; ${rest}, for which no buffer was found: taken as aligned`]
    return [`${agreed}; ${rest}: --layout nsg fits them`]
  }
}
