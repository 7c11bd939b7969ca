import { memoryOf, POLICIES, VERSIONS } from './random-rows.ts'
import type { IterName, Policy, Row, Version } from './slow-common.ts'

/** One or two operations over the same memory, on one socket. */
export interface SmallCase {
  readonly rows: readonly Row[]
  readonly version: Version
  readonly policy: Policy
}

const ITERS: readonly IterName[] = ['ubuf', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq', 'discard']
/** Around page ends, and around what a socket or a message holds. */
const OFFSETS = [0, 1, 512, 4095]
const LENGTHS = [1, 511, 4095, 4096, 4097, 16_384]
const SHAPES = OFFSETS.length * LENGTHS.length
const ORDERS: readonly (readonly ('read' | 'write')[])[] = [['read'], ['write'], ['write', 'read'], ['read', 'write']]
/** How many values each choice has, in the order in which `smallCase` reads them. */
const RADIX = [3, SHAPES, SHAPES, SHAPES, ITERS.length, ORDERS.length, VERSIONS.length, POLICIES.length, 2]

/** All of them. */
export const SMALL_CASES = RADIX.reduce((product, values) => product * values, 1)

/** Coprime to their number: a walk in such steps meets every value of every choice, and every pair of values. */
export const STEP = 1_000_003

/** Case `index`, by its digits; null where the version has no such iterator. */
export function smallCase(index: number): SmallCase | null {
  let rest = index
  const [count, a, b, c, type, order, version, policy, apart] = RADIX.map((values) => {
    const digit = rest % values
    rest = Math.floor(rest / values)
    return digit
  }) as [number, ...number[]]
  const iter = ITERS[type!]!
  if (iter === 'folioq' && VERSIONS[version!] === '6.1') return null
  const shapes = [a!, b!, c!].slice(0, count + 1)
  const parts = shapes.map((shape, i) => ({
    at: apart === 1 ? i * 8 : i,
    offset: OFFSETS[shape % OFFSETS.length]!,
    length: LENGTHS[Math.floor(shape / OFFSETS.length)]!,
  }))
  const ops = iter === 'discard' ? (['read'] as const) : ORDERS[order!]!
  const segs = memoryOf(iter, parts)
  const len = iter === 'discard' ? { len: parts[0]!.length } : {}
  return {
    rows: ops.map((op) => ({ op, iter, segs, file: 'a', ...len })),
    version: VERSIONS[version!]!,
    policy: POLICIES[policy!]!,
  }
}
