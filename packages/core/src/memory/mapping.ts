import { firstOfFolio, KIND_ANON, KIND_FILE, KIND_HUGETLB, KIND_THP, PAGE_KINDS } from './page-store.ts'

/** Protection and history of a mapping, as flag bits. Nothing was touched yet: no page is there. */
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

// What follows from the backing; {@link kindFlags} sets it.

/** Private: fork shares its pages, a write copies them. @kernel mm/internal.h: is_cow_mapping */
export const MAPPING_COW = 1 << 6
/** memfd_secret(2): the CPU reaches it, get_user_pages does not. @kernel mm/secretmem.c: vma_is_secretmem */
export const MAPPING_SECRET = 1 << 7
/** A file on a DAX device: no pin for long. @kernel include/linux/fs.h: vma_is_fsdax */
export const MAPPING_FSDAX = 1 << 8
/** Memory of a PCI device that others may reach. @kernel include/linux/memremap.h: is_pci_p2pdma_page */
export const MAPPING_P2PDMA = 1 << 9
/** A shared file whose file system must see each write. @kernel mm/vma.c: vma_needs_dirty_tracking */
export const MAPPING_TRACKED = 1 << 10

/** Not writable, and not even FOLL_FORCE breaks copy-on-write: shared, or huge pages. @kernel mm/gup.c: check_vma_flags */
export const MAPPING_NO_FORCE = 1 << 11

/** {@link Mapping.under} of a mapping with nothing under it. */
export const NO_TABLE = -1
/** {@link Mapping.file} of a mapping whose file nothing names, or that has none. */
export const NO_FILE = -1

/**
 * One mapping of an address space: a range of virtual pages with one backing. A later `map` of the same range makes a
 * new mapping with a new id, so that pages of the old one are never found again.
 * @kernel include/linux/mm_types.h: struct vm_area_struct
 */
export interface Mapping {
  /** Its page table; from 0. What is left of a mapping on both sides of another one has one table. */
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
  /**
   * Table of the pages that lie under it, which it has in common with the mappings forked from it: the page cache of a
   * private file mapping; of anonymous memory what was there at the fork, although no row had reached it yet.
   * {@link NO_TABLE} for none: its pages are in its own table alone, or in the page cache of its file.
   */
  readonly under: number
  /** The file, as the page cache knows it; {@link NO_FILE} for none. @kernel struct vm_area_struct: vm_file */
  readonly file: number
  /** Index in the file of its virtual page 0: added to a page it gives the page's index. @kernel struct vm_area_struct: vm_pgoff */
  readonly fileShift: number
}

const FLAGS_OF_KIND: ReadonlyMap<number, number> = new Map([
  [KIND_ANON, MAPPING_COW],
  [KIND_THP, MAPPING_COW],
  [PAGE_KINDS.indexOf('secretmem'), MAPPING_SECRET],
  [PAGE_KINDS.indexOf('fsdax'), MAPPING_FSDAX],
  [PAGE_KINDS.indexOf('p2pdma'), MAPPING_P2PDMA],
])

/** `flags` with what follows from the backing. */
export function kindFlags(kind: number, flags: number): number {
  const isPrivate = (flags & MAPPING_PRIVATE) !== 0
  const tracked = kind === KIND_FILE && !isPrivate ? MAPPING_TRACKED : 0
  const all = flags | (FLAGS_OF_KIND.get(kind) ?? 0) | tracked | (isPrivate ? MAPPING_COW : 0)
  const isForceable = (all & MAPPING_COW) !== 0 && kind !== KIND_HUGETLB
  return (all & MAPPING_READ_ONLY) !== 0 && !isForceable ? all | MAPPING_NO_FORCE : all
}

/** Order of the folio that backs `page` of the mapping: smaller where a whole folio does not fit in. */
export function folioOrderAt(mapping: Mapping, page: number): number {
  if (mapping.order === 0) return 0
  const pages = 2 ** mapping.order
  const first = firstOfFolio(page, mapping.order)
  return first >= mapping.firstPage && first + pages <= mapping.endPage ? mapping.order : 0
}
