import type { OpBatch } from '../op-batch.ts'

/** Appends row `row` of a batch, with its segments, to another batch, as it is: name ids mean the same there. */
export function copyRow(from: OpBatch, row: number, to: OpBatch): void {
  const at = to.length++
  to.line[at] = from.line[row]!
  to.tsNs[at] = from.tsNs[row]!
  to.endNs[at] = from.endNs[row]!
  to.event[at] = from.event[row]!
  to.direction[at] = from.direction[row]!
  to.iterType[at] = from.iterType[row]!
  to.mm[at] = from.mm[row]!
  to.backing[at] = from.backing[row]!
  to.order[at] = from.order[row]!
  to.flags[at] = from.flags[row]!
  to.holeOffsetBytes[at] = from.holeOffsetBytes[row]!
  to.holeLengthBytes[at] = from.holeLengthBytes[row]!
  to.offsetBytes[at] = from.offsetBytes[row]!
  to.lengthBytes[at] = from.lengthBytes[row]!
  to.resultBytes[at] = from.resultBytes[row]!
  to.id[at] = from.id[row]!
  to.call[at] = from.call[row]!
  to.file[at] = from.file[row]!
  to.consumer[at] = from.consumer[row]!
  to.stack[at] = from.stack[row]!
  to.pinsAcquired[at] = from.pinsAcquired[row]!
  to.pinsReleased[at] = from.pinsReleased[row]!
  to.segmentFirst[at] = to.segments.length
  to.segmentCount[at] = from.segmentCount[row]!
  const first = from.segmentFirst[row]!
  for (let i = first; i < first + from.segmentCount[row]!; i++) to.segments.pushCopy(from.segments, i)
}
