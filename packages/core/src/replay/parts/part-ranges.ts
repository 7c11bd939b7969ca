import type { ByteRange } from './byte-file.ts'

/**
 * Ranges that end near the places that divide the bytes from `from` on, the first with `headStartBytes` more than the others.
 * `boundary`: the next possible end, or -1.
 */
export function partsOf(
  from: number,
  sizeBytes: number,
  count: number,
  headStartBytes: number,
  boundary: (at: number) => number,
): ByteRange[] {
  const ends: number[] = []
  const first = from + headStartBytes
  for (let part = 1; part < count; part++) {
    const at = boundary(first + Math.floor(((sizeBytes - first) * part) / count))
    if (at > (ends.at(-1) ?? from) && at < sizeBytes) ends.push(at)
  }
  return [...ends, sizeBytes].map((to, part) => ({ from: ends[part - 1] ?? 0, to }))
}
