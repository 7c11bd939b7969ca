/**
 * Told of what faults do to pages that others may have references on, and of what get_user_pages refuses: both rare, and
 * off the fast path of a walk.
 */
export interface SpaceObserver {
  /** Address space `mm` has a copy in the place of `page` from now on. @kernel mm/memory.c: wp_page_copy */
  copied(mm: number, page: number): void
  /** A walk met a mapping of `mm` that is refused to it because of the `MAPPING_*` flags `met`. @kernel mm/gup.c: check_vma_flags */
  refused(mm: number, met: number): void
}
