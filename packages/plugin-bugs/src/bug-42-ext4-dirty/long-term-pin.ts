import {
  type AddressSpaces,
  type Consumer,
  EFAULT,
  FOLL_LONGTERM,
  FOLL_WRITE,
  gupRules,
  type Operation,
  PAGE_SIZE,
  type PageEvent,
  pagesSpanned,
} from '@pinscope/core'
import { meetDirtyPages } from './write-back.ts'

/**
 * A driver that keeps user memory pinned for its device to write to, and unpins it with dirty when the device is done. What
 * the fix changed is get_user_pages: it refuses shared mappings of files whose file system tracks what is dirty.
 * @kernel mm/gup.c: check_vma_flags, writable_file_mapping_allowed
 */
export class LongTermPin implements Consumer {
  private readonly isFixed: boolean

  constructor(spaces: AddressSpaces, isFixed: boolean) {
    this.isFixed = isFixed
    // The first version of the model that has the check.
    spaces.rules = gupRules(isFixed ? '6.12' : '6.1')
  }

  submit(io: Operation): number {
    const { table, segment, mm, countBytes } = io.iter
    const pages = pagesSpanned(table.addressBytes[segment] % PAGE_SIZE, countBytes)
    const pinned = io.pinPages(mm, table.addressBytes, segment, 0, pages, FOLL_WRITE | FOLL_LONGTERM)
    if (pinned < 0) return pinned
    io.keep(io.hold)
    return pinned < pages ? EFAULT : countBytes
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** unpin_user_pages_dirty_lock. */
  complete(io: Operation): void {
    io.letGoOfKept()
  }

  event(io: Operation, event: PageEvent): boolean {
    return meetDirtyPages(io, event, this.isFixed) > 0
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}
