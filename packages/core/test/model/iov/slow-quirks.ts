import type { SlowIov, SlowKernel, SlowQuirk } from './slow-types.ts'

const EVERYWHERE: readonly SlowQuirk[] = ['get-pages-empty-bvec', 'xarray-copy-hole']
/** Since the extraction of bvecs joins them. */
const JOINED: readonly SlowQuirk[] = ['bvec-entries-short', 'bvec-one-empty-skipped']
/** Since there is extraction, until June 2026. */
const XARRAY: readonly SlowQuirk[] = ['xarray-hole-wrap', 'sg-xarray-start']

/**
 * By the trees of 6.1.176, 6.12.117, 6.18.30 and 7.3. On nowhere: `folioq-eager-roll` (in no release),
 * `is-aligned-first-bvec` (gone before 6.18), `sg-temp-array` and `sg-kvec-length` (fixed in 6.12.88 and 6.18.30).
 */
const BY_KERNEL: Readonly<Record<SlowKernel, readonly SlowQuirk[]>> = {
  '6.1': EVERYWHERE,
  '6.12': [...EVERYWHERE, ...XARRAY, 'iov-len-ubuf'],
  '6.18': [...EVERYWHERE, ...XARRAY, ...JOINED, 'bvec-no-entry-check'],
  mainline: [...EVERYWHERE, ...JOINED],
}

/** The defects that a kernel version has. */
export function defaultQuirks(kernel: SlowKernel): Set<SlowQuirk> {
  return new Set(BY_KERNEL[kernel])
}

export function has(iter: SlowIov, quirk: SlowQuirk): boolean {
  return iter.quirks.has(quirk)
}
