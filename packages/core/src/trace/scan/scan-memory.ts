import type { ScanExports } from '@pinscope/scan'
import type { ByteWindow } from '../byte-window.ts'
import { BATCH_ROWS_MAX, OpBatch } from '../op-batch.ts'

/**
 * Memory of the line scanner in WebAssembly, which reaches no other. The window and the columns that it writes lie here, and
 * whoever else reads or writes them finds them as they would be anywhere.
 */
export class ScanMemory {
  readonly wasm: ScanExports
  /** Where the window is to lie. */
  readonly window: Uint8Array<ArrayBuffer>
  /** The batch whose columns lie here. */
  readonly batch: OpBatch

  constructor(wasm: ScanExports) {
    this.wasm = wasm
    this.window = new Uint8Array(wasm.memory.buffer, wasm.WINDOW.value, wasm.WINDOW_BYTES.value)
    this.batch = batchIn(wasm)
  }

  /** Neither the window nor the segments have outgrown their places: then they lie elsewhere. */
  holds(window: ByteWindow): boolean {
    const { buffer } = this.wasm.memory
    return window.bytes.buffer === buffer && this.batch.segments.addressBytes.buffer === buffer
  }
}

/** Loads the scanner; null where it is not there, or this machine cannot run it. */
export async function loadScanMemory(): Promise<ScanMemory | null> {
  try {
    const { instantiate } = await import('@pinscope/scan')
    return new ScanMemory(instantiate())
  } catch {
    return null
  }
}

function batchIn(wasm: ScanExports): OpBatch {
  const { buffer } = wasm.memory
  const float64 = ({ value }: { value: number }, length = BATCH_ROWS_MAX) => new Float64Array(buffer, value, length)
  const int32 = ({ value }: { value: number }) => new Int32Array(buffer, value, BATCH_ROWS_MAX)
  const batch = new OpBatch({
    line: float64(wasm.LINE),
    tsNs: float64(wasm.TS_NS),
    endNs: float64(wasm.END_NS),
    offsetBytes: float64(wasm.OFFSET_BYTES),
    lengthBytes: float64(wasm.LENGTH_BYTES),
    resultBytes: float64(wasm.RESULT_BYTES),
    segmentFirst: int32(wasm.SEGMENT_FIRST),
    mm: int32(wasm.MM),
    pinsAcquired: int32(wasm.PINS_ACQUIRED),
    pinsReleased: int32(wasm.PINS_RELEASED),
    direction: new Uint8Array(buffer, wasm.DIRECTION.value, BATCH_ROWS_MAX),
  })
  const segmentsMax = wasm.SEGMENTS_MAX.value
  batch.segments.addressBytes = float64(wasm.SEGMENT_ADDRESS_BYTES, segmentsMax)
  batch.segments.offsetBytes = float64(wasm.SEGMENT_OFFSET_BYTES, segmentsMax)
  batch.segments.lengthBytes = float64(wasm.SEGMENT_LENGTH_BYTES, segmentsMax)
  return batch
}
