import { pagesFor } from './slow-memory.ts'

/** What one call of get_pages2 or extract_pages gives back. */
export interface SlowPages {
  /** Bytes, or a negative errno. */
  readonly bytes: number
  /** Where the bytes begin in the first page; 0 where the kernel does not set it. */
  readonly offset0: number
  /** The valid entries: as many as the bytes need. */
  readonly pages: readonly string[]
  /** Entries that were written behind those. */
  readonly junk: readonly string[]
  readonly taken: 'none' | 'ref' | 'pin'
  /** Pages on which a count was really taken, in order. */
  readonly takenPages: readonly string[]
}

export function slowPages(
  bytes: number,
  offset0: number,
  listed: readonly string[] = [],
  kind: 'none' | 'ref' | 'pin' = 'none',
  takenPages: readonly string[] = [],
): SlowPages {
  const valid = bytes > 0 ? pagesFor(offset0 + bytes) : 0
  const taken = takenPages.length > 0 ? kind : 'none'
  return { bytes, offset0, pages: listed.slice(0, valid), junk: listed.slice(valid), taken, takenPages }
}
