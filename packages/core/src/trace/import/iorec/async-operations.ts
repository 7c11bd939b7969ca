import { PENDING_MAX } from '../../limits.ts'
import { NONE } from '../../op-batch.ts'
import { type Call, decimalArgument } from './call.ts'
import { isFixed } from './io-ops.ts'
import { OldestKey } from './oldest-key.ts'
import type { Staged } from './staged.ts'
import type { Staging } from './staging.ts'

/** Submissions whose operations may still follow them. */
const SUBMISSIONS_MAX = 1 << 10

/** A call of io_submit or io_uring_enter. */
interface Submission {
  readonly call: Call
  /** Operations that it carried. */
  readonly count: number
}

/**
 * The operations of libaio and io_uring: their submission, which has the counts of pins, and their completion.
 *
 * Version 1 has the operations of a call above the call, with its time and thread, and completions as rows of their own,
 * which name the iocb or the user data. Both are used again, so they are paired in the order of the recording. In version 2 the
 * call comes first, its number is on the operations, and each has its completion in itself.
 */
export class AsyncOperations {
  private readonly staging: Staging
  /** By thread and time: the operations of a call that did not return yet. */
  private readonly submitting = new Map<string, Submitting>()
  private readonly oldestSubmitting = new OldestKey(this.submitting)
  /** By iocb or user data; null: an operation that makes no row. */
  private readonly awaited = new Map<string, (Staged | null)[]>()
  private readonly oldestAwaited = new OldestKey(this.awaited)
  private awaitedCount = 0
  private readonly submissions = new Map<number, Submission>()
  private readonly oldestSubmission = new OldestKey(this.submissions)

  constructor(staging: Staging) {
    this.staging = staging
  }

  /** An operation of version 1. `staged`: null when it makes no row. */
  begin(call: Call, staged: Staged | null): void {
    const group = this.groupOf(call)
    group.count++
    if (staged !== null) {
      group.operations.push(staged)
      staged.acquired = NONE
      staged.isComplete = false
      staged.endNs = Number.NaN
    }
    this.expect(call, staged)
  }

  /** A row of version 1 that tells of a completion. */
  complete(call: Call): void {
    const key = keyOf(call)
    const queue = this.awaited.get(key)
    if (queue === undefined) return
    this.awaitedCount--
    const staged = queue.shift() ?? null
    if (queue.length === 0) this.awaited.delete(key)
    if (staged !== null) this.staging.complete(staged, call.tsNs, call.result)
  }

  /** An operation of version 2, whose submission stands above it. */
  beginComplete(staged: Staged): void {
    const submission = this.submissions.get(decimalArgument(staged.call, 'sub'))
    staged.acquired = NONE
    staged.released = NONE
    if (submission !== undefined) attach(staged, submission)
  }

  /** A call that submits. */
  submit(call: Call): void {
    const number = decimalArgument(call, 'sub')
    if (!Number.isNaN(number)) {
      this.submissions.set(number, { call, count: decimalArgument(call, 'n') })
      if (this.submissions.size > SUBMISSIONS_MAX) this.submissions.delete(this.oldestSubmission.next())
      return
    }
    const key = groupKey(call)
    const group = this.submitting.get(key)
    if (group === undefined) return
    this.submitting.delete(key)
    for (const staged of group.operations) attach(staged, { call, count: group.count })
  }

  private groupOf(call: Call): Submitting {
    const key = groupKey(call)
    const known = this.submitting.get(key)
    if (known !== undefined) return known
    if (this.submitting.size >= PENDING_MAX) this.submitting.delete(this.oldestSubmitting.next())
    const group = { operations: [], count: 0 }
    this.submitting.set(key, group)
    return group
  }

  private expect(call: Call, staged: Staged | null): void {
    if (this.awaitedCount >= PENDING_MAX) {
      const oldest = this.oldestAwaited.next()
      this.awaitedCount -= this.awaited.get(oldest)!.length
      this.awaited.delete(oldest)
    }
    const key = keyOf(call)
    const queue = this.awaited.get(key)
    if (queue === undefined) this.awaited.set(key, [staged])
    else queue.push(staged)
    this.awaitedCount++
  }
}

/** The operations of a call that did not return yet. */
interface Submitting {
  readonly operations: Staged[]
  count: number
}

/**
 * An operation has the pins of the call that submitted it, where that carried no other. Direct I/O of io_uring for which the call
 * pinned nothing may have been handed to a worker thread, whose pins nobody counted.
 */
function attach(staged: Staged, { call, count }: Submission): void {
  const { op, direct } = staged.call
  staged.bracketEndNs = Number.isNaN(call.returnNs) ? call.tsNs : call.returnNs
  if (count !== 1 || call.shared.includes('s')) return
  const isByWorker = call.acquired === 0 && direct && op.startsWith('uring:') && !isFixed(op)
  if (!isByWorker) staged.acquired = call.acquired
}

function groupKey({ tid, tsNs }: Call): string {
  return `${tid} ${tsNs}`
}

function keyOf({ op, args }: Call): string {
  return op.startsWith('aio:') ? `iocb ${args.get('iocb')}` : `ud ${args.get('ud')}`
}
