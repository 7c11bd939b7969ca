import type { IovIter } from '../../src/iter/iov-iter.ts'
import { alignment, gapAlignment, isAligned } from '../../src/iter/iter-alignment.ts'
import { iovLength, npages, singleSegCount } from '../../src/iter/iter-pages.ts'
import * as twin from '../model/iov/index.ts'

/** What can be asked of an iterator; `of` types, or all. */
interface Query {
  readonly name: string
  readonly of: readonly twin.SlowType[] | null
  readonly ask: (fast: IovIter) => number
  readonly expect: (slow: twin.SlowIov) => number
}

const U32 = 2 ** 32
const PAGES_MAX = 1 << 20

/** Alignments are the low 32 bits of the kernel's. */
export const QUERIES: readonly Query[] = [
  { name: 'npages', of: null, ask: (i) => npages(i, PAGES_MAX), expect: (i) => twin.npages(i, PAGES_MAX) },
  { name: 'npages, at most 2', of: null, ask: (i) => npages(i, 2), expect: (i) => twin.npages(i, 2) },
  { name: 'alignment', of: null, ask: alignment, expect: (i) => twin.alignment(i) % U32 },
  { name: 'gap_alignment', of: null, ask: gapAlignment, expect: (i) => twin.gapAlignment(i) % U32 },
  { name: 'single_seg_count', of: null, ask: singleSegCount, expect: twin.singleSegCount },
  { name: 'iov_len', of: ['ubuf', 'iovec', 'kvec'], ask: iovLength, expect: twin.iovLen },
  ...[
    [511, 511],
    [3, 3],
    [511, 3],
  ].map(([address = 0, length = 0]) => ({
    name: `is_aligned, masks ${address} and ${length}`,
    of: null,
    ask: (i: IovIter) => Number(isAligned(i, address, length)),
    expect: (i: twin.SlowIov) => Number(twin.isAligned(i, address, length)),
  })),
]
