import fc from 'fast-check'
import { type Flag, type IterName, isUser, PAGE, type Policy, type Row, type Version } from './slow-common.ts'

export const VERSIONS: readonly Version[] = ['6.1', '6.12', '6.18', 'mainline']
export const POLICIES: readonly Policy[] = ['get-pages', 'viro-2022', 'extract', 'folio']
export const USER = 0x7f0000000000
const KERNEL = 0x888000000000
const FRAME = 500
const HUGE_BYTES = 512 * PAGE
const HUGE = USER + HUGE_BYTES
/** Pages of user memory that segments lie in. */
export const ARENA = 96

const OFFSETS = [0, 0, 0, 16, 0x100, 512, 0x800, 4095]
const LENGTHS = [1, 15, 16, 100, 512, 1000, 4095, 4096, 4096, 4097, 8192, 12_288, 16_384, 16_385, 40_000, 70_000]

/** Memory of an iterator type: segments in the form that a trace has. */
export function memoryOf(iter: IterName, parts: readonly Part[]): readonly (readonly number[])[] {
  const one = parts.slice(0, 1)
  switch (iter) {
    case 'ubuf':
      return one.map(({ at, offset, length }) => [USER + at * PAGE + offset, length])
    case 'iovec':
      return parts.map(({ at, offset, length }) => [USER + at * PAGE + offset, length])
    case 'kvec':
      return parts.map(({ at, offset, length }) => [KERNEL + at * PAGE + offset, length])
    case 'bvec':
      return parts.map(({ at, offset, length }) => [FRAME + at * 32, offset, length])
    case 'xarray':
      return one.map(({ at, offset, length }) => [at * PAGE + offset, at % 2, length])
    case 'folioq':
      return queueOf(parts)
    case 'discard':
      return []
    case 'mixed':
      return parts.map(({ at, offset, length }, i) =>
        i % 3 === 1 ? [FRAME + at * 32, offset, length] : [KERNEL + at * PAGE + offset, length],
      )
  }
}

interface Part {
  readonly at: number
  readonly offset: number
  readonly length: number
}

/** Parts of a file that meet at page ends, all but the first from the start of a page. */
function queueOf(parts: readonly Part[]): number[][] {
  let at = parts[0]!.at
  return parts.map(({ offset, length }, i) => {
    const start = i === 0 ? offset : 0
    const isLast = i === parts.length - 1
    const bytes = isLast ? length : Math.ceil((start + length) / PAGE) * PAGE - start
    const seg = [at * PAGE + start, 1, bytes]
    at += Math.ceil((start + bytes) / PAGE)
    return seg
  })
}

const part: fc.Arbitrary<Part> = fc.record({
  at: fc.integer({ min: 0, max: 24 }),
  offset: fc.constantFrom(...OFFSETS),
  length: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...LENGTHS) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 20_000 }) },
  ),
})

/** What a consumer's rows are made of. */
export interface Choices {
  readonly iters: readonly IterName[]
  readonly flags: readonly Flag[]
  readonly files: readonly string[]
  readonly ends: readonly (number | 'never' | undefined)[]
  /** Results as a part of what is asked for, sixteenths; or an errno. */
  readonly results: readonly (number | undefined)[]
  readonly partsMax?: number
  /** Lengths are mostly cut down to whole units of so many bytes. */
  readonly unit?: number
  /** Things happen to memory while operations are in flight. */
  readonly hasEvents?: boolean
}

