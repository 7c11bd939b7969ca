import { extractIterToIter } from '../../src/build/iter-to-iter.ts'
import { SG_NO_PAGE } from '../../src/build/scatterlist.ts'
import { findPolicy, type PolicyName } from '../../src/extract/policy.ts'
import * as twin from '../model/iov/index.ts'
import { type IovBench, SG_ENTRIES } from './iov-bench.ts'
import { copyAcross } from './iov-copies.ts'
import type { OutCounts } from './iov-counts.ts'
import { differ, UNDEFINED, undefinedBy } from './iov-difference.ts'
import type { IovHost } from './iov-host.ts'

/** What building needs of a sequence. */
export interface BuildContext {
  readonly bench: IovBench
  readonly counts: OutCounts
  readonly slowTable: twin.SlowSgTable
}

/**
 * Appends to the scatterlist of the case, at most `entries` entries; `keep`: those that are there stay if it fails.
 * Returns the bytes, or UNDEFINED.
 */
export function toSg(context: BuildContext, bytesMax: number, entries: number, keep: boolean): number {
  const { bench, counts, slowTable } = context
  const { pair, host } = bench
  const { table } = bench
  const room = SG_ENTRIES - table.nents
  const entriesMax = Math.min(entries, room)
  if (pair.one.kernel === '6.1') return 0
  if (keep) {
    table.origNents = table.nents
    slowTable.origNents = slowTable.nents
  }
  bench.sgRules.length = 0
  pair.slow.warnings.length = 0
  let expected: twin.SlowSgResult
  try {
    expected = twin.extractToSg(host.world, pair.slow, bytesMax, slowTable, entriesMax)
  } catch (error) {
    return undefinedBy(error, () => {
      bench.toSg.extract(bench, table, bytesMax, entriesMax)
    })
  }
  const found = bench.toSg.extract(bench, table, bytesMax, entriesMax)
  counts.add(expected.taken, 'pin', 1)
  counts.add(expected.released, 'pin', -1)
  if (bench.sgRules.includes('past-table')) return UNDEFINED
  if (found !== expected.result) differ('to-sg: bytes', found, expected.result)
  compareWarnings(bench.sgRules, pair.slow.warnings)
  compareEntries(bench, slowTable)
  return found
}

/** The warnings of the twin, by rule of the fast side; the other rules are no warnings of the kernel. */
const SG_WARNINGS: Readonly<Record<string, string>> = { 'queue-end': 'sg-folioq-end', 'foreign-entry': 'xarray' }

function compareWarnings(rules: readonly string[], warnings: readonly string[]): void {
  const found = rules.map((rule) => SG_WARNINGS[rule] ?? '').join('')
  const expected = warnings
    .filter((warning) => warning !== 'sg-type')
    .map((warning) => warning.replace(/^xarray-.*/, 'xarray'))
    .join('')
  if (found !== expected) differ('to-sg: warnings', rules, warnings)
}

function compareEntries({ table, lists, host }: IovBench, slow: twin.SlowSgTable): void {
  if (table.nents !== slow.nents) differ('to-sg: nents', table.nents, slow.nents)
  for (let i = 0; i < table.nents; i++) {
    const sg = table.sgl + i
    const { page, offset, length } = slow.entries[i]!
    const name = lists.page[sg] === SG_NO_PAGE ? null : host.nameOf[lists.page[sg]!]
    const found = [name, lists.offsetBytes[sg], lists.lengthBytes[sg]]
    const expected = [page === 'wild' ? null : page, offset, length]
    if (found.join() !== expected.join()) differ(`to-sg: entry ${i}`, found, expected)
  }
}

