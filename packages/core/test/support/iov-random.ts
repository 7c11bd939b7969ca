import fc from 'fast-check'
import type { PolicyName } from '../../src/extract/policy.ts'
import { KERNEL_VERSIONS, type KernelVersion } from '../../src/kernel/version.ts'
import {
  filePieces,
  HOLE,
  HUGETLB,
  type IovCase,
  type IovSegment,
  type IovTypeName,
  iovCase,
  TWIN_QUIRKS,
  VALUE,
} from './iov-case.ts'
import type { IovOp, OpBack, OpBytes } from './iov-ops.ts'

// Random cases with random sequences of operations. All comes from plain numbers, where 0 is the simplest choice, so that
// fast-check makes a failing one shorter.

/** A case, and what is done to it. */
export class IovSequence {
  readonly one: IovCase
  readonly ops: readonly IovOp[]

  constructor(one: IovCase, ops: readonly IovOp[]) {
    this.one = one
    this.ops = ops
  }

  /** The case without what does not matter, and an operation a line. */
  [fc.toStringMethod](): string {
    const plain: Record<string, unknown> = { ...iovCase({ type: this.one.type, countBytes: -1 }) }
    const given = Object.entries(this.one).filter(
      ([key, value]) => key === 'type' || key === 'kernel' || JSON.stringify(value) !== JSON.stringify(plain[key]),
    )
    const lines = this.ops.map((op, i) => `  ${i + 1}. ${JSON.stringify(op)}`)
    return [`${JSON.stringify(Object.fromEntries(given))}`, ...lines].join('\n')
  }
}

const LENGTHS = [4096, 0, 1, 511, 512, 4095, 4097, 8192, 8193, 100, 12_288, 16_384, 0, 16_000]
const OFFSETS = [0, 1, 511, 512, 4095, 2048]
const BYTES: readonly OpBytes[] = [
  4096,
  0,
  1,
  2,
  100,
  511,
  512,
  2048,
  4095,
  4097,
  8191,
  8192,
  8193,
  1000,
  'count',
  'huge',
  'count-1',
  'count+1',
]
const BACK: readonly OpBack[] = ['all', 'past-start', 0, 1, 100, 511, 4095, 4096, 4097, 8192]
const POLICIES: readonly PolicyName[] = ['extract', 'get-pages', 'folio', 'viro-2022']
/** Those that list pages, not runs of them. */
const BARE_POLICIES: readonly PolicyName[] = ['extract', 'get-pages', 'viro-2022']
const FOLIOS = [0, 0, 1, 2, 0, HOLE, 1, VALUE, HUGETLB]

/** What may be done to each type: often used ones more than once. */
const MOVES = ['extract', 'advance', 'revert', 'truncate', 'reexpand', 'save', 'restore', 'queries', 'release'] as const
const COPIES = [
  'copy-to',
  'copy-from',
  'copy-to-full',
  'copy-from-full',
  'zero',
  'page-to',
  'page-from',
  'page-from-atomic',
  'csum-to',
  'csum-from',
  'csum-from-full',
  'fault-in',
] as const
const WALKS = ['crc', 'scan', 'dup', 'to-sg', 'to-iter'] as const
const COMMON = ['extract', 'extract', ...MOVES, ...COPIES, ...WALKS] as const
const KINDS: Readonly<Record<IovTypeName, readonly IovOp['op'][]>> = {
  ubuf: [...COMMON, 'refuse'],
  iovec: [...COMMON, 'refuse'],
  kvec: COMMON,
  bvec: COMMON,
  folioq: [...COMMON, 'extend-queue', 'clear-slot'],
  xarray: [...COMMON, 'punch'],
  pipe: ['extract', 'extract', 'copy-to', 'page-to', 'page-to', 'read-pipe', ...MOVES, ...COPIES],
  discard: COMMON,
}

/** Sequences of a few kinds: what they leave behind meets more of the same. */
const FOCUSES: readonly (readonly IovOp['op'][])[] = [
  ['to-sg', 'to-sg', 'to-sg', 'extract', 'advance', 'revert'],
  ['extract', 'extract', 'revert', 'release', 'save', 'restore', 'to-iter'],
  ['truncate', 'reexpand', 'advance', 'revert', 'dup', 'queries', 'copy-to', 'scan'],
]

