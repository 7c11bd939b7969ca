/** A version and the quirks switched against it: `6.18 (quirks: folioq-eager-roll, -xarray-hole-wrap)`. */
export function kernelText({
  kernel,
  quirks = [],
}: {
  readonly kernel: string
  readonly quirks?: readonly string[] | undefined
}): string {
  return quirks.length === 0 ? kernel : `${kernel} (quirks: ${quirks.join(', ')})`
}
