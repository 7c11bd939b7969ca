import type { PolicyName } from '../../src/extract/policy.ts'
import { RETENTION_NAMES } from '../../src/extract/retention.ts'
import { PAGE_SIZE } from '../../src/units.ts'
import type { SlowPages } from '../model/iov/index.ts'
import { differ } from './iov-difference.ts'
import type { IovHost } from './iov-host.ts'
import type { IovPair } from './iov-pair.ts'

/** Compares what both sides listed and took, and notes what was taken. */
export function comparePages(pair: IovPair, policy: PolicyName, expected: SlowPages): void {
  const { list, one, host } = pair
  const { bytes, offset0, pages, takenPages } = expected
  const isRef = policy === 'viro-2022' && one.isSource
  pair.kind = isRef && expected.taken === 'pin' ? 'ref' : expected.taken
  pair.taken = takenPages
  if (bytes > 0 && pages.length > 0) {
    if (list.pages !== pages.length) differ(`${policy}: pages`, list.pages, pages.length)
    compareEntries(pair, policy, pages, offset0, bytes)
  }
  const kind = RETENTION_NAMES[list.length === 0 ? 0 : list.retention]
  if (list.sparesSlab || pages.length !== takenPages.length) {
    // Something is listed and not taken, or taken and not listed.
    const { nameOf, world } = host
    const listed = kind === 'none' ? [] : [...list.page.subarray(0, list.length)].map((row) => nameOf[row]!)
    const taken = list.sparesSlab ? listed.filter((name) => !world.isSlab(name)) : listed
    if (taken.join() !== takenPages.join()) differ(`${policy}: pages taken`, taken, takenPages)
  } else if (kind !== pair.kind) differ(`${policy}: retention`, kind, pair.kind)
}

/** Pages with their offsets and lengths; under the folio policy, runs of folios. */
function compareEntries(
  pair: IovPair,
  policy: PolicyName,
  pages: readonly string[],
  offset0: number,
  bytes: number,
): void {
  const { list, host } = pair
  const { nameOf } = host
  const isFolio = policy === 'folio'
  const firsts: string[] = []
  let entry = 0
  let at = 0
  for (let i = 0; i < pages.length; entry++) {
    const from = i++
    while (isFolio && i < pages.length && continues(pair.host, pages[i - 1]!, pages[i]!)) i++
    const end = Math.min(i * PAGE_SIZE - offset0, bytes)
    if (
      nameOf[list.page[entry]!] !== pages[from] ||
      list.offsetBytes[entry] !== (from === 0 ? offset0 : 0) ||
      list.lengthBytes[entry] !== end - at
    ) {
      const row = list.page[entry]!
      differ(
        `${policy}: entry ${entry}`,
        [nameOf[row], list.offsetBytes[entry], list.lengthBytes[entry]],
        [pages[from], from === 0 ? offset0 : 0, end - at],
      )
    }
    at = end
    firsts.push(pages[from]!)
  }
  // One reference for each run.
  if (isFolio && pair.kind !== 'none') pair.taken = firsts
  if (list.length !== entry) differ(`${policy}: entries`, list.length, entry)
}

/** The second page follows the first in one folio. */
function continues({ rowOf, memory }: IovHost, name: string, next: string): boolean {
  const row = rowOf.get(name)!
  return rowOf.get(next) === row + 1 && memory.pages.headOf(row) === memory.pages.headOf(row + 1)
}
