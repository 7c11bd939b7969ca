import type { PageStore } from './page-store.ts'

/** Protection and history of a mapping, as flag bits. */
export const MAPPING_UNTOUCHED = 1 << 0
/** MAP_PRIVATE of a file: a write fault copies the page. */
export const MAPPING_PRIVATE = 1 << 1
/** PROT_NONE, or unmapped: every access faults. @kernel mm/gup.c: check_vma_flags */
export const MAPPING_NO_ACCESS = 1 << 2
/** Not writable: FOLL_WRITE gives -EFAULT. */
export const MAPPING_READ_ONLY = 1 << 3
/** VM_IO or VM_PFNMAP: pages cannot be taken by get_user_pages at all. @kernel mm/gup.c: check_vma_flags */
export const MAPPING_NO_PAGES = 1 << 4

/** No `map` row covers it: the address space's default. */
export const MAPPING_UNDECLARED = 1 << 5

/**
 * One mapping of an address space: a range of virtual pages with one backing. A later `map` of the same range makes a
 * new mapping with a new id, so that pages of the old one are never found again.
 * @kernel include/linux/mm_types.h: struct vm_area_struct
 */
export interface Mapping {
  /** Distinguishes the mapping in the page tables; from 0. */
  readonly id: number
  /** First virtual page number, and one past the last. */
  readonly firstPage: number
  readonly endPage: number
  /** Index into PAGE_KINDS. */
  readonly kind: number
  /** Order of its folios: 0 for small pages. A folio lies at a multiple of its size, wholly inside the mapping. */
  readonly order: number
  /** `MAPPING_*` bits. */
  readonly flags: number
}

/** Order of the folio that backs `page` of the mapping: smaller where a whole folio does not fit in. */
export function folioOrderAt(mapping: Mapping, page: number): number {
  if (mapping.order === 0) return 0
  const pages = 2 ** mapping.order
  const first = Math.floor(page / pages) * pages
  return first >= mapping.firstPage && first + pages <= mapping.endPage ? mapping.order : 0
}

/** A folio for `page`: allocates it and returns the row of `page` in it. */
export function allocateFor(pages: PageStore, mapping: Mapping, page: number): number {
  const order = folioOrderAt(mapping, page)
  const head = pages.allocateFolio(order, mapping.kind)
  return head + (order === 0 ? 0 : page - Math.floor(page / 2 ** order) * 2 ** order)
}
