import type { AuditLaneReport } from '@pinscope/core/audit'
import { counted } from './text.ts'

/** Lanes that are told together, because the same was found in each. */
export interface LaneGroup {
  readonly lanes: readonly AuditLaneReport[]
  /** One of them, for all. */
  readonly lane: AuditLaneReport
}

/** Lanes by what was found in them and what the kernel refused; those where nothing was, last. */
export function laneGroups(lanes: readonly AuditLaneReport[]): LaneGroup[] {
  const groups = new Map<string, AuditLaneReport[]>()
  for (const lane of lanes) {
    const key = JSON.stringify([lane.findingsByRule, lane.findings, lane.refused, lane.asserted, lane.waits])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [lane])
    else group.push(lane)
  }
  return [...groups.values()]
    .map((group) => ({ lanes: group, lane: group[0] }))
    .sort((a, b) => Number(isSilent(a.lane)) - Number(isSilent(b.lane)))
}

/** Nothing was found, nothing refused or asserted, and nobody waited. */
export function isSilent({ findingsTotal, refusedTotal, asserted, waits }: AuditLaneReport): boolean {
  const isCalm = waits.store + waits.truncate + waits.invalidate === 0
  return findingsTotal === 0 && refusedTotal === 0 && asserted.length === 0 && isCalm
}

/** `bio, null under get-pages, extract; 9p under get-pages`. */
export function laneNames(lanes: readonly AuditLaneReport[]): string {
  const byPolicies = new Map<string, string[]>()
  for (const name of new Set(lanes.map(({ consumer }) => consumer))) {
    const own = lanes.filter(({ consumer }) => consumer === name)
    const policies = own.map(({ policy }) => policy).join(', ')
    byPolicies.set(policies, [...(byPolicies.get(policies) ?? []), name])
  }
  return [...byPolicies].map(([policies, names]) => `${names.join(', ')} under ${policies}`).join('; ')
}

/** Consumers that are named where all lanes are told of in a word. */
const NAMED_MAX = 3

/** As {@link laneNames}; of many consumers, how many there are. */
export function lanesInShort(lanes: readonly AuditLaneReport[]): string {
  const consumers = new Set(lanes.map(({ consumer }) => consumer)).size
  if (consumers <= NAMED_MAX) return laneNames(lanes)
  return `${counted(lanes.length, 'lane')} of ${counted(consumers, 'consumer')}`
}
