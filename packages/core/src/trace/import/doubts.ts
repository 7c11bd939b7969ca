import { ColumnsHint } from './doubts/columns-hint.ts'
import { DirectionDoubts } from './doubts/direction-doubts.ts'
import { SizeDoubts } from './doubts/size-doubts.ts'
import { TimeDoubts } from './doubts/time-doubts.ts'
import type { ImportRow } from './import-row.ts'

/** What looks wrong in a file as a whole: a direction that seems inverted, a unit that seems another. Memory is bounded. */
export class Doubts {
  private readonly times = new TimeDoubts()
  private readonly directions = new DirectionDoubts()
  private sizes: SizeDoubts | null = null
  private hint: ColumnsHint | null = null

  /**
   * Units and directions of this file rest on what somebody said, the user or the description of a data set: they are looked at
   * more closely. `columns`: how `--columns` would read the same, which a doubt advises to change. Before the first row.
   */
  mayBeMisread(columns: string): void {
    this.hint = new ColumnsHint(columns)
    this.sizes = new SizeDoubts()
    if (this.hint.isOpNumeric) this.directions.watchRanges()
  }

  /** An io row. */
  add(row: ImportRow): void {
    this.times.add(row)
    this.directions.add(row)
    if (this.sizes !== null) this.sizes.add(row)
  }

  /** One for each doubt: what was seen, and what to try. */
  sentences(): string[] {
    const { hint, sizes } = this
    const size = hint === null || sizes === null ? null : sizes.sentence(hint)
    return [...this.directions.sentences(hint), ...this.times.sentences(hint), ...(size === null ? [] : [size])]
  }
}
