import type { LaneId } from '@pinscope/core'
import { kernelText } from './kernel.ts'

/** A lane as `--base` and `--with` name it, with the quirks switched: `bio:extract@6.12 (quirks: -iov-len-ubuf)`. */
export function laneName(lane: LaneId): string {
  return `${lane.consumer}:${lane.policy}@${kernelText(lane)}`
}

/** Lanes named in a text. */
const NAMED_MAX = 12

/** Lanes one after the other; of very many the first ones. */
export function laneNames(lanes: readonly LaneId[]): string {
  const shown = lanes.length <= NAMED_MAX ? lanes : lanes.slice(0, NAMED_MAX - 1)
  const rest = lanes.length - shown.length
  return `${shown.map(laneName).join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`
}
