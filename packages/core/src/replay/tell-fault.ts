import { FAULT_NAMES, type Faults } from '../consumer/faults.ts'
import type { Watcher } from './watcher.ts'

/** Steps so far of the kind that is made to fail. */
export function faultSteps({ kind, seen }: Faults): number {
  return kind < 0 ? 0 : seen[kind]
}

/** Says so when the step that was made to fail was one of the operation's, after `stepsBefore`. */
export function tellFault(faults: Faults, watcher: Watcher, stepsBefore: number): void {
  const { kind, at } = faults
  if (kind < 0 || at <= stepsBefore || at > faultSteps(faults)) return
  watcher.note(`injected: ${FAULT_NAMES[kind]} step ${at} of the lane was made to fail`)
}
