import type { Operation } from '@pinscope/core'

/**
 * What moves the data of a request without packets: it makes the request's memory ready for the server, which then reads
 * or writes it by itself.
 */
export interface Transport {
  /**
   * Takes a request: `io.iter` begins where it does, and its count is the request's bytes. `operation`: row of the
   * operation, a small number from 1 on that is used again. Returns the bytes, or -errno with nothing of this request left.
   * The iterator may be left anywhere.
   */
  submit(io: Operation, operation: number): number
  /** The server answered every request of the operation, or `io.completion` tells that it failed: nothing of them stays. */
  complete(io: Operation, operation: number): void
  /** The request that {@link submit} took last could not be sent: what was left of it goes. */
  abort(io: Operation, operation: number): void
  /** The connection ends. */
  close(io: Operation): void
}
