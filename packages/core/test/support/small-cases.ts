import { POLICY_NAMES } from '../../src/extract/policy.ts'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
import type { RowSpec } from './rows.ts'
import type { TwinLane } from './twin.ts'

/** One operation over a mapping: everything that can make a difference, each in a few values. */
export interface SmallCase {
  readonly rows: readonly RowSpec[]
  readonly lane: TwinLane
  readonly filesystem: string | null
  readonly attributes: ReadonlyMap<string, string>
}

const OFFSETS = [0, 512, 4095, 0x234]
const LENGTHS = [0, 1, 512, 4096, 5120]
const SHAPE = OFFSETS.length * LENGTHS.length
const ITERS = ['ubuf', 'iovec', 'kvec', 'bvec', 'folioq', 'xarray', 'pipe', 'discard'] as const
const ONE_SEGMENT: readonly string[] = ['ubuf', 'xarray', 'pipe', 'discard']
const LIMITS = [1, 2, 3, 256]
const CONSUMERS = ['bio', 'bio', 'bio', 'null'] as const
const USER_BASE = 0x7f0000000000
const KERNEL_BASE = 0x888000000000
const FRAME = 500
const FILE = 1
/** Pages between segments that lie apart. */
const STRIDE = 16

/** How many values each choice has, in the order in which `smallCase` reads them. */
const RADIX = [3, SHAPE, SHAPE, SHAPE, 2, ITERS.length, 2, 4, 2, 2, 2, 2, 2, 4, 4, 4, 2]

/** All of them. */
export const SMALL_CASES = RADIX.reduce((product, values) => product * values, 1)

/** Case `index`, by its digits. */
export function smallCase(index: number): SmallCase {
  let rest = index
  const [count, a, b, c, write, iter, large, limit, lbs, dma, touching, cut, fs, policy, kernel, consumer, async] =
    RADIX.map((values) => {
      const digit = rest % values
      rest = Math.floor(rest / values)
      return digit
    }) as [number, ...number[]]
  const type = ITERS[iter!]!
  const shapes = ONE_SEGMENT.includes(type) ? [a!] : [a!, b!, c!].slice(0, count + 1)
  const segs = segmentsOf(type, shapes, touching === 1)
  const hasSegments = type !== 'pipe' && type !== 'discard'
  const blockSize = lbs === 0 ? 512 : 4096
  const total = segs.reduce((sum, seg) => sum + seg.at(-1)!, 0)
  return {
    rows: [
      { event: 'map', segs: [[USER_BASE, 1 << 20]], backing: 'anon', order: large === 0 ? 0 : 2 },
      {
        op: write === 1 && hasSegments ? 'write' : 'read',
        iter: type,
        segs: hasSegments ? segs : [],
        len: cut === 1 ? total - (total % blockSize) : total,
        ...(async === 1 ? { end: 'never' as const } : {}),
      },
    ],
    lane: {
      policy: POLICY_NAMES[policy!]!,
      kernel: KERNEL_VERSIONS[kernel!]!,
      consumer: CONSUMERS[consumer!]!,
      bvecLimit: LIMITS[limit!]!,
    },
    filesystem: fs === 0 ? null : 'ext4',
    attributes: new Map([
      ['logical-block-size', String(blockSize)],
      ['dma-alignment', dma === 0 ? '4' : '512'],
    ]),
  }
}

/**
 * Segments apart from each other, each at its own offset, or each where the one before it ends. Those of a folio queue
 * meet at page ends.
 */
function segmentsOf(type: (typeof ITERS)[number], shapes: readonly number[], touching: boolean): number[][] {
  let next = 0
  return shapes.map((shape, i) => {
    const isQueue = type === 'folioq'
    const offset = isQueue && i > 0 ? 0 : OFFSETS[shape % OFFSETS.length]!
    const bytes = LENGTHS[Math.floor(shape / OFFSETS.length)]!
    const length = isQueue && i < shapes.length - 1 ? Math.ceil((offset + bytes) / 4096) * 4096 - offset : bytes
    const at = touching && i > 0 ? next : i * STRIDE * 4096 + offset
    next = at + length
    if (isQueue || type === 'xarray') return [at, FILE, length]
    if (type === 'bvec') return [FRAME + Math.floor(at / 4096), at % 4096, length]
    return [(type === 'kvec' ? KERNEL_BASE : USER_BASE) + at, length]
  })
}
