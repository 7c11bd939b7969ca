import type { ByteWindow } from '../byte-window.ts'

/** Reads lines of the common form: in TypeScript, or its twin in WebAssembly. */
export interface RowScanner {
  /** After {@link scan}: position of the first line that was not read. */
  readonly next: number
  /** Where each row's line begins in the window. */
  readonly lineAt: Int32Array
  /** For each text cell of the plan: where it begins in each row, or {@link TEXT_EMPTY}. */
  readonly textAt: readonly Int32Array[]
  /**
   * Reads the whole lines of the window, the first of which is number `line`, until one is not of the common form or the
   * batch is full, and adds them to it. `clockNs`: `ts` of the row before, in element 0, and then of the last one.
   */
  scan(window: ByteWindow, line: number, clockNs: Float64Array): void
}

/** {@link RowScanner.textAt} of an empty cell. */
export const TEXT_EMPTY = -1