/** Makes an iterator out of a part of this one, copies `wanted` bytes through it, and takes pages out of it. */
export function toIter(
  { bench, counts }: BuildContext,
  policy: PolicyName,
  bytesMax: number,
  segments: number,
  wanted: number,
): number {
  const { pair, host } = bench
  const { extracted } = bench
  if (pair.one.type === 'pipe') return 0
  const runFast = () =>
    extractIterToIter(pair.fast, host.memory, host.ledger, findPolicy(policy)!, bytesMax, segments, extracted)
  let slow: SlowIterToIter
  try {
    slow = slowIterToIter(host, pair.slow, policy, bytesMax, segments)
  } catch (error) {
    const done = undefinedBy(error, runFast)
    extracted.letGo(host.ledger)
    return done
  }
  const bytes = runFast()
  if (bytes !== slow.bytes) differ('to-iter: bytes', bytes, slow.bytes)
  counts.add(slow.taken, slow.kind, 1)
  counts.compare('to-iter')
  const copied = slow.iter === null ? 0 : useNew(bench, slow.iter, wanted)
  extracted.letGo(host.ledger)
  counts.add(slow.taken, slow.kind, -1)
  return copied
}

/** Copies through the new iterator, the way that its data goes, and takes pages out of it. */
function useNew({ extracted, other, pair }: IovBench, slow: twin.SlowIov, wanted: number): number {
  const { one } = pair
  slow.violations.length = 0
  other.rules.length = 0
  extracted.iter.report = other
  other.adopt({ ...one, type: slow.type }, extracted.iter, slow)
  const copied = copyAcross(other, { op: one.isSource ? 'copy-from' : 'copy-to', bytes: wanted }, wanted)
  other.compareRules('to-iter')
  return Number.isNaN(copied) || one.kernel === '6.1' ? copied : other.extract('extract', 4097, 2)
}

interface SlowIterToIter {
  readonly bytes: number
  readonly iter: twin.SlowIov | null
  readonly taken: readonly string[]
  readonly kind: 'ref' | 'pin'
}

/**
 * Another iterator out of a part of one: of user memory a bvec iterator over its pages, else a copy.
 * @kernel fs/netfs/iterator.c: netfs_extract_user_iter; fs/netfs/direct_read.c
 */
function slowIterToIter(
  host: IovHost,
  slow: twin.SlowIov,
  policy: PolicyName,
  bytesMax: number,
  segmentsMax: number,
): SlowIterToIter {
  // With nothing left iov_iter_npages() gives no room for pages.
  if (slow.count === 0) return { bytes: 0, iter: null, taken: [], kind: 'ref' }
  if (slow.type !== 'ubuf' && slow.type !== 'iovec') {
    const { iter } = twin.dup(slow)
    const bytes = Math.min(bytesMax, slow.count)
    twin.truncate(iter, bytes)
    twin.advance(slow, bytes)
    return { bytes, iter, taken: [], kind: 'ref' }
  }
  const bvecs: twin.SlowBvec[] = []
  const taken: string[] = []
  let kind: 'ref' | 'pin' = 'pin'
  let bytes = 0
  let error = 0
  while (bytes < bytesMax && bvecs.length < segmentsMax) {
    const take = policy === 'get-pages' ? twin.getPages : twin.extractPages
    const got = take(host.world, slow, bytesMax - bytes, segmentsMax - bvecs.length)
    if (got.bytes <= 0) {
      error = got.bytes === 0 ? twin.EIO : got.bytes
      break
    }
    kind = got.taken === 'ref' || (policy === 'viro-2022' && slow.direction === 'source') ? 'ref' : 'pin'
    taken.push(...got.takenPages)
    let left = got.bytes
    let offset = got.offset0
    for (const page of got.pages) {
      const len = Math.min(twin.PAGE - offset, left)
      bvecs.push({ pfn: host.frameOfName(page), offset, len })
      left -= len
      offset = 0
    }
    bytes += got.bytes
  }
  if (bytes === 0) return { bytes: error, iter: null, taken, kind }
  const { kernel, direction, quirks } = slow
  return { bytes, iter: twin.createBvec({ kernel, direction, quirks }, bvecs, bytes), taken, kind }
}
