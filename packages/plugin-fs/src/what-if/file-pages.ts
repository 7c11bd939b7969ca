import { type ConsumerEnvironment, PAGE_SIZE } from '@pinscope/core'
import type { LayoutChange } from './layout-change.ts'

/** Which pages are a file's, at this time: those of the page cache, which mappings of it show. */
export class FilePages {
  private readonly cache: ConsumerEnvironment['memory']['cache']

  constructor({ memory }: ConsumerEnvironment) {
    this.cache = memory.cache
  }

  of(file: number): ReadonlySet<number> {
    return this.visit(file, 0, Number.POSITIVE_INFINITY)
  }

  /** Those that a change is about: more than when it was asked for, where pages were faulted in meanwhile. */
  in({ name, file, positionBytes, lengthBytes }: LayoutChange): readonly number[] {
    const first = positionBytes / PAGE_SIZE
    const end = (positionBytes + lengthBytes) / PAGE_SIZE
    // A page that a truncate cuts in the middle stays.
    return [...this.visit(file, name === 'truncate' ? Math.ceil(first) : Math.floor(first), Math.ceil(end))]
  }

  private visit(file: number, first: number, end: number): ReadonlySet<number> {
    const pages = new Set<number>()
    this.cache.visit(file, first, end, (page) => pages.add(page))
    return pages
  }
}
