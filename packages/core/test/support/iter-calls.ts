import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import type { PolicyName } from '../../src/extract/policy.ts'
import type { IovIter } from '../../src/iter/iov-iter.ts'
import { ITER_DEST, ITER_SOURCE, ITER_TYPE_NAMES, type IterType } from '../../src/iter/iter-type.ts'
import { SegmentTable } from '../../src/iter/segment-table.ts'
import { type KernelVersion, kernelVersionOf } from '../../src/kernel/version.ts'
import { PAGE_SIZE, pageNumberOf, pageOffsetOf } from '../../src/units.ts'

const FOLDER = new URL('../../../../traces/ground-truth/calls/', import.meta.url)

/** The functions that were probed, and the policy that stands for each. */
export const POLICY_OF_FUNC = {
  iov_iter_get_pages2: 'get-pages',
  iov_iter_get_pages_alloc2: 'get-pages',
  iov_iter_extract_pages: 'extract',
} as const satisfies Record<string, PolicyName>

/** Most pages of a call that the recorder lists. */
export const LISTED_MAX = 17

/** One entry of the page array, with its folio's live counts just after the call; `pincount` is null for a small page. */
export interface ListedPage {
  readonly frame: number
  readonly refcount: number
  readonly pincount: number | null
}

/** What a call gave. */
export interface Outcome {
  /** Bytes, or -errno. */
  readonly ret: number
  /** Offset in the first page, and the iterator's count afterwards. */
  readonly startBytes: number
  readonly leftBytes: number
  readonly npages: number
  /** The first {@link LISTED_MAX} pages. */
  readonly pages: readonly ListedPage[]
}

/** The part of `struct iov_iter` that moves. @kernel include/linux/uio.h: struct iov_iter */
export interface Position {
  readonly iovOffsetBytes: number
  readonly countBytes: number
  readonly segments: number
}

/** One recorded call: the iterator before it, the arguments, and the outcome. */
export interface IterCall extends Position, Outcome {
  /** Line of iter-calls.csv. */
  readonly line: number
  readonly group: string
  readonly op: string
  readonly func: keyof typeof POLICY_OF_FUNC
  readonly type: 'ubuf' | 'iovec' | 'bvec'
  readonly direction: 'dst' | 'src'
  /** The current segment: its address (bvec: frame number × {@link PAGE_SIZE} + bv_offset) and length. */
  readonly baseAddress: number
  readonly segmentBytes: number
  /** Beyond 2^53 it is not exact, and is only a limit. */
  readonly maxsizeBytes: number
  /** Infinity where the function has no limit (alloc2). */
  readonly maxpages: number
  /** ITER_ALLOW_P2PDMA was given. */
  readonly allowP2pdma: boolean
}

/** One recorded call of mm/gup.c. A release has `pages` only. */
export interface GupCall {
  readonly group: string
  readonly op: string
  readonly func: string
  readonly address: number
  readonly pages: number
  readonly flags: number
  readonly ret: number
}

/** What one operation of a program called, in order. */
export interface RecordedOperation {
  readonly name: string
  readonly iter: readonly IterCall[]
  readonly gup: readonly GupCall[]
}

/** Versions of the recordings, such as `6.1`: the folders `kernel-VERSION`. */
export function recordedVersions(): string[] {
  const names = readdirSync(FOLDER).filter((name) => name.startsWith('kernel-'))
  return names.map((name) => name.slice('kernel-'.length)).sort()
}

/** The modelled version that a recording is compared with. */
export function modelledVersion(version: string): KernelVersion {
  const kernel = kernelVersionOf(version)
  if (kernel === null) throw new Error(`kernel-${version}: no kernel version`)
  return kernel
}

/** Operations of a recording, in the order of their first call; an operation is a name inside a group. */
export function readOperations(version: string): RecordedOperation[] {
  const iter = rowsOf(version, 'iter-calls').map(iterCall)
  const gup = rowsOf(version, 'gup-calls').map(gupCall)
  const nameOf = (call: { group: string; op: string }) => `${call.group}: ${call.op}`
  return [...new Set([...iter, ...gup].map(nameOf))].map((name) => ({
    name,
    iter: iter.filter((call) => nameOf(call) === name),
    gup: gup.filter((call) => nameOf(call) === name),
  }))
}

type Cells = Record<string, string>

/** The text of a file, for those who count its lines. */
export function callsText(version: string, file: 'iter-calls' | 'gup-calls'): string {
  return readFileSync(new URL(`kernel-${version}/${file}.csv`, FOLDER), 'utf8')
}

