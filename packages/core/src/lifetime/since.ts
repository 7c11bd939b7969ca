import type { FileBlock } from './block-runs.ts'
import type { DeviceAccess } from './devices.ts'
import type { Since } from './finding.ts'

/** A task locked the folio, or that of another page. */
export const LOCKED = 'locked'
export const ANOTHER_LOCKED = 'another page locked'
/** A file system locked a file, or the range of it that it maps. */
export const FILE_LOCKED = 'file locked'
/** It was put into the list of an object. */
export const ATTACHED = 'attached'
/** A slot of a ring took it. */
export const IN_RING = 'put into a ring'

/** An operation in flight lists the page since that row; null where no row is known. */
export function sinceListed(row: number): Since | null {
  return row === 0 ? null : { row, what: 'listed' }
}

/** The object was allocated in that row. */
export function sinceAllocated(row: number): Since {
  return { row, what: 'allocated' }
}

/** A device began to store into the page, or to load from it. */
export function sinceDevice({ row, isStore }: DeviceAccess): Since {
  return { row, what: isStore ? 'a device began to store' : 'a device began to load' }
}

/** What made the block what it is; null where no row is known. */
export function sinceBlock({ row, what }: FileBlock): Since | null {
  return row === 0 ? null : { row, what }
}
