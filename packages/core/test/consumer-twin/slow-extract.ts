import type { Iter } from './slow-iter.ts'
import {
  EFAULT,
  ENOMEM,
  type Entry,
  type Hold,
  type IterName,
  isUser,
  type Kind,
  PAGE,
  type Piece,
  type Policy,
  since,
} from './slow-rows.ts'
import type { World } from './slow-world.ts'

export interface Extracted {
  readonly entries: readonly Entry[]
  readonly bytes: number
  readonly hold: Hold | null
}

/** What a policy takes on the pages of an iterator; null: it refuses. reference/iterators.md 4.1 */
export function kindOf(policy: Policy, type: IterName, isDest: boolean): Kind | 'bare' | null {
  if (type === 'discard') return null
  if (policy === 'get-pages') return type === 'kvec' ? null : 'ref'
  if (!isUser(type)) return 'bare'
  return policy === 'viro-2022' && !isDest ? 'ref' : 'pin'
}

/**
 * One call of iov_iter_get_pages2() or iov_iter_extract_pages(): one segment of user memory, of a kvec or of a bvec
 * array (since 6.16 several bvecs that meet at page ends), or all of a file. Bytes 0 or an error with nothing taken.
 */
export function extract(world: World, iter: Iter, pagesMax: number, bytesMax: number): Extracted | number {
  const { policy } = world.setup
  if (iter.count === 0) return 0
  const kind = kindOf(policy, iter.type, iter.isDest)
  if (kind === null || (iter.type === 'folioq' && world.setup.version === '6.1')) return EFAULT
  if (pagesMax === 0) return policy === 'get-pages' ? 0 : ENOMEM
  const listed = list(world, iter, pagesMax, bytesMax)
  const bad = isUser(iter.type) ? listed.findIndex((piece) => !iter.canHave(piece)) : -1
  if (bad === 0) return EFAULT
  const pages = (bad < 0 ? listed : listed.slice(0, bad)).map((piece) => iter.toEntry(piece))
  const entries = policy === 'folio' ? runs(pages) : pages
  const bytes = entries.reduce((sum, { length }) => sum + length, 0)
  iter.position += bytes
  if (kind === 'bare') world.bare += entries.length
  const taken = entries.map(({ page }) => page)
  return { entries, bytes, hold: kind === 'bare' ? null : world.take(kind, taken) }
}

/** Pages of one folio that follow each other are one entry. */
function runs(entries: readonly Entry[]): Entry[] {
  const all: { page: Entry['page']; offset: number; length: number }[] = []
  let previous: Entry['page'] | null = null
  for (const { page, offset, length } of entries) {
    const isNext = page.head !== undefined && page.head === previous?.head && page.frame === previous.frame! + 1
    if (isNext && offset === 0) all.at(-1)!.length += length
    else all.push({ page, offset, length })
    previous = page
  }
  return all
}

function list(world: World, iter: Iter, pagesMax: number, bytesMax: number): Piece[] {
  const joins = iter.type === 'bvec' && world.setup.policy !== 'get-pages' && since(world.setup.version, '6.18')
  return joins ? joined(world, iter, pagesMax, bytesMax) : iter.segment(bytesMax).slice(0, pagesMax)
}

/** iov_iter_extract_bvec_pages() since 6.16, with the quirk `bvec-entries-short`. */
function joined(world: World, iter: Iter, pagesMax: number, bytesMax: number): Piece[] {
  const rest = iter.left(iter.position + Math.min(bytesMax, iter.count))
  const from = world.setup.quirks['bvec-entries-short'] === false ? rest[0]!.offset : iter.skip()
  const most = Math.min(pagesMax, Math.ceil((from + Math.min(bytesMax, iter.count)) / PAGE))
  const taken: Piece[] = []
  for (const piece of rest) {
    if (taken.length > 0 && piece.offset !== 0) break
    taken.push(piece)
    if (taken.length === most || piece.offset + piece.length !== PAGE) break
  }
  return taken
}
