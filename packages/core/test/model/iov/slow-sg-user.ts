import { pagesFor } from './slow-memory.ts'
import type { SlowPages } from './slow-pages.ts'
import { has } from './slow-quirks.ts'
import type { SlowSgEntry, SlowSgResult, SlowSgTable } from './slow-sg.ts'
import { PAGE, type SlowIov, SlowViolation } from './slow-types.ts'

// The list of pages is put into the tail of the scatterlist that is to be filled, so what matters is which eight bytes
// of the table hold what. An entry is four words: page, offset and length, DMA address, DMA length.

const ENTRY_WORDS = 4

/** A page pointer, NULL, or an entry's offset and length. */
type Word = string | null | { readonly offset: number; readonly length: number }
type Words = Map<number, Word>

/**
 * Fixed: the list lies in the unused entries from `nents` on. Before (`sg-temp-array`): from the start of the table on,
 * whatever is there, so it may overwrite entries in use, and new entries may overwrite the rest of the list.
 *
 * @kernel lib/scatterlist.c: extract_user_to_sg
 */
export function extractUserToSg(
  iter: SlowIov,
  maxsize: number,
  table: SlowSgTable,
  sgMax: number,
  extract: (maxsize: number, maxpages: number) => SlowPages,
): SlowSgResult {
  const words = wordsOf(table)
  const first = has(iter, 'sg-temp-array') ? 0 : table.nents
  let list = ENTRY_WORDS * (first + sgMax) - sgMax
  const taken: string[] = []
  let ret = 0
  let sgLeft = sgMax
  do {
    const res = extract(maxsize - ret, sgLeft)
    if (res.bytes <= 0) return failed(table, words, res.bytes, taken)
    res.pages.forEach((page, k) => {
      words.set(list + k, page)
    })
    taken.push(...res.takenPages)
    ret += res.bytes
    sgLeft -= pagesFor(res.offset0 + res.bytes)
    list = decant(table, words, list, res.offset0, res.bytes)
  } while (ret < maxsize && sgLeft > 0)
  write(table, words)
  return { result: ret, taken, released: [] }
}

/** Makes entries of the pages of the list, and returns where the list goes on. */
function decant(table: SlowSgTable, words: Words, list: number, offset0: number, bytes: number): number {
  let off = offset0
  let len = bytes
  let at = list
  for (let npages = pagesFor(offset0 + bytes); npages > 0; npages--) {
    const page = asPage(words.get(at) ?? null)
    const seg = Math.min(PAGE - off, len)
    words.set(at++, null)
    words.set(ENTRY_WORDS * table.nents, page)
    words.set(ENTRY_WORDS * table.nents + 1, { offset: off, length: seg })
    table.nents++
    len -= seg
    off = 0
  }
  return at
}

function failed(table: SlowSgTable, words: Words, result: number, taken: readonly string[]): SlowSgResult {
  const released: string[] = []
  while (table.nents > table.origNents) {
    const page = asPage(words.get(ENTRY_WORDS * --table.nents) ?? null)
    if (page === null || page === 'wild') throw new SlowViolation('unpin-wild-page')
    released.push(page)
  }
  write(table, words)
  return { result, taken, released }
}

/** What eight bytes are when they are taken for a page. */
function asPage(word: Word): string | null {
  return typeof word === 'object' && word !== null ? 'wild' : word
}

function wordsOf(table: SlowSgTable): Words {
  const words: Words = new Map()
  table.entries.slice(0, table.nents).forEach(({ page, offset, length }, at) => {
    words.set(ENTRY_WORDS * at, page)
    words.set(ENTRY_WORDS * at + 1, { offset, length })
  })
  return words
}

function write(table: SlowSgTable, words: Words): void {
  table.entries.splice(0, table.entries.length, ...Array.from({ length: table.nents }, (_, at) => entryAt(words, at)))
}

function entryAt(words: Words, at: number): SlowSgEntry {
  const page = asPage(words.get(ENTRY_WORDS * at) ?? null)
  const second = words.get(ENTRY_WORDS * at + 1)
  if (typeof second !== 'object' || second === null) return { page, offset: 0, length: 0 }
  return { page, offset: second.offset, length: second.length }
}
