import type { Operation } from '../consumer/operation.ts'
import { type Direction, ITER_BVEC, ITER_KVEC, type IterType } from '../iter/iter-type.ts'
import { FLAG_FIXED } from '../iter/row-flags.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { MAX_RW_COUNT } from '../units.ts'

/** Fills the operation with the columns of an io row, and starts its iterator. `number`: of the operation, from 1. */
export function loadOperation(io: Operation, batch: OpBatch, row: number, number: number): void {
  const type = batch.iterType[row] as IterType
  const isFixed = (batch.flags[row] & FLAG_FIXED) !== 0 && type !== ITER_BVEC
  io.row = batch.firstRow + row
  io.number = number
  io.flags = batch.flags[row]
  io.offsetBytes = batch.offsetBytes[row]
  // The system call takes at most this much; the rest is a short read or write.
  io.lengthBytes = Math.min(batch.lengthBytes[row], MAX_RW_COUNT)
  io.recordedResult = batch.resultBytes[row]
  io.holeOffsetBytes = batch.holeOffsetBytes[row]
  io.holeLengthBytes = batch.holeLengthBytes[row]
  io.undetermined = false
  io.scratch = 0
  io.kept.first = 0
  io.kept.last = 0
  io.iter.reset(
    isFixed ? ITER_BVEC : type,
    batch.direction[row] as Direction,
    batch.segments,
    batch.segmentFirst[row],
    batch.segmentCount[row],
    io.lengthBytes,
  )
  io.iter.mm = type === ITER_KVEC ? KERNEL_MM : batch.mm[row]
  io.iter.fixed = isFixed
}
