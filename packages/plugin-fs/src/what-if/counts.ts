import type { ConsumerCounter } from '@pinscope/core'

/** A number for each declared counter, by its name. */
export type Counts<Declared extends readonly ConsumerCounter[]> = Record<Declared[number]['name'], number>

/** All of them 0. */
export function zeroCounts<const Declared extends readonly ConsumerCounter[]>(declared: Declared): Counts<Declared> {
  return Object.fromEntries(declared.map(({ name }) => [name, 0])) as Counts<Declared>
}

/** What {@link PinTest} counts, in every what-if model. */
export const PIN_COUNTERS = [
  {
    name: 'pagesLooksPinned',
    summary: 'pages of folios that a decision was taken on, and for which maybe_dma_pinned said yes',
  },
  { name: 'pagesPinned', summary: 'of those, pages of folios that were really pinned' },
  {
    name: 'pagesOverCautious',
    summary:
      'of those, pages of folios that were not: 1,024 plain references on a small one look like a pin; too careful, harmless',
  },
] as const satisfies readonly ConsumerCounter[]
