import {
  copyPageFromIterAtomic,
  FAULT_COPY,
  FOLL_NOFAULT,
  faultInReadable,
  type IterStep,
  iterateAndAdvance,
  type Operation,
} from '@pinscope/core'

/** Walks over memory and takes nothing of it: a copy where pages hold no bytes. */
class Walk implements IterStep {
  readonly foll: number
  readonly allOrNothing = false

  constructor(foll: number) {
    this.foll = foll
  }

  piece(): number {
    return 0
  }
}

/** Copies out of the iterator into folios of the page cache. */
export class SourceCopy {
  /** The last copy was made to fail, and would go well another time. */
  isInjected = false
  private readonly atomic = new Walk(FOLL_NOFAULT)
  private readonly faulting = new Walk(0)

  /**
   * With page faults disabled: short before a page that is not there. Returns the bytes, which the iterator is over.
   * @kernel lib/iov_iter.c: copy_folio_from_iter_atomic (6.1: copy_page_from_iter_atomic)
   */
  copyAtomic(io: Operation, head: number, offsetBytes: number, bytes: number): number {
    return this.copy(io, head, offsetBytes, bytes, this.atomic)
  }

  /** Faults what is not there in. @kernel lib/iov_iter.c: copy_page_from_iter */
  copyFaulting(io: Operation, head: number, offsetBytes: number, bytes: number): number {
    if (io.memory.bytes !== null) faultInReadable(io.iter, io.memory, bytes)
    return this.copy(io, head, offsetBytes, bytes, this.faulting)
  }

  private copy(io: Operation, head: number, offsetBytes: number, bytes: number, walk: Walk): number {
    const { iter, memory } = io
    this.isInjected = io.faults.fails(FAULT_COPY)
    if (this.isInjected) return 0
    if (memory.bytes !== null) return copyPageFromIterAtomic(iter, memory, head, offsetBytes, bytes)
    return iterateAndAdvance(iter, memory, bytes, walk)
  }
}
