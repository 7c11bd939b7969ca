import { FLAG_PRIVATE, FLAG_PROT_NONE, FLAG_PROT_READ, FLAG_UNTOUCHED } from '../../../iter/row-flags.ts'
import { ORDER_MAX } from '../../limits.ts'
import { BACKING_NAMES, type BackingName, NONE } from '../../op-batch.ts'
import type { Mapping } from './mapping.ts'
import { isInMemory } from './recorded-file.ts'

/** What backs a page, as `map` rows tell it. {@link PAGE_UNKNOWN}: no row said so far. */
export const PAGE_UNKNOWN = 0
export const PAGE_ANON = 1
/** Private anonymous memory without a page. */
export const PAGE_UNTOUCHED = 2
export const PAGE_THP = 3
export const PAGE_HUGETLB = 4
export const PAGE_SHMEM = 5
export const PAGE_FILE = 6
/** As {@link PAGE_SHMEM} and {@link PAGE_FILE}, mapped MAP_PRIVATE and not written to. */
export const PAGE_SHMEM_PRIVATE = 7
export const PAGE_FILE_PRIVATE = 8
/** One of the kinds. */
export type PageKind = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** Order of a folio of 2 MiB. @kernel HPAGE_PMD_ORDER */
const ORDER_HUGE = 9

const ZERO = 48
const POINT = 46

/** Pages in a row that the recorder saw alike. */
export interface PageRun {
  /** A anon, T and X huge, H hugetlb, F file, S shared memory, Z zero page, `-` absent, s swapped, o other, ? not looked at. */
  readonly letter: string
  /** Order of the folios; {@link NONE}: not told. */
  readonly order: number
  readonly count: number
}

/** The runs of a `pages` cell; of process_vm_* those of the other process, which stand behind a bar where both are told. */
export function pageRuns(cell: string): PageRun[] {
  const runs: PageRun[] = []
  for (let at = cell.indexOf('|') + 1; at < cell.length; ) {
    const letter = cell[at]!
    let order = NONE
    let count = 0
    for (at++; at < cell.length && !isLetter(cell.charCodeAt(at)); at++) {
      if (cell[at] === '.') {
        order = count
        count = 0
      } else count = count * 10 + (cell.charCodeAt(at) - ZERO)
    }
    runs.push({ letter, order, count })
  }
  return runs
}

/** Not a digit and not a point: a run begins here. */
function isLetter(code: number): boolean {
  return code !== POINT && (code < ZERO || code > ZERO + 9)
}

/** Kind of a page in a mapping (null: none is known there); {@link PAGE_UNKNOWN} where the recording cannot tell. */
export function pageKindOf(letter: string, mapping: Mapping | null): PageKind {
  if (letter === 'H' || mapping?.isHugetlb === true) return PAGE_HUGETLB
  if (mapping?.isShared === true) return letter === 'S' || isOfMemory(mapping) ? PAGE_SHMEM : PAGE_FILE
  if (letter === 'A' || letter === 's') return PAGE_ANON
  if (letter === 'T') return PAGE_THP
  if (letter === 'Z') return PAGE_UNTOUCHED
  if (letter === 'S' || letter === 'F' || letter === 'X') return fileKind(letter, mapping)
  if (letter !== '-') return PAGE_UNKNOWN
  return mapping !== null && mapping.file !== null ? fileKind(letter, mapping) : PAGE_UNTOUCHED
}

/** Order of the folio that a page of the kind lies in, as far as it is known: 0 is a small page. */
export function folioOrder(kind: PageKind, order: number): number {
  if (order !== NONE) return Math.min(order, ORDER_MAX)
  return kind === PAGE_THP || kind === PAGE_HUGETLB ? ORDER_HUGE : 0
}

/** A mapping of this kind is all of it: the page cache stands behind. */
export function isOfFile(kind: PageKind): boolean {
  return kind >= PAGE_SHMEM
}

/** A store gives it a page of its own. */
export function isCopiedOnWrite(kind: PageKind): boolean {
  return kind === PAGE_UNTOUCHED || kind === PAGE_SHMEM_PRIVATE || kind === PAGE_FILE_PRIVATE
}

/** Code of the kind's backing in a `map` row. */
export function backingOf(kind: PageKind): number {
  return BACKING_NAMES.indexOf(BACKINGS[kind]!)
}

/**
 * Flags of a `map` row. Version 1 does not record mprotect(2): a mapping may be stored to that was made without PROT_WRITE, and
 * `wasStoredTo` tells that this one is.
 */
export function flagsOf(kind: PageKind, mapping: Mapping | null, wasStoredTo: boolean): number {
  let flags = kind === PAGE_UNTOUCHED ? FLAG_UNTOUCHED : 0
  if (mapping === null) return flags
  if (kind === PAGE_SHMEM_PRIVATE || kind === PAGE_FILE_PRIVATE) flags |= FLAG_PRIVATE
  if (mapping.isWritable || (wasStoredTo && !mapping.isExact)) return flags
  if (!mapping.isReadable && mapping.isExact) return flags | FLAG_PROT_NONE
  return mapping.isReadable || isOfFile(kind) ? flags | FLAG_PROT_READ : flags
}

const BACKINGS: readonly BackingName[] = [
  ...(['anon', 'anon', 'anon', 'thp', 'hugetlb', 'shmem', 'file', 'shmem', 'file'] as const),
]

function fileKind(letter: string, mapping: Mapping | null): PageKind {
  const file = mapping?.file ?? null
  return letter === 'S' || (file !== null && isInMemory(file)) ? PAGE_SHMEM_PRIVATE : PAGE_FILE_PRIVATE
}

/** Shared anonymous memory, or a file of tmpfs. */
function isOfMemory({ file }: Mapping): boolean {
  return file === null || isInMemory(file)
}
