import fc from 'fast-check'
import { memoryOf, USER } from '../../../core/test/consumer-twin/random-rows.ts'
import type { IterName, Row } from '../../../core/test/consumer-twin/slow-common.ts'

const P = 4096
const FAR = USER + 4096 * P

const part = fc.record({
  at: fc.nat(24),
  offset: fc.constantFrom(0, 0, 0, 512, 2048, 3584),
  length: fc.constantFrom(512, 1024, 3584, 4096, 4096, 8192, 12_288, 16_384, 61_440),
})
const ends = fc.constantFrom(undefined, undefined, 0, 1500, 2500)

/** Direct I/O of whole sectors. */
const small: fc.Arbitrary<Row> = fc
  .record({
    op: fc.constantFrom('read' as const, 'write' as const),
    iter: fc.constantFrom<IterName>('ubuf', 'iovec', 'iovec', 'bvec', 'xarray', 'kvec'),
    parts: fc.array(part, { minLength: 1, maxLength: 6 }),
    end: ends,
  })
  .map(({ op, iter, parts, end }) => ({
    op,
    iter: iter === 'kvec' ? 'iovec' : iter,
    segs: memoryOf(iter === 'kvec' ? 'iovec' : iter, parts),
    ...(end === undefined ? {} : { end }),
  }))

/** More than a bio holds. */
const large: fc.Arbitrary<Row> = fc
  .record({
    op: fc.constantFrom('read' as const, 'write' as const),
    pages: fc.constantFrom(255, 256, 257, 300, 600),
    offset: fc.constantFrom(0, 0, 512),
    end: ends,
  })
  .map(({ op, pages, offset, end }) => ({
    op,
    iter: 'ubuf',
    segs: [[FAR + offset, pages * P]],
    ...(end === undefined ? {} : { end }),
  }))

/** Operations on a block device, all of them of aligned memory that can be had. */
export const blockRows: fc.Arbitrary<Row[]> = fc.array(
  fc.oneof({ weight: 8, arbitrary: small }, { weight: 1, arbitrary: large }),
  { minLength: 1, maxLength: 8 },
)
