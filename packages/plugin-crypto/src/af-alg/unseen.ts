import { EAGAIN, EINTR, ERESTARTSYS, FLAG_NOWAIT, type Operation } from '@pinscope/core'

// What another thread did, and the trace does not show. A call that waits in the kernel goes on when somebody else acts on
// the socket; a replay has only the rows of the trace, and the `result` of the call: that tells how its waiting ended.
//
// - A receive that has to wait finds what it asks for queued by an unseen send: up to its `result`, or up to its buffer
//   where there is no result and it has got nothing yet. Those pages are allocated as a send's are; their copying is not
//   counted, it belongs to that send.
// - A send that has to wait goes on, for the receive that made room comes later in the trace: what is queued stays.
// - A send that finds a whole message pending is refused, as in the kernel. Only if its `result` tells that it was not,
//   an unseen receive has taken that message.
// - A receive while another one is in flight is refused where the kernel does that. Only if its `result` tells that it was
//   not, it was on another socket.

/** The wait is over, and the call goes on. */
export const GOES_ON = 1

/**
 * How a wait ends when `doneBytes` of the call are done: {@link GOES_ON}, 0 when the call ends with what it has, or an errno.
 * @kernel crypto/af_alg.c: af_alg_wait_for_data, af_alg_wait_for_wmem
 */
export function waitEnds(io: Operation, doneBytes: number): number {
  const { recordedResult } = io
  if (recordedResult >= 0) return recordedResult > doneBytes ? GOES_ON : 0
  if (recordedResult === EAGAIN || recordedResult === EINTR || recordedResult === ERESTARTSYS) return recordedResult
  // No result, or an error that no wait gives.
  return (io.flags & FLAG_NOWAIT) !== 0 ? EAGAIN : GOES_ON
}

/** The trace tells that the call went well. */
export function wentWell(io: Operation): boolean {
  return io.recordedResult >= 0
}
