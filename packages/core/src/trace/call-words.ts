import { closestWord } from './did-you-mean.ts'
import { EVENT_ALLOCATION, EVENT_WAIT } from './op-batch.ts'

/** Whom a task can wait for, in the `call` cell of a `wait` row. */
export const WAIT_WORDS = ['network', 'user', 'lease', 'writeback', 'disk', 'lock', 'memory'] as const

/** Reclaim may call into file systems; it may run at once, in the task that allocates. */
const FS = 1
const RECLAIM = 2

/** The GFP_* flags, and which of them matter here. @kernel include/linux/gfp_types.h (6.1: include/linux/gfp.h) */
const GFP_BITS: Readonly<Record<string, number>> = {
  GFP_KERNEL: FS | RECLAIM,
  GFP_KERNEL_ACCOUNT: FS | RECLAIM,
  GFP_USER: FS | RECLAIM,
  GFP_HIGHUSER: FS | RECLAIM,
  GFP_HIGHUSER_MOVABLE: FS | RECLAIM,
  GFP_TRANSHUGE: FS | RECLAIM,
  GFP_TRANSHUGE_LIGHT: FS,
  GFP_NOFS: RECLAIM,
  GFP_NOIO: RECLAIM,
  GFP_NOWAIT: 0,
  GFP_ATOMIC: 0,
  GFP_DMA: 0,
  GFP_DMA32: 0,
  __GFP_FS: FS,
  __GFP_RECLAIM: RECLAIM,
  __GFP_DIRECT_RECLAIM: RECLAIM,
  __GFP_KSWAPD_RECLAIM: 0,
  __GFP_IO: 0,
  __GFP_HIGH: 0,
  __GFP_HIGHMEM: 0,
  __GFP_MOVABLE: 0,
  __GFP_RECLAIMABLE: 0,
  __GFP_WRITE: 0,
  __GFP_HARDWALL: 0,
  __GFP_THISNODE: 0,
  __GFP_ACCOUNT: 0,
  __GFP_ZERO: 0,
  __GFP_COMP: 0,
  __GFP_NOWARN: 0,
  __GFP_NOFAIL: 0,
  __GFP_NORETRY: 0,
  __GFP_RETRY_MAYFAIL: 0,
  __GFP_MEMALLOC: 0,
  __GFP_NOMEMALLOC: 0,
}

/** What an `allocation` row allocates with: one of these, or several joined by `|`. */
export const GFP_WORDS: readonly string[] = Object.keys(GFP_BITS)

/** An allocation with these flags may write back to file systems: it reclaims by itself, and has __GFP_FS. */
export function mayEnterFileSystems(gfp: string): boolean {
  const bits = wordsOf(gfp).reduce((all, word) => all | (GFP_BITS[word] ?? 0), 0)
  return bits === (FS | RECLAIM)
}

/** The `call` cell of a row of that event is a word that is known there; other events take any text. */
export function isKnownCall(event: number, text: string): boolean {
  if (event === EVENT_WAIT) return WAIT_WORDS.some((word) => word === text)
  return event !== EVENT_ALLOCATION || wordsOf(text).every((word) => word in GFP_BITS)
}

/** What to write instead of a `call` cell that is not known. */
export function callHint(event: number, text: string): string {
  if (event === EVENT_WAIT) {
    const meant = closestWord(text, WAIT_WORDS)
    return `${meant === null ? '' : `Did you mean ${meant}? `}Expected one of ${WAIT_WORDS.join(' ')}.`
  }
  const wrong = wordsOf(text).find((word) => !(word in GFP_BITS)) ?? text
  const lower = closestWord(
    wrong,
    GFP_WORDS.map((word) => word.toLowerCase()),
  )
  const meant = GFP_WORDS.find((word) => word.toLowerCase() === lower)
  return `${meant === undefined ? '' : `Did you mean ${meant}? `}Expected flags such as GFP_KERNEL or GFP_NOFS|__GFP_NOWARN.`
}

function wordsOf(gfp: string): string[] {
  return gfp.split('|').map((word) => word.trim())
}
