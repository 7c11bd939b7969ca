import type { SlowIov, SlowKernel, SlowQuirk } from './slow-types.ts'

const EVERYWHERE: readonly SlowQuirk[] = ['get-pages-empty-bvec', 'xarray-copy-hole']
/** Since the extraction of bvecs joins them. */
const JOINED: readonly SlowQuirk[] = ['bvec-entries-short', 'bvec-one-empty-skipped', 'bvec-no-entry-check']
/** Since there is extraction, until June 2026. */
const XARRAY: readonly SlowQuirk[] = ['xarray-hole-wrap', 'sg-xarray-start']

const BY_KERNEL: Readonly<Record<SlowKernel, readonly SlowQuirk[]>> = {
  '6.1': EVERYWHERE,
  '6.12': [...EVERYWHERE, ...XARRAY, 'iov-len-ubuf'],
  '6.18': [...EVERYWHERE, ...XARRAY, ...JOINED, 'is-aligned-first-bvec', 'sg-temp-array', 'sg-kvec-length'],
  mainline: [...EVERYWHERE, ...XARRAY, ...JOINED, 'folioq-eager-roll'],
}

/** The defects that a kernel version has. */
export function defaultQuirks(kernel: SlowKernel): Set<SlowQuirk> {
  return new Set(BY_KERNEL[kernel])
}

export function has(iter: SlowIov, quirk: SlowQuirk): boolean {
  return iter.quirks.has(quirk)
}
