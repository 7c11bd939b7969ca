import { PAGE_SIZE } from '../../units.ts'
import { Buffers, placeEach } from './buffers.ts'
import type { LayoutPolicy } from './layout-policy.ts'

/** Every segment begins on the last byte of a page: as many pages as its length can touch. */
export const worstLayout: LayoutPolicy = {
  usage: 'worst',
  summary: 'every buffer begins on the last byte of a page: as many pages as can be',
  make(text) {
    if (text !== 'worst') return null
    const buffers = new Buffers()
    return { name: text, place: (row) => placeEach(row, buffers, () => PAGE_SIZE - 1) }
  },
}
