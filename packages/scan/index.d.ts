/** A number that the module names, or a place in its memory. */
export interface ScanGlobal {
  readonly value: number
}

/** Where a column of the batch lies, by its name there: as many elements as the batch has rows. */
export type ScanColumn =
  | 'LINE'
  | 'TS_NS'
  | 'END_NS'
  | 'OFFSET_BYTES'
  | 'LENGTH_BYTES'
  | 'RESULT_BYTES'
  | 'SEGMENT_FIRST'
  | 'MM'
  | 'PINS_ACQUIRED'
  | 'PINS_RELEASED'
  | 'DIRECTION'
  | 'LINE_AT'
  | 'TEXT_AT'
  | 'SEGMENT_ADDRESS_BYTES'
  | 'SEGMENT_OFFSET_BYTES'
  | 'SEGMENT_LENGTH_BYTES'
  | 'WINDOW'

/** Where a part of the plan lies: what a line looks like. */
export type ScanPlanPart = 'KINDS' | 'COLUMN_AT' | 'EMPTIES' | 'WORDS' | 'HAS_END' | 'HAS_LENGTH' | 'CLOCK_NS'

/** Sizes. */
export type ScanSize = 'ROWS_MAX' | 'SEGMENTS_MAX' | 'WINDOW_BYTES' | 'WORD_BYTES'

/** What an instance of the module has. Its memory never grows. */
export interface ScanExports extends Readonly<Record<ScanColumn | ScanPlanPart | ScanSize, ScanGlobal>> {
  readonly memory: { readonly buffer: ArrayBuffer }
  /** Position in the window of the first line that the last scan did not read. */
  readonly next: ScanGlobal
  /**
   * Reads lines of the common form from the window's `[start, linesEnd)` into rows and segments; `line` is the number of the
   * first, `cells` how many each has. Returns the row behind the last.
   */
  scan(
    start: number,
    linesEnd: number,
    line: number,
    firstRow: number,
    rowsEnd: number,
    firstSegment: number,
    cells: number,
  ): number
}

/** A new instance, with a memory of its own. Throws where the machine cannot run it. */
export function instantiate(): ScanExports
