import type { PageRange } from './page-range.ts'

/** An entry of an object's list: bytes from `offsetBytes` of `page` on; page -1: not known. */
export interface ObjectEntry extends PageRange {
  /** Row of the hold table; 0: a bare page. */
  readonly token: number
  /** Row that attached it. */
  readonly row: number
}

/** What a ring has in a slot. */
export interface RingSlot {
  /** Row that filled it. */
  readonly row: number
  /** Its flags were set anew then. */
  readonly isReset: boolean
}

/** A kernel object that references belong to: a bio, an skb, a request, a table of pages, a notifier. */
export interface KernelObject {
  readonly id: number
  /** What it is: `bio`, `skb`, `ubuf_info`. */
  readonly kind: string
  /** Row that allocated it. */
  readonly row: number
  /** Entries that fit into its list; 0: it has none, or it grows. */
  readonly capacity: number
  readonly entries: ObjectEntry[]
  /** What was joined with its last entry. */
  readonly joined: ObjectEntry[]
  /** Entries since it was allocated, or since its I/O was over: then its list is filled anew. @kernel block/bio.c: bio_reset */
  filled: number
  /** Whoever frees it puts each page of its list, whether or not a reference was taken. */
  readonly putsPages: boolean
  references: number
  /** Descriptors that name it and took no reference. */
  unreferenced: number
  /** References that were taken ahead of a copy, and wait for it; and copies that came to have such a one. */
  spare: number
  prepaid: number
  isInFlight: boolean
  /** Row that submitted it last. */
  submittedRow: number
  isFreed: boolean
  /** Row and line that freed it. */
  freedRow: number
  freedLine: number
  /** Bytes submitted; -1: nobody told. */
  bytes: number
}
