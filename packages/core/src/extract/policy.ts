import { EFAULT } from '../errno.ts'
import { type Direction, ITER_DEST, ITER_DISCARD, ITER_KVEC, type IterType, isUserBacked } from '../iter/iter-type.ts'
import { RETAIN_NONE, RETAIN_PIN, RETAIN_REF } from './retention.ts'

/** Names for `--policy`. */
export const POLICY_NAMES = ['get-pages', 'viro-2022', 'extract', 'folio'] as const
/** Name of a policy. */
export type PolicyName = (typeof POLICY_NAMES)[number]

/**
 * How pages of an iterator are held: what iov_iter_extract_will_pin() tells, widened to compare proposals.
 * @kernel include/linux/uio.h: iov_iter_extract_will_pin
 */
export interface ExtractionPolicy {
  readonly name: PolicyName
  /** One line for `pinscope policies`. */
  readonly summary: string
  /** The kernel symbol, or the mail, that it stands for. */
  readonly source: string
  /** One entry and one reference operation for each contiguous run of a folio, instead of one a page. */
  readonly perFolio: boolean
  /** It stands for iov_iter_get_pages2(), with that function's reach and errors; the others for iov_iter_extract_pages(). */
  readonly isLegacy: boolean
  /** A `RETAIN_*` code, or -EFAULT where the kernel refuses the type. */
  retention(type: IterType, direction: Direction): number
}

const getPages: ExtractionPolicy = {
  name: 'get-pages',
  summary: 'a reference on every page, whatever backs the iterator; KVEC refused with -EFAULT',
  source: 'lib/iov_iter.c: iov_iter_get_pages2',
  perFolio: false,
  isLegacy: true,
  retention: (type) => (type === ITER_KVEC || type === ITER_DISCARD ? EFAULT : RETAIN_REF),
}

const viro2022: ExtractionPolicy = {
  name: 'viro-2022',
  summary: 'user-backed: a pin where data arrives (ITER_DEST), a reference where it leaves (ITER_SOURCE); else nothing',
  source: 'Al Viro, linux-fsdevel, October 2022',
  perFolio: false,
  isLegacy: false,
  retention: (type, direction) => {
    if (type === ITER_DISCARD) return EFAULT
    if (!isUserBacked(type)) return RETAIN_NONE
    return direction === ITER_DEST ? RETAIN_PIN : RETAIN_REF
  },
}

/** What iov_iter_extract_pages() takes: for a stage that calls it whatever the lane's policy is. @kernel lib/iov_iter.c: iov_iter_extract_pages */
export const EXTRACT: ExtractionPolicy = {
  name: 'extract',
  summary: 'user-backed: a pin on every page, both directions; else nothing',
  source: 'lib/iov_iter.c: iov_iter_extract_pages (since 6.3)',
  perFolio: false,
  isLegacy: false,
  retention: (type) => {
    if (type === ITER_DISCARD) return EFAULT
    return isUserBacked(type) ? RETAIN_PIN : RETAIN_NONE
  },
}

const folio: ExtractionPolicy = {
  name: 'folio',
  summary: 'as extract, but one entry, one pin and one reference operation for each contiguous run of a folio',
  source: 'the compound-page variant asked for in the October 2022 thread; counts as mm/gup.c: memfd_pin_folios',
  perFolio: true,
  isLegacy: false,
  retention: EXTRACT.retention,
}

/** Every policy, in the order in which lanes and lists show them. */
export const POLICIES: readonly ExtractionPolicy[] = [getPages, viro2022, EXTRACT, folio]

/** The policy of that name, or undefined. */
export function findPolicy(name: string): ExtractionPolicy | undefined {
  return POLICIES.find((policy) => policy.name === name)
}
