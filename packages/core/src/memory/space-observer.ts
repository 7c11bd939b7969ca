/** Told of what faults do to pages that others may have references on, and of what get_user_pages refuses: rare, and off every fast path. */
export interface SpaceObserver {
  /** Address space `mm` has a copy in the place of `page` from now on. @kernel mm/memory.c: wp_page_copy */
  copied(mm: number, page: number): void
  /**
   * A walk met a mapping of `mm` that it is refused: `met`,
   * its `MAPPING_*` flags that are why. @kernel mm/gup.c: check_vma_flags
   */
  refused(mm: number, met: number): void
}