const VERSIONS: readonly KernelVersion[] = [...KERNEL_VERSIONS].reverse()

type Numbers = readonly number[]

/** Sequences for iterators of one type. */
export function sequencesOf(type: IovTypeName): fc.Arbitrary<IovSequence> {
  const number = fc.noBias(fc.nat(0xffff))
  return fc
    .tuple(
      fc.tuple(number, number, number, number, number, number),
      fc.array(fc.tuple(number, number, number), { minLength: 1, maxLength: 4, size: 'max' }),
      fc.array(fc.tuple(number, number, number, number), { maxLength: 12, size: 'max' }),
    )
    .map(([head, parts, ops]) => {
      const one = caseOf(type, head, parts)
      return new IovSequence(
        one,
        ops.map((numbers) => opOf(one, kindsOf(type, head), numbers)),
      )
    })
}

/** A quarter of the sequences has a focus; pipes are another matter. */
function kindsOf(type: IovTypeName, [, direction = 0]: Numbers): readonly IovOp['op'][] {
  if (type === 'pipe' || (direction >> 4) % 4 !== 3) return KINDS[type]
  return pick(FOCUSES, direction >> 8)
}

function caseOf(type: IovTypeName, head: Numbers, parts: readonly Numbers[]): IovCase {
  const [version = 0, direction = 0, cut = 0, start = 0, fault = 0, quirk = 0] = head
  const kernel = versionOf(type, version)
  const onlyDest = type === 'pipe' || type === 'discard'
  const base = { type, kernel, isSource: !onlyDest && direction % 2 === 1, changes: changesOf(quirk) }
  if (type === 'folioq' || type === 'xarray') return folioCase(base, parts, cut, start)
  if (type === 'pipe')
    return iovCase({ ...base, ringSize: [4, 2, 1, 8][start % 4]!, countBytes: pick(PIPE_COUNTS, cut) })
  if (type === 'discard') return iovCase({ ...base, countBytes: pick(LENGTHS, cut) })
  const segments = (type === 'ubuf' ? parts.slice(0, 1) : parts).map((part) => segmentOf(type, part))
  const total = segments.reduce((sum, segment) => sum + segment[2], 0)
  return iovCase({ ...base, segments, countBytes: countOf(total, cut), ...faultsOf(type, fault) })
}

const PIPE_COUNTS = [0x10_000, 4096, 1, 5000, 8192, 12_289]

function versionOf(type: IovTypeName, version: number): KernelVersion {
  if (type === 'pipe') return '6.1'
  // A folio queue is not in 6.1.
  return pick(type === 'folioq' ? VERSIONS.slice(0, 3) : VERSIONS, version)
}

/** Mostly none. */
function changesOf(quirk: number): string[] {
  if (quirk % 4 !== 3) return []
  const name = pick(TWIN_QUIRKS, quirk >> 4)
  const more = pick(TWIN_QUIRKS, quirk >> 8)
  return quirk % 8 === 3 ? [`-${name}`, `-${more}`] : [name, `-${more}`]
}

function segmentOf(type: IovTypeName, [page = 0, offset = 0, length = 0]: Numbers): IovSegment {
  // A bvec may begin behind its first page.
  const pages = type === 'bvec' && offset % 5 === 4 ? 1 : 0
  return [page % 24, pick(OFFSETS, offset >> 3) + pages * 4096, pick(LENGTHS, length)]
}

/** Mostly all of it. */
function countOf(total: number, cut: number): number {
  if (cut % 4 !== 3) return total
  return Math.max(0, [total - 1, total - 4096, Math.floor(total / 2), total + 1][(cut >> 2) % 4]!)
}

function faultsOf(type: IovTypeName, fault: number): Partial<IovCase> {
  if (type === 'bvec') return fault % 3 === 2 ? { slab: [(fault >> 4) % 8, (fault >> 8) % 24] } : {}
  if (type === 'kvec') return {}
  const userOrder = [0, 0, 1, 2][(fault >> 2) % 4]!
  const pages = [(fault >> 4) % 26, (fault >> 9) % 26]
  if (fault % 4 === 3) return { userOrder, refused: pages }
  return fault % 4 === 2 ? { userOrder, readOnly: pages } : { userOrder }
}

