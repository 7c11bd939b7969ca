import { RETAIN_NONE, RETAIN_PIN, RETAIN_REF, type Retention } from '../extract/retention.ts'

declare const kind: unique symbol

/** Pages pinned by one extraction: let go with `ledger.unpin`. @kernel FOLL_PIN, unpin_user_page */
export type Pinned = number & { readonly [kind]: 'pin' }
/** Pages referenced by one extraction: let go with `ledger.put`. @kernel FOLL_GET, put_page */
export type Referenced = number & { readonly [kind]: 'ref' }
/** Pages listed with nothing taken: there is nothing to let go. @kernel include/linux/uio.h: iov_iter_extract_will_pin, false */
export type Borrowed = number & { readonly [kind]: 'none' }

/**
 * What one extraction took. The retention is in the value itself, so asking for it costs nothing; {@link isPinned} and its
 * kin tell the type of it.
 * @kernel what a bio notes in its flags: include/linux/blk_types.h: BIO_PAGE_PINNED (6.1: BIO_NO_PAGE_REF, the opposite)
 */
export type Hold = Pinned | Referenced | Borrowed

/** The hold of an extraction that took nothing. @kernel include/linux/uio.h: iov_iter_extract_will_pin, false */
export const HOLD_NONE = 0 as Borrowed

/** Holds open at one time, at most. */
export const HOLDS_MAX = 1 << 21

// bits 0-1 retention, 2-9 generation of the slot, 10-30 slot
const GENERATION_SHIFT = 2
const SLOT_SHIFT = 10
const GENERATION_MASK = 0xff

export function makeHold(slot: number, generation: number, retention: Retention): Hold {
  return ((slot << SLOT_SHIFT) | ((generation & GENERATION_MASK) << GENERATION_SHIFT) | retention) as Hold
}

export function slotOf(hold: Hold): number {
  return hold >> SLOT_SHIFT
}

export function generationOf(hold: Hold): number {
  return (hold >> GENERATION_SHIFT) & GENERATION_MASK
}

/** The `RETAIN_*` code of a hold. @kernel include/linux/mm_types.h: FOLL_PIN, FOLL_GET (6.1: mm.h) */
export function retentionOf(hold: Hold): Retention {
  return (hold & 3) as Retention
}

/** What `ledger.acquire` returned is a hold, not an errno. @kernel include/linux/err.h: IS_ERR_VALUE, the opposite */
export function isHold(taken: Hold | number): taken is Hold {
  return taken >= 0
}

/** A pin on every page: `unpin` lets it go. @kernel include/linux/uio.h: iov_iter_extract_will_pin */
export function isPinned(hold: Hold): hold is Pinned {
  return retentionOf(hold) === RETAIN_PIN
}

/** A reference on every page: `put` lets it go. @kernel include/linux/mm_types.h: FOLL_GET (6.1: mm.h) */
export function isReferenced(hold: Hold): hold is Referenced {
  return retentionOf(hold) === RETAIN_REF
}

/** Nothing taken: nothing lets it go. @kernel include/linux/uio.h: iov_iter_extract_will_pin, false */
export function isBorrowed(hold: Hold): hold is Borrowed {
  return retentionOf(hold) === RETAIN_NONE
}
