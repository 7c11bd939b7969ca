import type { LaneReport } from './report.ts'

/** Allocations that nobody freed, those of registered memory left out; null where the lane made none. */
export function neverFreed({ allocations }: LaneReport): number | null {
  return allocations === undefined ? null : allocations.made - allocations.freed - (allocations.longTerm ?? 0)
}

/** {@link neverFreed} in bytes. */
export function neverFreedBytes({ allocations }: LaneReport): number | null {
  return allocations === undefined ? null : allocations.openBytes - (allocations.longTermBytes ?? 0)
}

/** Entries of lists that stayed mapped for a device, those of registered memory left out; null where the lane mapped none. */
export function neverUnmapped({ dma }: LaneReport): number | null {
  return dma === undefined ? null : dma.openEntries - (dma.longTermEntries ?? 0)
}
