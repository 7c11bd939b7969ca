/**
 * One plain reference taken or dropped by name of the page, for those who hold pages but write no count: mappings, and
 * the buffers of a pipe. The ledger implements it.
 * @kernel include/linux/mm.h: get_page, put_page
 */
export interface PageReferences {
  /** Takes one reference. @kernel get_page */
  get(page: number): void
  /** Drops one. @kernel put_page */
  put(page: number): void
}

/** Counts nothing: for address spaces that only say what is mapped where. */
export const NO_REFERENCES: PageReferences = { get() {}, put() {} }
