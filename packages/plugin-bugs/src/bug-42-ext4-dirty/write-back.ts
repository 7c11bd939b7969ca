import type { Operation, PageEvent } from '@pinscope/core'
import { FOLIO_NOTIFIED } from '@pinscope/core/audit'

/**
 * ext4 writes a file back, and meets dirty pages without buffers: those that were written back since it was last asked about
 * them. Before cc5095747edf BUG_ON killed the writer with the folio locked; since then it warns, and drops the data. Returns how many
 * such pages it met. @kernel fs/ext4/inode.c: mpage_prepare_extent_to_map
 */
export function meetDirtyPages({ audit }: Operation, event: PageEvent, isFixed: boolean): number {
  if (event.name !== 'writeback' || audit === null) return 0
  const { folios, tasks } = audit
  let met = 0
  for (let i = 0; i < event.length; i++) {
    const page = event.page[i]
    if (!folios.isDirty(page) || folios.has(page, FOLIO_NOTIFIED)) continue
    met++
    tasks.lock(page)
    if (!isFixed) continue
    folios.clean(page)
    tasks.unlock(page)
  }
  return met
}
