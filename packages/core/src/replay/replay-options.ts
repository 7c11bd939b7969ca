import type { FaultName } from '../consumer/faults.ts'
import type { Operation } from '../consumer/operation.ts'
import type { Registry } from '../consumer/registry.ts'
import type { QuirkChange } from '../kernel/kernel.ts'
import type { LaneAudit } from './lane-audit.ts'
import type { LaneSetup } from './lane-setup.ts'
import type { RowPages } from './row-pages.ts'

/** Makes what listens to a lane. */
export type AuditFactory = (setup: LaneSetup, io: Operation, pages: RowPages) => LaneAudit

/** Option values by consumer name, then option name: `{ bio: { 'logical-block-size': 4096 } }`. */
export type ConsumerOptionValues = Readonly<Record<string, Readonly<Record<string, number>>>>

/** The `at`th step of a kind, from 1, that fails in each lane. */
export interface FaultInjection {
  readonly fault: FaultName
  readonly at: number
}

/** How far a replay is. */
export interface ReplayProgress {
  readonly rows: number
  /** Bytes of decompressed text read so far. */
  readonly bytesRead: number
  /** Operations in flight and pins held right now, over all lanes. */
  readonly pinsOpen: number
}

/** Which lanes a replay has, and what it does besides counting. */
export interface ReplayOptions {
  readonly registry: Registry
  /** Names of policies, one lane each; null: what the kernel version itself does. */
  readonly policies: readonly string[] | null
  /** Names of consumers, one lane each; null: what the rows name, and `bio` for rows that name none. */
  readonly consumers: readonly string[] | null
  /** A modelled kernel version; null: the one that the trace names, else `mainline`. */
  readonly kernel: string | null
  /** Quirks switched on that the version has not, or off that it has. */
  readonly quirks?: readonly QuirkChange[]
  /** Pages hold bytes, and what each operation reaches is compared with what its iterator names. Slow. */
  readonly verifyData?: boolean
  /** Operations that repeat are done each time, not counted: the same report, later. */
  readonly everyOperation?: boolean
  /** A step that fails, in each lane; null or left out: none. */
  readonly faults?: FaultInjection | null
  readonly consumerOptions: ConsumerOptionValues
  /** Makes what listens to each lane: `auditTrace` has it. Left out: nobody does, and nothing of it is loaded. */
  readonly audit?: AuditFactory
  /** Operations without completion are in flight where the trace was cut, not leaked. */
  readonly inFlight: boolean
  /** Called after each batch. */
  readonly onProgress?: (progress: ReplayProgress) => void
}