function folioCase(
  base: Pick<IovCase, 'type' | 'kernel' | 'isSource' | 'changes'>,
  parts: readonly Numbers[],
  cut: number,
  start: number,
): IovCase {
  const isQueue = base.type === 'folioq'
  const folios = parts.map(([order = 0]) => pick(isQueue ? FOLIOS.slice(0, 6) : FOLIOS, order))
  const last = isQueue ? null : filePieces(folios).at(-1)
  const pages = isQueue
    ? folios.reduce((sum, order) => sum + 2 ** Math.max(order, 0), 0)
    : last === null || last === undefined
      ? 1
      : last.index + last.pages
  const first = isQueue ? 2 ** Math.max(folios[0]!, 0) * 4096 : pages * 4096
  const startBytes = Math.min(pick([0, 1, 511, 4095, 4096, 8191, 8192, 2048], start), first)
  const countBytes = countOf(pages * 4096 - startBytes, cut)
  // Two folios and more around the end of a segment of the queue.
  const slot = isQueue && (start >> 4) % 8 === 7 ? 29 + ((start >> 8) % 2) : 0
  return iovCase({ ...base, folios, startBytes, countBytes, slot })
}

function opOf(one: IovCase, kinds: readonly IovOp['op'][], [kind = 0, a = 0, b = 0, c = 0]: Numbers): IovOp {
  const drawn = pick(kinds, kind)
  // Against the direction seldom: most versions do nothing then.
  const op = c % 8 === 7 ? drawn : (alongDirection(drawn, one.isSource) ?? drawn)
  const bytes = pick(BYTES, a)
  switch (op) {
    case 'extract':
      return { op, policy: policyOf(one, c), bytes, pages: [16, 1, 2, 3, 4, 0][b % 6]! }
    case 'release':
      return { op, hold: a % 4 }
    case 'revert':
      return { op, bytes: pick(BACK, a) }
    case 'scan':
      return { op, bytes, stopAt: pick([4096, 0, 1, 511, 512, 4095, 5000, 9000], b) }
    case 'fault-in':
      return { op, bytes, write: b % 2 === 1 }
    case 'page-to':
    case 'page-from':
    case 'page-from-atomic':
      return {
        op,
        page: c % 2,
        offset: pick([0, 1, 511, 4095, 4096], b),
        bytes: pick([4096, 0, 1, 100, 5000, 8192, 8193], a),
      }
    case 'to-sg':
      return { op, bytes, entries: [16, 1, 2, 3, 5, 0][b % 6]!, keep: c % 4 === 3 }
    case 'to-iter':
      return {
        op,
        policy: one.kernel === '6.1' ? 'get-pages' : pick(BARE_POLICIES, c >> 4),
        bytes,
        segments: [32, 1, 2, 5][b % 4]!,
        copied: pick([12_288, 1, 4096, 5000], c),
      }
    case 'extend-queue':
      return { op, order: a % 3 }
    case 'clear-slot':
      return { op, slot: a % 40 }
    case 'punch':
      return { op, index: a % 8 }
    case 'refuse':
      return { op, page: a % 26 }
    case 'reexpand':
    case 'save':
    case 'restore':
    case 'dup':
    case 'queries':
    case 'read-pipe':
      return { op }
    default:
      return { op, bytes }
  }
}

const OTHER_WAY: readonly (readonly [to: IovOp['op'], from: IovOp['op']])[] = [
  ['copy-to', 'copy-from'],
  ['copy-to-full', 'copy-from-full'],
  ['csum-to', 'csum-from'],
  ['zero', 'csum-from-full'],
  ['page-to', 'page-from'],
  ['page-to', 'page-from-atomic'],
]

/** The copy that goes the right way instead of one that does not. */
function alongDirection(op: IovOp['op'], isSource: boolean): IovOp['op'] | undefined {
  const found = OTHER_WAY.find((way) => way[isSource ? 0 : 1] === op)
  return found?.[isSource ? 1 : 0]
}

/** The folio policy lists runs; what is built of them is another test's. 6.1 has get_pages2 alone. */
function policyOf({ kernel }: IovCase, number: number): PolicyName {
  return kernel === '6.1' ? 'get-pages' : pick(POLICIES, number)
}

function pick<T>(from: readonly T[], number: number): T {
  return from[number % from.length]!
}
