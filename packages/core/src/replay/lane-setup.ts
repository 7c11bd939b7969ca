import type { RegisteredConsumer } from '../consumer/registry.ts'
import type { ExtractionPolicy } from '../extract/policy.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Dictionary } from '../trace/dictionary.ts'
import { NONE, type OpBatch } from '../trace/op-batch.ts'
import type { AuditFactory, FaultInjection } from './replay-options.ts'

/** What a lane is made of. */
export interface LaneSetup {
  readonly file: string
  readonly consumer: RegisteredConsumer
  /** The trace's names of consumers, as its rows have them. */
  readonly consumers: Dictionary
  readonly policy: ExtractionPolicy
  readonly kernel: Kernel
  /** The trace was recorded on that version, or does not say on which. */
  readonly isRecordedKernel: boolean
  readonly filesystem: string | null
  /** Of the page cache. */
  readonly folioOrder: number
  readonly options: Readonly<Record<string, number>>
  readonly inFlight: boolean
  readonly verifyData: boolean
  /** Every operation is done, also those that repeat. */
  readonly everyOperation: boolean
  readonly faults: FaultInjection | null
  /** Makes what listens to the lane; null: nobody does. */
  readonly audit: AuditFactory | null
  /** The trace's names of calls, and of files. */
  readonly calls: Dictionary
  readonly files: Dictionary
  /** `# stable-writes` of the trace, else what the file system asks for. */
  readonly stableWrites: boolean
  /** The trace came from another program's recording. */
  readonly isImported: boolean
}

/**
 * The pins of the lane are those that the kernel itself would take: they can be compared with what it counted. So they
 * are under the recorded version, with its own quirks and the consumer's own policy, and nothing was made to fail.
 */
export function isComparableLane({ isRecordedKernel, kernel, consumer, policy, faults }: LaneSetup): boolean {
  const isUnchanged = isRecordedKernel && kernel.changes.length === 0 && faults === null
  return isUnchanged && consumer.definition.kernelPolicy(kernel.version) === policy.name
}

/** Nobody listens to single operations, makes one of them fail or looks at its data: they may be counted instead of done. */
export function isRepeatableLane({ everyOperation, audit, faults, verifyData }: LaneSetup): boolean {
  return !everyOperation && audit === null && faults === null && !verifyData
}

/** The row says what the kernel counted, for the lane's consumer or for none in particular. */
export function isComparable(batch: OpBatch, row: number, { consumers, consumer }: LaneSetup): boolean {
  if (batch.pinsAcquired[row] < 0 && batch.pinsReleased[row] < 0) return false
  const id = batch.consumer[row]
  return id === NONE || consumers.text(id) === consumer.definition.name
}
