import { ITER_UBUF } from '../../iter/iter-type.ts'
import type { ByteWindow } from '../byte-window.ts'
import { EVENT_IO } from '../op-batch.ts'
import type { RowReader } from '../row-reader.ts'
import { LineScanner } from './line-scanner.ts'
import type { RowScanner } from './row-scanner.ts'
import type { ScanMemory } from './scan-memory.ts'
import type { ScanPlan } from './scan-plan.ts'
import { TextCells } from './text-cells.ts'
import { WasmScanner } from './wasm-scanner.ts'

/** Where common lines are few, this many others are read at most before the next is looked for. */
const PASSED_MAX = 64
/** A run of common lines that is worth looking for. */
const RUN_MIN = 4

/**
 * Reads the rows of the common form at the start of the window: an operation on one buffer, in plain cells. All other rows
 * are the exact reader's, and so is every error.
 */
export class CommonRows {
  private readonly rows: RowReader
  private readonly memory: ScanMemory | null
  private readonly inWasm: RowScanner | null
  private readonly inScript: RowScanner
  private readonly texts: TextCells
  /** Lines that the exact reader reads before the next are scanned, and how many it was the last time. */
  private passing = 0
  private passed = 0

  /** `memory`: where the columns of `rows` lie, where they can be scanned in WebAssembly. */
  constructor(plan: ScanPlan, rows: RowReader, memory: ScanMemory | null) {
    this.rows = rows
    this.memory = memory
    this.inWasm = memory === null ? null : new WasmScanner(memory, plan, rows.cells)
    this.inScript = new LineScanner(plan, rows.cells)
    this.texts = new TextCells(plan.texts, rows.cells)
  }

  /** Adds rows to the batch and moves the window behind them. `line`: that of the first. Returns how many it added. */
  read(window: ByteWindow, line: number): number {
    if (this.passing > 0) {
      this.passing--
      return 0
    }
    const { batch } = this.rows.cells
    const { clockNs } = this.rows.rules
    const first = batch.length
    const firstSegment = batch.segments.length
    const beforeNs = clockNs[0]!
    const scanner = this.inWasm !== null && this.memory!.holds(window) ? this.inWasm : this.inScript
    scanner.scan(window, line, clockNs)
    window.start = scanner.next
    const end = this.texts.read(window.bytes, first, scanner)
    if (end < batch.length) {
      // The rest is for the exact reader, as if it had not been read.
      window.start = scanner.lineAt[end]!
      batch.length = end
      batch.segments.length = batch.segmentFirst[end]!
      clockNs[0] = end > first ? batch.tsNs[end - 1]! : beforeNs
    }
    this.fillIn(first, firstSegment)
    this.passed = end - first >= RUN_MIN ? 0 : Math.min(2 * this.passed + 1, PASSED_MAX)
    this.passing = this.passed
    return end - first
  }

  /** Fills in what is the same in every such row. */
  private fillIn(first: number, firstSegment: number): void {
    const { batch } = this.rows.cells
    batch.event.fill(EVENT_IO, first, batch.length)
    batch.iterType.fill(ITER_UBUF, first, batch.length)
    batch.backing.fill(0, first, batch.length)
    batch.segmentCount.fill(1, first, batch.length)
    batch.segments.offsetBytes.fill(0, firstSegment, batch.segments.length)
  }
}
