import { KERNEL_MM } from '../memory/address-spaces.ts'
import type { Memory } from '../memory/memory.ts'
import type { FilePlace } from '../memory/page-cache.ts'
import { isAnonymous, ZERO_PAGE } from '../memory/page-store.ts'
import type { Dictionary } from '../trace/dictionary.ts'
import { PAGE_SIZE } from '../units.ts'
import type { RowPages } from './row-pages.ts'

/**
 * A page as the trace names it, so that a reader finds it there: `pfn 0x500`, `page 3 of /data`, `page at 0x10000 of mm
 * 1`. Null where nothing names it any more. Looks through page cache and page tables: for what is told to people.
 */
export function pageName(memory: Memory, rows: RowPages, files: Dictionary, page: number): string | null {
  const { cache, pages, spaces } = memory
  const frame = pages.frameOf(page)
  if (frame >= 0) return `pfn 0x${frame.toString(16)}`
  if (page === ZERO_PAGE) return 'the zero page'
  const isAnon = isAnonymous(pages.kindOf(page))
  const cached = isAnon ? null : (rows.formerPlace(page) ?? cache.placeOf(page))
  if (cached !== null) return fileName(files, cached)
  const mapped = spaces.placeOf(page)
  if (mapped === null) return null
  const of = mapped.mm === KERNEL_MM ? 'the kernel' : `mm ${mapped.mm}`
  return `page at 0x${(mapped.page * PAGE_SIZE).toString(16)} of ${of}`
}

/** A file whose name a trace has no cell for is named by its number. */
function fileName(files: Dictionary, { file, index }: FilePlace): string {
  const name = file >= 0 && file < files.size ? files.text(file) : `file ${file}`
  return `page ${index} of ${name}`
}