function rowsOf(version: string, file: 'iter-calls' | 'gup-calls'): Cells[] {
  return parse<Cells>(callsText(version, file), { columns: true })
}

function iterCall(cells: Cells, index: number): IterCall {
  return {
    line: index + 2,
    group: text(cells, 'group'),
    op: text(cells, 'op'),
    func: oneOf(['iov_iter_get_pages2', 'iov_iter_get_pages_alloc2', 'iov_iter_extract_pages'], cells, 'func'),
    type: oneOf(['ubuf', 'iovec', 'bvec'], cells, 'type'),
    direction: oneOf(['dst', 'src'], cells, 'dir'),
    iovOffsetBytes: integer(cells, 'off'),
    countBytes: integer(cells, 'count'),
    segments: integer(cells, 'nseg'),
    baseAddress: Number.parseInt(text(cells, 'seg0_base'), 16),
    segmentBytes: integer(cells, 'seg0_len'),
    maxsizeBytes: integer(cells, 'maxsize'),
    maxpages: integer(cells, 'maxpages') || Number.POSITIVE_INFINITY,
    allowP2pdma: text(cells, 'extract_flags') === '1',
    ret: integer(cells, 'ret'),
    startBytes: integer(cells, 'start'),
    leftBytes: integer(cells, 'left'),
    npages: integer(cells, 'npages'),
    pages: text(cells, 'pages_pfn_ref_pin').split(' ').filter(Boolean).map(listedPage),
  }
}

/** `d978/1025`, or `e400/17/p16` for a page of a large folio. */
function listedPage(entry: string): ListedPage {
  const match = /^([0-9a-f]+)\/(-?\d+)(?:\/p(-?\d+))?$/.exec(entry)
  if (match === null) throw new Error(`no page with counts: ${entry}`)
  const [, frame, refcount, pincount] = match
  return {
    frame: Number.parseInt(frame!, 16),
    refcount: Number(refcount),
    pincount: pincount === undefined ? null : Number(pincount),
  }
}

function gupCall(cells: Cells): GupCall {
  const [address = 0, flags = 0, ret = 0] = ['start', 'flags', 'ret'].map((column) => integer(cells, column))
  const pages = integer(cells, 'nr')
  return { group: text(cells, 'group'), op: text(cells, 'op'), func: text(cells, 'func'), address, pages, flags, ret }
}

function text(cells: Cells, column: string): string {
  const cell = cells[column]
  if (cell === undefined) throw new Error(`column ${column} is missing`)
  return cell
}

/** Decimal, or hexadecimal after `0x`; an empty cell is 0. */
function integer(cells: Cells, column: string): number {
  const value = Number(text(cells, column))
  if (!Number.isInteger(value)) throw new Error(`${column} is no integer: ${text(cells, column)}`)
  return value
}

function oneOf<const T extends string>(words: readonly T[], cells: Cells, column: string): T {
  const found = words.find((word) => word === text(cells, column))
  if (found === undefined) throw new Error(`${column} is none of ${words.join(', ')}: ${text(cells, column)}`)
  return found
}

/** How far below the current segment, in bytes, and above it, in frames, the made-up ones lie. */
const FAR_BYTES = 2 ** 32
const FAR_FRAMES = 2 ** 20

/**
 * The iterator as it was before a call. Later segments are not recorded: the next one is made up, far away, with all
 * bytes that the current one does not hold, and those after it are empty, so that `nr_segs` is right as well. For a
 * ubuf the recorder gives the buffer's start and, as its length, the count.
 */
export function iteratorOf(call: IterCall, iter: IovIter): IovIter {
  const { baseAddress, segmentBytes, iovOffsetBytes, countBytes, segments } = call
  const table = new SegmentTable()
  const byFrame = call.type === 'bvec'
  const [base, offset] = byFrame ? [pageNumberOf(baseAddress), pageOffsetOf(baseAddress)] : [baseAddress, 0]
  table.push(base, offset, call.type === 'ubuf' ? iovOffsetBytes + countBytes : segmentBytes)
  const rest = Math.max(0, countBytes - (segmentBytes - iovOffsetBytes))
  for (let i = 1; i < segments; i++) table.push(base + i * (byFrame ? FAR_FRAMES : -FAR_BYTES), 0, i === 1 ? rest : 0)
  const type = ITER_TYPE_NAMES.indexOf(call.type) as IterType
  iter.reset(type, call.direction === 'src' ? ITER_SOURCE : ITER_DEST, table, 0, segments, countBytes)
  iter.iovOffsetBytes = iovOffsetBytes
  return iter
}
