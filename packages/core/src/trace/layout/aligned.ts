import { Buffers, placeEach } from './buffers.ts'
import type { LayoutPolicy } from './layout-policy.ts'

/** Every buffer begins at the start of a page: what programs that do direct I/O ask for, and fio with iomem_align. */
export const alignedLayout: LayoutPolicy = {
  usage: 'aligned',
  summary: 'every buffer begins at the start of a page (direct I/O as programs do it)',
  make(text) {
    if (text !== 'aligned') return null
    const buffers = new Buffers()
    return { name: text, place: (row) => placeEach(row, buffers, () => 0) }
  },
}
