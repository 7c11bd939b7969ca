import { type Ledger, type Memory, PAGE_KINDS } from '@pinscope/core'

/**
 * A folio in which an object lives alone: a reference on it keeps the object too. Its counts are nobody's I/O.
 * @kernel include/linux/gfp.h: folio_alloc; include/linux/mm.h: folio_get, folio_put
 */
export class FolioOfOwn {
  /** Row of its first page. */
  readonly head: number
  private readonly ledger: Ledger

  constructor(memory: Memory, ledger: Ledger, order: number) {
    this.head = memory.pages.allocateFolio(order, PAGE_KINDS.indexOf('anon'))
    this.ledger = ledger
  }

  get(): void {
    this.ledger.mappingReferences.get(this.head)
  }

  put(): void {
    this.ledger.mappingReferences.put(this.head)
  }
}
