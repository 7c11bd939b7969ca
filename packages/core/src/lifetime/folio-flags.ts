/** State of a folio, besides PG_dirty, which the page store has. @kernel PG_locked */
export const FOLIO_LOCKED = 1 << 0
/** I/O against its contents is in flight. @kernel PG_writeback */
export const FOLIO_WRITEBACK = 1 << 1
/** No page table entry lets a CPU write it: writeback cleaned it. @kernel mm/rmap.c: folio_mkclean */
export const FOLIO_PROTECTED = 1 << 2
/** The file system was asked since the folio was last cleaned. @kernel include/linux/mm.h: vm_operations_struct.page_mkwrite */
export const FOLIO_NOTIFIED = 1 << 3
/** It left its file, and lives by references only. @kernel folio->mapping == NULL */
export const FOLIO_DETACHED = 1 << 4
/** Reclaim freed it, or it was migrated: what it lay in is another's memory. */
export const FOLIO_GONE = 1 << 5
/** Its blocks are shared with another file. @kernel IOMAP_F_SHARED */
export const FOLIO_SHARED = 1 << 6
/** A CPU store waits for the end of its writeback. @kernel mm/page-writeback.c: folio_wait_stable */
export const FOLIO_WAITING = 1 << 7
/** It was cleaned to be written, and its writeback has not begun. @kernel mm/page-writeback.c: folio_clear_dirty_for_io returned true */
export const FOLIO_TAKEN = 1 << 8
/** A fault for writing waits for the end of its writeback: who has it by that fault stores afterwards. @kernel mm/filemap.c: filemap_page_mkwrite (folio_wait_stable) */
export const FOLIO_FAULTED = 1 << 9
/** Writeback passed it over, as it was clean: the end of that writeback is none of it. @kernel mm/page-writeback.c: folio_clear_dirty_for_io returned false */
export const FOLIO_PASSED = 1 << 10

/** The states of a file's folio that the transition table names: lifetime.md 3.1. */
export const FOLIO_STATES = ['C0', 'C1', 'D0', 'D1', 'W0', 'W1', 'T'] as const
/** One of {@link FOLIO_STATES}. */
export type FolioState = (typeof FOLIO_STATES)[number]

/** State by name: what the flags and the dirty bit stand for. `isMapped`: some page table has it. */
export function folioState(flags: number, isDirty: boolean, isMapped: boolean): FolioState {
  if ((flags & FOLIO_DETACHED) !== 0) return 'T'
  if ((flags & FOLIO_WRITEBACK) !== 0) return isDirty ? 'W1' : 'W0'
  if (!isDirty) return isMapped ? 'C1' : 'C0'
  return isMapped && (flags & FOLIO_PROTECTED) === 0 ? 'D1' : 'D0'
}
