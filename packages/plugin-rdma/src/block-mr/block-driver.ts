import type { Operation } from '@pinscope/core'
import type { Pieces } from '../payload/pieces.ts'
import type { QueueLimits } from './queue-limits.ts'

/** What a driver that registers memory does with a request. */
export interface BlockDriver {
  readonly limits: QueueLimits
  /** Requests that can be outstanding. */
  readonly tags: number
  /** Whose command is mapped for each request, not once for all. */
  readonly mapsCommand: boolean
  /**
   * Describes the mapped list `sg` to the device. 0, or an errno with nothing left that {@link release} undoes: -ENOMEM and
   * -EAGAIN are got over by issuing the request again, -EIO too, -EINVAL is final.
   */
  describe(io: Operation, sg: Pieces, isWrite: boolean): number
}
