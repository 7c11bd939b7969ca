import type { Audit } from '../lifetime/audit.ts'
import type { Memory } from '../memory/memory.ts'
import { PAGE_SIZE } from '../units.ts'

/**
 * Tells the audit that write(2) has copied `bytes` bytes into the page cache of a file, at a position: as far
 * as anything maps the file, or has its pages. Each folio is waited for where its pages are stable, and dirty afterwards, with
 * the file system asked before.
 * @kernel mm/filemap.c: generic_perform_write; include/linux/pagemap.h: FGP_WRITEBEGIN (FGP_STABLE)
 */
export function tellCopiedIn(audit: Audit | null, memory: Memory, file: number, position: number, bytes: number): void {
  if (audit === null || file < 0 || position < 0 || bytes <= 0) return
  const first = Math.floor(position / PAGE_SIZE)
  const end = Math.ceil((position + bytes) / PAGE_SIZE)
  memory.spaces.files.populate(file, first, end)
  let last = -1
  memory.cache.visit(file, first, end, (page) => {
    const head = audit.folios.headOf(page)
    if (head === last) return
    last = head
    audit.folios.stable(head)
    audit.folios.copyIn(head)
  })
}
