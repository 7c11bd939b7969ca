import type { ExtractionPolicy, IovIter, Memory, PageList } from '@pinscope/core'

/** Told of every extraction from an iterator, whoever asks for it: an operation, or code of a consumer's own. */
export interface ExtractListener {
  /** Before it: the iterator as the function finds it, and the arguments. */
  called(iter: IovIter, policy: ExtractionPolicy, memory: Memory, pagesMax: number, bytesMax: number): void
  /** After it: bytes or -errno, and the list, whose pages nobody has taken yet. */
  returned(iter: IovIter, list: PageList, bytes: number): void
}

type ExtractPages = (
  iter: IovIter,
  policy: ExtractionPolicy,
  memory: Memory,
  out: PageList,
  pagesMax: number,
  bytesMax: number,
  flags?: number,
) => number

/** What stands in for core's module extract/extract-pages. */
export interface ExtractModule {
  readonly extractPages: ExtractPages
}

const watch: { listener: ExtractListener | null } = { listener: null }

/** From now on; null ends it. */
export function listenToExtract(listener: ExtractListener | null): void {
  watch.listener = listener
}

/** The module with an extractPages that tells the listener. For `vi.mock`: this file loads nothing of core. */
export function watchedModule<M extends ExtractModule>(module: M): M {
  const { extractPages } = module
  const watched: ExtractPages = (iter, policy, memory, out, pagesMax, bytesMax, flags) => {
    const { listener } = watch
    listener?.called(iter, policy, memory, pagesMax, bytesMax)
    const bytes = extractPages(iter, policy, memory, out, pagesMax, bytesMax, flags)
    listener?.returned(iter, out, bytes)
    return bytes
  }
  return { ...module, extractPages: watched }
}
