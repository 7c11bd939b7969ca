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
export function isSilent({ findingsTotal, refused, asserted, waits }: AuditLaneReport): boolean {
  const isCalm = waits.store + waits.truncate + waits.invalidate === 0
  return findingsTotal === 0 && refused.length === 0 && asserted.length === 0 && isCalm
}

/** Consumers that are named; of more, the number is told. */
const NAMED_MAX = 3

/** `bio under get-pages, extract; null under extract`. */
export function laneNames(lanes: readonly AuditLaneReport[]): string {
  const consumers = [...new Set(lanes.map(({ consumer }) => consumer))]
  if (consumers.length > NAMED_MAX) {
    return `${counted(lanes.length, 'lane')} of ${counted(consumers.length, 'consumer')}`
  }
  return consumers
    .map((name) => {
      const policies = lanes.filter(({ consumer }) => consumer === name).map(({ policy }) => policy)
      return `${name} under ${policies.join(', ')}`
    })
    .join('; ')
}
