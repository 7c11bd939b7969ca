import type { ByteWindow } from '../byte-window.ts'
import type { CellReader } from '../cells.ts'
import { COLUMN_END, COLUMN_LEN } from '../columns.ts'
import { BATCH_ROWS_MAX } from '../op-batch.ts'
import type { RowScanner } from './row-scanner.ts'
import type { ScanMemory } from './scan-memory.ts'
import { CELL_DEFAULT, CELL_TEXT, defaultWord, emptyOf, numberColumn, type ScanPlan } from './scan-plan.ts'

/** {@link LineScanner} in WebAssembly (packages/scan): it does the same, several times as fast. */
export class WasmScanner implements RowScanner {
  readonly lineAt: Int32Array
  readonly textAt: readonly Int32Array[]
  private readonly memory: ScanMemory
  private readonly cells: number
  private readonly clockNs: Float64Array

  /** `cells` are those of the memory's batch. */
  constructor(memory: ScanMemory, plan: ScanPlan, cells: CellReader) {
    const { wasm } = memory
    const { buffer } = wasm.memory
    const textAt = (text: number) => wasm.TEXT_AT.value + text * BATCH_ROWS_MAX * Int32Array.BYTES_PER_ELEMENT
    this.memory = memory
    this.cells = plan.codes.length
    this.lineAt = new Int32Array(buffer, wasm.LINE_AT.value, BATCH_ROWS_MAX)
    this.textAt = plan.texts.map((_, text) => new Int32Array(buffer, textAt(text), BATCH_ROWS_MAX))
    this.clockNs = new Float64Array(buffer, wasm.CLOCK_NS.value, 1)
    writePlan(memory, plan, (cell) => {
      const code = plan.codes[cell]!
      const column = plan.kinds[cell] === CELL_TEXT ? this.textAt[plan.texts.indexOf(code)] : numberColumn(code, cells)
      return column?.byteOffset ?? 0
    })
  }

  get next(): number {
    return this.memory.wasm.next.value
  }

  scan(window: ByteWindow, line: number, clockNs: Float64Array): void {
    const { batch, wasm } = this.memory
    const { segments } = batch
    const first = batch.length
    const room = Math.min(BATCH_ROWS_MAX - first, segments.addressBytes.length - segments.length)
    this.clockNs[0] = clockNs[0]!
    const { start, linesEnd } = window
    batch.length = wasm.scan(start, linesEnd, line, first, first + room, segments.length, this.cells)
    segments.length += batch.length - first
    clockNs[0] = this.clockNs[0]!
  }
}

/** `columnAt`: where the column of a cell lies. */
function writePlan({ wasm }: ScanMemory, { codes, kinds }: ScanPlan, columnAt: (cell: number) => number): void {
  const bytes = new Uint8Array(wasm.memory.buffer)
  const columns = new Uint32Array(wasm.memory.buffer, wasm.COLUMN_AT.value, codes.length)
  const empties = new Float64Array(wasm.memory.buffer, wasm.EMPTIES.value, codes.length)
  codes.forEach((code, cell) => {
    const word = defaultWord(code)
    const wordAt = wasm.WORDS.value + cell * wasm.WORD_BYTES.value
    bytes[wordAt] = word.length
    new TextEncoder().encodeInto(word, bytes.subarray(wordAt + 1))
    bytes[wasm.KINDS.value + cell] = kinds[cell]!
    columns[cell] = kinds[cell] === CELL_DEFAULT ? wordAt : columnAt(cell)
    empties[cell] = emptyOf(code)
  })
  bytes[wasm.HAS_END.value] = codes.includes(COLUMN_END) ? 1 : 0
  bytes[wasm.HAS_LENGTH.value] = codes.includes(COLUMN_LEN) ? 1 : 0
}
