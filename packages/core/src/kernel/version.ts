/**
 * Kernel versions whose behaviour the model knows: 6.1.176, 6.12.117, 6.18 from .30 on (iterators as in 6.16), and
 * `mainline`, the tree of 7.3, where iov_iter_extract_bvecs() builds the bvecs.
 */
export const KERNEL_VERSIONS = ['6.1', '6.12', '6.18', 'mainline'] as const
/** One of the modelled versions. */
export type KernelVersion = (typeof KERNEL_VERSIONS)[number]

/** `version` is `first` or a later one. */
export function isSince(version: KernelVersion, first: KernelVersion): boolean {
  return KERNEL_VERSIONS.indexOf(version) >= KERNEL_VERSIONS.indexOf(first)
}

/** First series that each modelled version stands for, oldest first: extract_pages came with 6.3, the late trim with 6.18. */
const FIRST_SERIES: readonly (readonly [number, number, KernelVersion])[] = [
  [0, 0, '6.1'],
  [6, 3, '6.12'],
  [6, 18, '6.18'],
  [7, 0, 'mainline'],
]

/**
 * The modelled version for `6.18.44` or `6.12.95-1`: its own series where that is modelled, else the nearest one that
 * behaves alike (6.6 is taken as 6.12). Null for a text that is no version.
 */
export function kernelVersionOf(text: string): KernelVersion | null {
  if (text === 'mainline') return 'mainline'
  const match = /^v?(\d+)\.(\d+)/.exec(text)
  if (match === null) return null
  const major = Number(match[1])
  const minor = Number(match[2])
  const reached = FIRST_SERIES.filter(
    ([fromMajor, fromMinor]) => major > fromMajor || (major === fromMajor && minor >= fromMinor),
  )
  return reached.at(-1)?.[2] ?? null
}

/** True when `text` names a modelled series itself, not one that is only taken for it. */
export function isModelledSeries(text: string): boolean {
  const series = /^v?(\d+\.\d+)/.exec(text)?.[1] ?? text
  return (KERNEL_VERSIONS as readonly string[]).includes(series) || kernelVersionOf(text) === 'mainline'
}
