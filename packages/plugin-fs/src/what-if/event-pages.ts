import { KIND_FILE, type PageEvent, type PageStore } from '@pinscope/core'

/** Tells of each page of a file that a row names. */
export function eachFilePage(pages: PageStore, event: PageEvent, tell: (page: number) => void): void {
  for (let i = 0; i < event.length; i++) if (pages.kindOf(event.page[i]) === KIND_FILE) tell(event.page[i])
}

/** Tells of each folio of a file that a row names pages of, by its head page. */
export function eachFileFolio(pages: PageStore, event: PageEvent, tell: (head: number) => void): void {
  let last = -1
  for (let i = 0; i < event.length; i++) {
    const at = pages.headOf(event.page[i])
    if (at !== last && pages.kindOf(at) === KIND_FILE) tell(at)
    last = at
  }
}
