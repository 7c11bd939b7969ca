import type { ITER_TYPE_NAMES } from '../../src/iter/iter-type.ts'
import { type Kernel, kernelOf } from '../../src/kernel/kernel.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import type { SlowQuirk } from '../model/iov/index.ts'

// An iterator as plain data, from which both the fast library and its slow twin are made.

export type IovTypeName = Exclude<(typeof ITER_TYPE_NAMES)[number], 'mixed'>

/** Page (counted from the first page of the case), offset from its start, which may be beyond its end, and length. */
export type IovSegment = readonly [page: number, offsetBytes: number, lengthBytes: number]

/** In {@link IovCase.folios}: nothing there. In a queue it is a slot that was cleared. */
export const HOLE = -1
/** In {@link IovCase.folios} of a file: a value entry, and a folio of hugetlbfs of one page. */
export const VALUE = -2
export const HUGETLB = -3

/** Pages that a case may name, of each kind. */
export const CASE_PAGES = 32

export interface IovCase {
  readonly kernel: KernelVersion
  /** Quirks switched: `name` on, `-name` off. */
  readonly changes: readonly string[]
  readonly type: IovTypeName
  readonly isSource: boolean
  /** UBUF (one), IOVEC, KVEC, BVEC. */
  readonly segments: readonly IovSegment[]
  /** FOLIOQ, XARRAY: log2 of the pages of each folio, in order, or {@link HOLE}, {@link VALUE}, {@link HUGETLB}. */
  readonly folios: readonly number[]
  /** FOLIOQ: offset in the first folio; XARRAY: position in the file, which begins with the first folio. */
  readonly startBytes: number
  /** FOLIOQ: slot of the first folio. Those before it hold one page each. */
  readonly slot: number
  /** PIPE: buffers of the ring. */
  readonly ringSize: number
  readonly countBytes: number
  /** User pages that cannot be had, and that cannot be written to. */
  readonly refused: readonly number[]
  readonly readOnly: readonly number[]
  /** Frames of slab pages. */
  readonly slab: readonly number[]
  /** log2 of the pages of the folios that back user memory. */
  readonly userOrder: number
}

/** A case of which the rest does not matter. */
export function iovCase(given: Partial<IovCase> & Pick<IovCase, 'type' | 'countBytes'>): IovCase {
  return {
    kernel: 'mainline',
    changes: [],
    isSource: false,
    segments: [],
    folios: [],
    startBytes: 0,
    slot: 0,
    ringSize: 4,
    refused: [],
    readOnly: [],
    slab: [],
    userOrder: 0,
    ...given,
  }
}

/** Every quirk that the twin knows. */
export const TWIN_QUIRKS = [
  'get-pages-empty-bvec',
  'bvec-entries-short',
  'bvec-one-empty-skipped',
  'bvec-no-entry-check',
  'folioq-eager-roll',
  'xarray-hole-wrap',
  'xarray-copy-hole',
  'is-aligned-first-bvec',
  'iov-len-ubuf',
  'sg-xarray-start',
  'sg-temp-array',
  'sg-kvec-length',
] as const satisfies readonly SlowQuirk[]

/** A version with quirks switched, for both. */
export interface IovTraits {
  readonly fast: Kernel
  readonly slow: ReadonlySet<SlowQuirk>
}

const known = new Map<string, IovTraits>()

/** The traits of a case; each kind of them is made once. */
export function traitsOf({ kernel, changes }: Pick<IovCase, 'kernel' | 'changes'>): IovTraits {
  const key = changes.length === 0 ? kernel : `${kernel} ${changes.join()}`
  const made = known.get(key)
  if (made !== undefined) return made
  const fast = kernelOf(
    kernel,
    changes.map((change) => ({ name: change.replace(/^-/, ''), on: !change.startsWith('-') })),
  )
  const traits = { fast, slow: new Set(TWIN_QUIRKS.filter((name) => fast.quirks[name])) }
  known.set(key, traits)
  return traits
}

/** A folio of a file: index of its first page, and how many it has; `order` as in {@link IovCase.folios}. */
export interface FilePiece {
  readonly index: number
  readonly pages: number
  readonly order: number
}

/** Where the folios of a file lie: one after the other, each at a multiple of its size. */
export function filePieces(folios: readonly number[]): FilePiece[] {
  const pieces: FilePiece[] = []
  let end = 0
  for (const order of folios) {
    const pages = order > 0 ? 2 ** order : 1
    const index = Math.ceil(end / pages) * pages
    if (order !== HOLE) pieces.push({ index, pages, order })
    end = index + pages
  }
  return pieces
}
