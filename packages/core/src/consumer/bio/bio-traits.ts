import type { KernelVersion } from '../../kernel/version.ts'

/** What differs between kernel versions when bios are filled from an iterator. */
export interface BioTraits {
  /**
   * Memory alignment is looked at `before` any page is taken, `at-submit` when the bio is split for the device, or for
   * `each-piece` as it is extracted.
   */
  readonly alignment: 'before' | 'at-submit' | 'each-piece'
  /** The tail that is no whole block is cut off after `each-call` of the extraction, or once, `at-end`. */
  readonly trim: 'each-call' | 'at-end'
  /** A physically adjacent piece extends the last bvec across calls and folios. */
  readonly mergeAcross: boolean
}

/**
 * 6.1, 6.12: block/bio.c of the stable trees. 6.18: measured on a running kernel (1,000 operations, traces/ground-truth).
 * mainline: the 2026 tree, where iov_iter_extract_bvecs() groups the pages and never merges with an earlier bvec.
 */
export const BIO_TRAITS: Readonly<Record<KernelVersion, BioTraits>> = {
  '6.1': { alignment: 'before', trim: 'each-call', mergeAcross: true },
  '6.12': { alignment: 'before', trim: 'each-call', mergeAcross: true },
  '6.18': { alignment: 'at-submit', trim: 'at-end', mergeAcross: true },
  mainline: { alignment: 'each-piece', trim: 'at-end', mergeAcross: false },
}
