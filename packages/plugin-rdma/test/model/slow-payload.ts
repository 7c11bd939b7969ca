import {
  EIO,
  type Entry,
  extract,
  type Hold,
  type Iter,
  isUser,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { extractToSg } from '../../../plugin-crypto/test/model/slow-sg.ts'

/** The memory of an operation as pieces. */
export interface Payload {
  readonly bytes: number
  readonly entries: readonly Entry[]
  readonly holds: readonly Hold[]
}

/**
 * What a caller has before it hands memory down: of user memory a piece a page, taken under the lane's policy, as far as
 * it can be had; of memory of the kernel a piece a bvec, a page of a kvec, a folio. An errno with nothing held.
 */
export function payloadOf(
  world: World,
  iter: Iter,
  bytesMax: number,
  piecesMax = Number.POSITIVE_INFINITY,
): Payload | number {
  if (iter.type === 'discard') return EIO
  if (!isUser(iter.type)) {
    // No scatterlist is made here: what extract_iter_to_sg does wrong is not done.
    const { setup } = world
    const writable = world as { setup: World['setup'] }
    writable.setup = { ...setup, quirks: { ...setup.quirks, 'sg-xarray-start': false } }
    const listed = extractToSg(world, iter, Math.min(bytesMax, iter.count), piecesMax)
    writable.setup = setup
    return listed
  }
  const entries: Entry[] = []
  const holds: Hold[] = []
  let bytes = 0
  while (bytes < bytesMax && iter.count > 0 && entries.length < piecesMax) {
    const got = extract(world, iter, piecesMax - entries.length, bytesMax - bytes)
    if (typeof got === 'number') {
      if (bytes === 0) return got
      break
    }
    entries.push(...got.entries)
    if (got.hold !== null) holds.push(got.hold)
    bytes += got.bytes
  }
  return { bytes, entries, holds }
}
