import type { PageStore } from '../memory/page-store.ts'

/** @throws RangeError where a consumer tells of a page that there is not. */
export function checkPage(pages: PageStore, page: number): void {
  if ((page | 0) !== page || page < 0 || page >= pages.length) throw new RangeError(`audit: there is no page ${page}`)
}
