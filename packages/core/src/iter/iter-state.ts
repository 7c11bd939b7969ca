import type { IovIter } from './iov-iter.ts'

/** Where an iterator is. @kernel include/linux/uio.h: struct iov_iter_state (what iov_iter_save_state keeps: no pointer) */
export interface IovIterState {
  iovOffsetBytes: number
  countBytes: number
  segmentsLeft: number
}

/** `*to = *from`: the segments, the queue and the pipe are shared. @kernel an assignment of struct iov_iter */
export function assign(to: IovIter, from: IovIter): void {
  to.reset(from.type, from.direction, from.table, from.segment, from.segmentsLeft, from.countBytes)
  to.segmentFirst = from.segmentFirst
  to.iovOffsetBytes = from.iovOffsetBytes
  to.mm = from.mm
  to.nofault = from.nofault
  to.fixed = from.fixed
  to.byRow = from.byRow
  to.queue = from.queue
  to.queueSegment = from.queueSegment
  to.slot = from.slot
  to.pipe = from.pipe
  to.pipeHead = from.pipeHead
  to.pipeStartHead = from.pipeStartHead
  to.lastOffset = from.lastOffset
  to.kernel = from.kernel
  to.report = from.report
}
