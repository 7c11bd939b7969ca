import { PAGE_SIZE } from '../../units.ts'
import { Buffers, placeEach } from './buffers.ts'
import type { LayoutPolicy } from './layout-policy.ts'

/** Every buffer begins N bytes into a page. */
export const offsetLayout: LayoutPolicy = {
  usage: 'offset=N',
  summary: 'every buffer begins N bytes into a page',
  make(text) {
    const match = /^offset=(.*)$/.exec(text)
    if (match === null) return null
    const offset = /^\d{1,4}$/.test(match[1]!) ? Number(match[1]) : PAGE_SIZE
    if (offset >= PAGE_SIZE) return `expected offset=N with N from 0 to ${PAGE_SIZE - 1}`
    const buffers = new Buffers()
    return { name: text, place: (row) => placeEach(row, buffers, () => offset) }
  },
}
