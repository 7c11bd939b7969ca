import { type Entry, extract, type Hold, type Iter, isUser, PAGE, type World } from './slow-common.ts'

/** A bvec: its length, and the pages that it lies in. */
export interface SlowBvec {
  readonly pages: Entry[]
  length: number
}

/** What the layer above a block device makes of memory. */
export interface SlowBios {
  readonly bios: SlowBvec[][]
  readonly holds: readonly Hold[]
  readonly pages: number
}

/** block/bio.c: bio_iov_iter_get_pages() for user memory; a bvec a segment or a folio of what the layer above holds. */
export function biosOf(world: World, iter: Iter, vecsMax: number): SlowBios | number {
  return isUser(iter.type) ? userBios(world, iter, vecsMax) : kernelBios(iter, vecsMax)
}

function userBios(world: World, iter: Iter, vecsMax: number): SlowBios | number {
  const bios: SlowBvec[][] = []
  const holds: Hold[] = []
  let pages = 0
  while (iter.count > 0) {
    const bio: SlowBvec[] = []
    while (iter.count > 0 && bio.length < vecsMax) {
      const got = extract(world, iter, vecsMax - bio.length, Number.MAX_SAFE_INTEGER)
      if (typeof got === 'number') {
        if (bio.length > 0) break
        for (const hold of holds) world.drop(hold)
        return got
      }
      got.entries.forEach((entry, i) => {
        const hold = got.hold === null ? null : { kind: got.hold.kind, pages: [entry.page] }
        const last = bio.at(-1)
        const before = last?.pages.at(-1)
        // 7.3 never joins what it extracted before.
        const mayJoin = before !== undefined && (i > 0 || world.setup.version !== 'mainline')
        if (mayJoin && isSame(before, entry)) {
          // bvec_try_merge_page: the page is held already.
          last!.length += entry.length
          last!.pages.splice(-1, 1, { ...before, length: before.length + entry.length })
          if (hold !== null) world.drop(hold)
          return
        }
        pages++
        if (hold !== null) holds.push(hold)
        if (mayJoin && isNext(before, entry)) {
          last!.length += entry.length
          last!.pages.push(entry)
        } else bio.push({ pages: [entry], length: entry.length })
      })
    }
    bios.push(bio)
  }
  return { bios, holds, pages }
}

/** Goes on in the same page. */
function isSame({ page, offset, length }: Entry, next: Entry): boolean {
  return page === next.page && offset + length === next.offset
}

/** Goes on in the next page of a folio. */
function isNext({ page, offset, length }: Entry, next: Entry): boolean {
  const isAdjacent = page.head !== undefined && page.head === next.page.head && next.page.frame === page.frame! + 1
  return isAdjacent && offset + length === PAGE && next.offset === 0
}

function kernelBios(iter: Iter, vecsMax: number): SlowBios {
  const vecs: SlowBvec[] = []
  let segment = -1
  for (const piece of iter.left()) {
    const entry = iter.toEntry(piece)
    const last = vecs.at(-1)
    if (iter.type === 'bvec' && last !== undefined && piece.segment === segment) {
      last.length += entry.length
      last.pages.push(entry)
    } else vecs.push({ pages: [entry], length: entry.length })
    segment = piece.segment
  }
  const bios: SlowBvec[][] = []
  for (let i = 0; i < vecs.length; i += vecsMax) bios.push(vecs.slice(i, i + vecsMax))
  return { bios, holds: [], pages: 0 }
}

/** Bvecs page by page. */
export function segmentsOf(bvecs: readonly SlowBvec[]): number {
  return bvecs.reduce((sum, { pages, length }) => sum + Math.ceil(((pages[0]!.offset % PAGE) + length) / PAGE), 0)
}
