import { KVEC_OFFSET } from '../iter/segment-table.ts'
import type { LaneReport } from '../report/report.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { pageOffsetOf, pagesSpanned } from '../units.ts'

/**
 * Heterogeneous buffers: what it costs to split them into iterators that kernels have. Counted for every operation with
 * one, whether the consumer takes it or not. @kernel none
 */
export class MixedBuffers {
  private operations = 0
  private refused = 0
  private parts = 0
  private extraCalls = 0
  private kernelBytes = 0
  private pageBytes = 0
  private kmaps = 0

  /** One operation with such a buffer. */
  count(batch: OpBatch, row: number, isTaken: boolean): void {
    this.operations++
    if (!isTaken) this.refused++
    const { offsetBytes, lengthBytes } = batch.segments
    const end = batch.segmentFirst[row] + batch.segmentCount[row]
    let left = batch.lengthBytes[row]
    let wasKvec = false
    let parts = 0
    for (let s = batch.segmentFirst[row]; s < end && left > 0; s++) {
      const bytes = Math.min(lengthBytes[s], left)
      if (bytes === 0) continue
      const isKvec = offsetBytes[s] === KVEC_OFFSET
      if (parts === 0 || isKvec !== wasKvec) parts++
      wasKvec = isKvec
      left -= bytes
      if (isKvec) {
        this.kernelBytes += bytes
      } else {
        this.pageBytes += bytes
        this.kmaps += pagesSpanned(pageOffsetOf(offsetBytes[s]), bytes)
      }
    }
    this.parts += parts
    this.extraCalls += Math.max(parts - 1, 0)
  }

  /** The lane's part of the report; nothing where no such operation came. */
  report(): Pick<LaneReport, 'mixed'> {
    const { operations, refused, parts, extraCalls, kernelBytes, pageBytes, kmaps } = this
    if (operations === 0) return {}
    return { mixed: { operations, refused, parts, extraCalls, kernelBytes, pageBytes, kmaps } }
  }
}