export function ioRow(choices: Choices): fc.Arbitrary<Row> {
  return fc
    .record({
      op: fc.constantFrom('read' as const, 'write' as const),
      iter: fc.constantFrom(...choices.iters),
      parts: fc.array(part, { minLength: 1, maxLength: choices.partsMax ?? 5 }),
      flags: fc.subarray([...choices.flags]),
      file: fc.constantFrom(...choices.files),
      end: fc.constantFrom(...choices.ends),
      result: fc.constantFrom(...choices.results),
      isCut: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
    })
    .map(({ op, iter, parts, flags, file, end, result, isCut }) => {
      const segs = memoryOf(iter, parts)
      const total = iter === 'discard' ? parts[0]!.length : segs.reduce((sum, seg) => sum + seg.at(-1)!, 0)
      const unit = choices.unit ?? 1
      const length = isCut && total >= unit ? total - (total % unit) : total
      return {
        op: iter === 'discard' ? 'read' : op,
        iter,
        segs,
        ...(flags.length === 0 ? {} : { flags }),
        ...(file === '' ? {} : { file }),
        ...(end === undefined ? {} : { end }),
        ...(result === undefined ? {} : { result: result < 0 ? result : Math.floor((length * result) / 16) }),
        ...(iter === 'discard' || length < total ? { len: length } : {}),
      }
    })
}

/** Memory that cannot be had, or not be written. */
export const mapRow: fc.Arbitrary<Row> = fc
  .record({
    at: fc.integer({ min: 0, max: 40 }),
    pages: fc.integer({ min: 1, max: 4 }),
    access: fc.constantFrom('none' as const, 'none' as const, 'read' as const, 'write' as const),
  })
  .map(({ at, pages, access }) => ({ event: 'map', segs: [[USER + at * PAGE, pages * PAGE]], access }))

/** Memory is freed, written, unlocked; a file is truncated, its pages are written through a mapping. */
export const eventRow: fc.Arbitrary<Row> = fc
  .record({
    event: fc.constantFrom(
      'free' as const,
      'dirty' as const,
      'mkwrite' as const,
      'unlock' as const,
      'truncate' as const,
    ),
    iter: fc.constantFrom('ubuf' as const, 'bvec' as const, 'kvec' as const, 'xarray' as const),
    part: fc.record({
      at: fc.nat(24),
      offset: fc.constantFrom(0, 100, 4000),
      length: fc.constantFrom(1, 4096, 20_000),
    }),
    file: fc.constantFrom('f0', 'f1'),
  })
  .map(({ event, iter, part, file }) =>
    event === 'truncate'
      ? { event, file, offset: part.at * PAGE + part.offset, segs: [] }
      : { event, iter, segs: memoryOf(iter, [part]) },
  )

/** Rows in the order of a trace, memory that cannot be had among them. */
export function rowsOf(choices: Choices, maxLength = 10): fc.Arbitrary<Row[]> {
  const events = choices.hasEvents === true ? [{ weight: 4, arbitrary: eventRow }] : []
  const row = fc.oneof({ weight: 12, arbitrary: ioRow(choices) }, { weight: 1, arbitrary: mapRow }, ...events)
  return fc.array(row, { minLength: 1, maxLength })
}

/** {@link rowsOf} with one huge page, in which some of the user memory lies. */
export function hugeRowsOf(choices: Choices, maxLength = 6): fc.Arbitrary<Row[]> {
  const flips = fc.array(fc.boolean(), { minLength: 32, maxLength: 32 })
  return fc.tuple(rowsOf(choices, maxLength), flips).map(([rows, flip]) => [
    { event: 'map', isHuge: true, segs: [[HUGE, HUGE_BYTES]] },
    ...rows.map((row, i) => {
      if (row.event !== undefined || !isUser(row.iter ?? 'ubuf')) return row
      // The last bytes of the page, or those from its beginning on.
      const by = flip[i] === true ? HUGE - USER : HUGE - USER + HUGE_BYTES - 20 * PAGE
      return { ...row, segs: row.segs.map(([at, length], j) => [flip[i + j] ? at! + by : at!, length!]) }
    }),
  ])
}

/** Versions that have an iterator type. */
export function hasTypes(version: Version, rows: readonly Row[]): boolean {
  return version !== '6.1' || rows.every(({ iter }) => iter !== 'folioq')
}
