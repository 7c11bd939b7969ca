/**
 * What one extraction leaves on its pages: nothing, a reference each, or a pin each. One extraction has one retention:
 * FOLL_GET and FOLL_PIN exclude each other.
 * @kernel include/linux/mm_types.h: neither FOLL_GET nor FOLL_PIN (6.1: mm.h)
 */
export const RETAIN_NONE = 0
/** A reference, dropped with put_page(). @kernel mm/gup.c: get_user_pages_fast; include/linux/mm.h: get_page */
export const RETAIN_REF = 1
/** A pin, dropped with unpin_user_page(). @kernel mm/gup.c: pin_user_pages_fast */
export const RETAIN_PIN = 2

/** One of {@link RETAIN_NONE}, {@link RETAIN_REF}, {@link RETAIN_PIN}. @kernel include/linux/mm_types.h: FOLL_GET, FOLL_PIN (6.1: mm.h) */
export type Retention = 0 | 1 | 2

/** Names in reports, by code. */
export const RETENTION_NAMES = ['none', 'ref', 'pin'] as const
