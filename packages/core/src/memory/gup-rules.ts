import { EFAULT, EOPNOTSUPP, EREMOTEIO } from '../errno.ts'
import type { KernelVersion } from '../kernel/version.ts'
import { FOLL_END, FOLL_FORCE, FOLL_GET, FOLL_LONGTERM, FOLL_PCI_P2PDMA, FOLL_PIN, FOLL_WRITE } from './foll.ts'
import {
  MAPPING_FSDAX,
  MAPPING_NO_ACCESS,
  MAPPING_NO_FORCE,
  MAPPING_NO_PAGES,
  MAPPING_P2PDMA,
  MAPPING_READ_ONLY,
  MAPPING_SECRET,
  MAPPING_TRACKED,
} from './mapping.ts'

/** {@link GupRules.refused} of bits that exclude each other. */
export const FOLL_INVALID = -1

/**
 * When a page of a large anonymous folio that may be shared is written in place instead of being copied: `last`, when the
 * folio has one reference left, that of this page; `never`; `whole`, when all its references are mappings of this
 * address space, and they are more than one.
 * @kernel mm/memory.c: do_wp_page (6.1), wp_can_reuse_anon_folio (6.12), __wp_can_reuse_large_anon_folio (since 6.15)
 */
export type LargeReuse = 'last' | 'never' | 'whole'

/** What differs between kernel versions in get_user_pages and copy-on-write. */
export interface GupRules {
  /** By FOLL_* bits: the `MAPPING_*` flags that refuse such a walk, or {@link FOLL_INVALID}. */
  readonly refused: Int32Array
  /**
   * A pin for long that does not write breaks copy-on-write of a private file page and of the zero page. Since 6.2.
   * @kernel mm/internal.h: gup_must_unshare
   */
  readonly unsharesFiles: boolean
  readonly largeReuse: LargeReuse
}

/** The rules of a version. */
export function gupRules(version: KernelVersion): GupRules {
  const isOld = version === '6.1'
  return {
    refused: Int32Array.from({ length: FOLL_END }, (_, foll) => refusedBy(foll, isOld)),
    unsharesFiles: !isOld,
    largeReuse: isOld ? 'last' : version === '6.12' ? 'never' : 'whole',
  }
}

/** Errno of a refusal; `met` are the flags of the mapping that the walk's {@link GupRules.refused} has too. */
export function refusal(met: number): number {
  if ((met & MAPPING_NO_PAGES) !== 0) return EFAULT
  if ((met & MAPPING_FSDAX) !== 0) return EOPNOTSUPP
  // Looked at only once the page is there: whatever else refuses comes first.
  return met === MAPPING_P2PDMA ? EREMOTEIO : EFAULT
}

function refusedBy(foll: number, isOld: boolean): number {
  return isValid(foll, isOld) ? flagsRefused(foll, isOld) : FOLL_INVALID
}

/** @kernel mm/gup.c: is_valid_gup_args; 6.1: is_valid_gup_flags, pin_user_pages_fast, __gup_longterm_locked */
function isValid(foll: number, isOld: boolean): boolean {
  const has = (bits: number) => (foll & bits) === bits
  if (has(FOLL_GET | FOLL_PIN)) return false
  if (has(FOLL_LONGTERM) && !has(FOLL_PIN)) return false
  return isOld || !has(FOLL_LONGTERM | FOLL_PCI_P2PDMA)
}

/**
 * @kernel mm/gup.c: check_vma_flags; writable_file_mapping_allowed (since 6.5), try_grab_folio (-EREMOTEIO, since 6.2:
 *   6.1 knows no FOLL_PCI_P2PDMA, and gives the page)
 */
function flagsRefused(foll: number, isOld: boolean): number {
  const takes = (foll & (FOLL_GET | FOLL_PIN)) !== 0
  const isLongTerm = (foll & FOLL_LONGTERM) !== 0
  let refused = MAPPING_NO_ACCESS | MAPPING_NO_PAGES
  if (takes) refused |= MAPPING_SECRET
  if (takes && (foll & FOLL_PCI_P2PDMA) === 0 && !isOld) refused |= MAPPING_P2PDMA
  if (isLongTerm) refused |= MAPPING_FSDAX
  if ((foll & FOLL_WRITE) !== 0) {
    refused |= (foll & FOLL_FORCE) !== 0 ? MAPPING_NO_FORCE : MAPPING_READ_ONLY
    if (isLongTerm && !isOld) refused |= MAPPING_TRACKED
  }
  return refused
}
