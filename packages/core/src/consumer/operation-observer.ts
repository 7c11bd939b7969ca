import type { IovIter } from '../iter/iov-iter.ts'
import { ITER_IOVEC, ITER_KVEC, ITER_UBUF, isVector } from '../iter/iter-type.ts'
import type { Operation } from './operation.ts'

/** Told what happens to one operation, by `explain`. */
export interface OperationObserver {
  /** `startBytes`: virtual address of the first byte; -1 where the segments are no addresses: bvecs, files, a pipe. */
  extracted(io: Operation, segment: number, startBytes: number, bytes: number): void
  /** A list is finished: `count` entries of {first page row, offset, length, pages}. */
  listBuilt(
    list: string,
    bytes: number,
    count: number,
    page: Int32Array,
    offset: Int32Array,
    length: Int32Array,
    note: string,
  ): void
  note(text: string): void
}

/** Tells where an extraction began: in the first segment, from the one that was current on, that is not empty. */
export function tellExtracted(
  io: Operation,
  observer: OperationObserver,
  current: number,
  iovOffsetBytes: number,
  bytes: number,
): void {
  const { table, type } = io.iter
  let segment = current
  let skip = iovOffsetBytes
  while (isVector(type) && segment + 1 < table.length && skip >= table.lengthBytes[segment]) {
    segment++
    skip = 0
  }
  observer.extracted(io, segment, isAddressed(io.iter) ? table.addressBytes[segment] + skip : -1, bytes)
}

function isAddressed({ type, fixed }: IovIter): boolean {
  return type === ITER_UBUF || type === ITER_IOVEC || type === ITER_KVEC || fixed
}
