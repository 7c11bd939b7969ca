import { type Scatterlists, SG_NONE } from '../build/scatterlist.ts'
import type { Operation } from './operation.ts'

/**
 * Tells whoever watches the operation that a scatterlist over the iterator's memory is finished: `nents` entries from
 * `sgl` on, `bytes` bytes, links followed. Does nothing when nobody watches. Lists over the consumer's own pages are
 * told with `io.observer.note`.
 * @kernel include/linux/scatterlist.h: for_each_sg
 */
export function tellScatterlist(
  io: Operation,
  lists: Scatterlists,
  sgl: number,
  nents: number,
  list: string,
  bytes: number,
  note = '',
): void {
  if (io.observer === null) return
  const page = new Int32Array(nents)
  const offset = new Int32Array(nents)
  const length = new Int32Array(nents)
  let count = 0
  for (let sg = sgl; sg !== SG_NONE && count < nents; sg = lists.next(sg)) {
    page[count] = lists.page[sg]
    offset[count] = lists.offsetBytes[sg]
    length[count] = lists.lengthBytes[sg]
    count++
  }
  io.observer.listBuilt(list, bytes, count, page, offset, length, note)
}
