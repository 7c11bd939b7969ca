import type { TestRow } from '@pinscope/core/testing'
import type { SlowWriteRow, SourcePage } from './slow-buffered-write.ts'

const P = 4096
const SOURCE = 0x7f0000000000
const APART = 0x10000000

/** Rows that make the source of a write as it is said, and the write. */
export function rowsOf({ position, length, skip, source, hole }: SlowWriteRow, number: number): TestRow[] {
  const base = SOURCE + number * APART
  const maps = source.map((page, i): TestRow => {
    const segs = `0x${(base + i * P).toString(16)}+${P}`
    if (page === 'gone') return { event: 'unmap', iter: 'ubuf', segs }
    return { event: 'map', iter: 'ubuf', segs, backing: 'anon', flags: page === 'absent' ? 'untouched' : '' }
  })
  const flags = hole === undefined ? '' : `hole=${hole[0]}+${hole[1]}`
  const segs = `0x${(base + skip).toString(16)}+${length}`
  return [...maps, { op: 'write', file: 'a', offset: position, iter: 'ubuf', segs, flags }]
}

/** Numbers below what is asked for, the same from the same seed. */
export function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * below)
  }
}

/** One of some. */
export const pick = <T>(random: (below: number) => number, some: readonly T[]): T => some[random(some.length)] as T

/** A write of up to `pagesMax` pages, of which some may be absent or gone, over a hole or around one. */
export function randomWrite(random: (below: number) => number, pagesMax: number): SlowWriteRow {
  const length = pick(random, [random(pagesMax * P) + 1, (random(pagesMax) + 1) * P])
  const position = pick(random, [0, random(pagesMax) * P, random(pagesMax * P)])
  const skip = pick(random, [0, 0, random(P)])
  const pages = Math.ceil((skip + length) / P)
  const isWhole = random(3) === 0
  const source = Array.from({ length: pages }, (): SourcePage => {
    if (isWhole) return 'there'
    return pick(random, ['there', 'there', 'there', 'there', 'absent', 'gone'])
  })
  const from = random(length)
  const hole = random(4) === 0 ? ([from, random(length - from)] as const) : undefined
  return hole === undefined ? { position, length, skip, source } : { position, length, skip, source, hole }
}
