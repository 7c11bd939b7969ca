import type { Operation } from '@pinscope/core'

/**
 * What the object servers answer, as far as the recorded result of an operation tells: they have that many bytes to give,
 * or take that many. A negative one is the answer to the first request. Without one everything is there.
 */
export class Replies {
  /** -errno of every request; 0: none. */
  error = 0
  private left = 0

  begin({ recordedResult, iter }: Operation): void {
    const bytes = iter.countBytes
    this.error = recordedResult < 0 ? recordedResult | 0 : 0
    this.left = recordedResult >= 0 && recordedResult < bytes ? recordedResult | 0 : bytes
  }

  /** Bytes that the next request of `bytes` bytes moves. */
  next(bytes: number): number {
    const moved = bytes < this.left ? bytes : this.left
    this.left -= moved
    return moved
  }

  /** Nothing is left to move: the file ends here, or the next request fails. */
  get isOver(): boolean {
    return this.left === 0
  }
}
