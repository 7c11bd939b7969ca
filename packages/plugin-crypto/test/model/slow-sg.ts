import {
  EFAULT,
  EIO,
  type Entry,
  extract,
  type Hold,
  type Iter,
  isUser,
  PAGE,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

/** What one call of extract_iter_to_sg() appended; an errno, or 0 bytes, with nothing held. */
export interface Sg {
  readonly bytes: number
  /** Of a bvec an entry may reach over many pages: it has the first one. */
  readonly entries: readonly Entry[]
  readonly holds: readonly Hold[]
}

const NOTHING: Sg = { bytes: 0, entries: [], holds: [] }

/** lib/scatterlist.c: extract_iter_to_sg(). Kernel memory is taken from without a look at the iterator's count. */
export function extractToSg(world: World, iter: Iter, sizeMax: number, sgMax: number): Sg | number {
  if (sizeMax === 0 || sgMax === 0) return NOTHING
  if (isUser(iter.type)) return userToSg(world, iter, sizeMax, sgMax)
  if (iter.type === 'discard') return EIO
  const pieces = iter.type === 'bvec' ? wholeBvecs(iter) : kernelPieces(world, iter)
  const entries: Entry[] = []
  let bytes = 0
  for (const { key, offset, length } of pieces) {
    if (bytes >= sizeMax || entries.length >= sgMax) break
    const part = Math.min(length, sizeMax - bytes)
    entries.push({ page: world.page(key), offset, length: part })
    world.bare += Math.ceil(((offset % PAGE) + part) / PAGE)
    bytes += part
  }
  iter.position = Math.min(iter.position + bytes, iter.end)
  return { bytes, entries, holds: [] }
}

/** A segment a call; when one fails, all that was taken is let go of, and the iterator stays where it is. */
function userToSg(world: World, iter: Iter, sizeMax: number, sgMax: number): Sg | number {
  const entries: Entry[] = []
  const holds: Hold[] = []
  let bytes = 0
  while (bytes < sizeMax && entries.length < sgMax) {
    const got = extract(world, iter, sgMax - entries.length, sizeMax - bytes)
    if (typeof got === 'number') {
      for (const hold of holds) world.drop(hold)
      return got === 0 ? NOTHING : got
    }
    entries.push(...got.entries)
    if (got.hold !== null) holds.push(got.hold)
    bytes += got.bytes
  }
  return { bytes, entries, holds }
}

interface Part {
  readonly key: string
  readonly offset: number
  readonly length: number
}

/** One entry for each bvec. */
function wholeBvecs(iter: Iter): Part[] {
  const parts: Part[] = []
  let segment = -1
  for (const piece of iter.rest()) {
    const last = parts.at(-1)
    if (piece.segment === segment && last !== undefined) {
      parts[parts.length - 1] = { ...last, length: last.length + piece.length }
    } else parts.push(piece)
    segment = piece.segment
  }
  return parts
}

/** An entry for each page (of a kvec) or folio. With the quirk every folio of a file has the offset of the first. */
function kernelPieces(world: World, iter: Iter): Part[] {
  if (iter.type !== 'xarray') return iter.rest()
  const isStuck = world.setup.quirks['sg-xarray-start'] ?? ['6.12', '6.18'].includes(world.setup.version)
  const { keys, offset: first } = iter.cachedFrom()
  return keys.map((key, i) => {
    const offset = i === 0 || isStuck ? first : 0
    return { key, offset, length: PAGE - offset }
  })
}

/** lib/iov_iter.c: iov_iter_get_pages2() until `bytes` bytes are listed; an errno with nothing held. */
export function getPagesToSg(world: World, iter: Iter, bytes: number): Sg | number {
  const entries: Entry[] = []
  const holds: Hold[] = []
  let left = bytes
  while (left > 0) {
    const got = extract(world, iter, Number.POSITIVE_INFINITY, left)
    if (typeof got === 'number') {
      for (const hold of holds) world.drop(hold)
      return got === 0 ? EFAULT : got
    }
    entries.push(...got.entries)
    if (got.hold !== null) holds.push(got.hold)
    left -= got.bytes
  }
  return { bytes, entries, holds }
}
