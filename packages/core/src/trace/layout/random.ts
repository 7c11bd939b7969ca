import { PAGE_SIZE } from '../../units.ts'
import { Buffers, placeEach } from './buffers.ts'
import type { LayoutPolicy } from './layout-policy.ts'

/** Every byte of a page is as likely as any other to be where a buffer begins. The same seed gives the same layout. */
export const randomLayout: LayoutPolicy = {
  usage: 'random:SEED',
  summary: 'every buffer begins on any byte of a page, each as likely as the other; SEED is a whole number',
  make(text) {
    const match = /^random(?::(.*))?$/.exec(text)
    if (match === null) return null
    if (!/^\d{1,9}$/.test(match[1] ?? '')) return 'expected random:SEED with a whole number of at most nine digits'
    const buffers = new Buffers()
    const next = generator(Number(match[1]))
    return { name: text, place: (row) => placeEach(row, buffers, () => next() & (PAGE_SIZE - 1)) }
  },
}

/** Whole numbers of 32 bits from a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return (value ^ (value >>> 14)) >>> 0
  }
}
