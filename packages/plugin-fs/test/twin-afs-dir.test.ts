import fc from 'fast-check'
import { describe } from 'vitest'
import type { Row } from '../../core/test/consumer-twin/slow-common.ts'
import { compareTwins, type TwinSuite } from '../../core/test/consumer-twin/twin-suite.ts'
import { afsDir } from '../src/afs-dir/definition.ts'
import { SlowAfsDir } from './model/slow-afs-dir.ts'

const P = 4096
const BLOCK = 2048
const FILES = [0, 1] as const
/** Of directories around the limits. It is never truncated: files of which the world knows are shorter. */
const LARGE_FILE = 2
const ends = fc.constantFrom(undefined, undefined, 0, 1500, 2500, 4500)
const results = fc.constantFrom(undefined, undefined, undefined, undefined, -5, -110)
const sizes = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(1, BLOCK - 1, 2 ** 21, 2 ** 21 + 1, 1023 * BLOCK, 1022 * BLOCK) },
  { weight: 6, arbitrary: fc.constantFrom(BLOCK, P, 5000, 8192, 9000, 9 * BLOCK, 20_000, 5 * P) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 40_000 }) },
)

const listing: fc.Arbitrary<Row> = fc
  .record({ file: fc.constantFrom(...FILES), size: sizes, end: ends, result: results, isSized: fc.boolean() })
  .map(({ file, size, end, result, isSized }) => ({
    at: size > 2 ** 20 ? LARGE_FILE : file,
    size,
    end,
    result,
    isSized,
  }))
  .map(({ at, size, end, result, isSized }) => ({
    op: 'read',
    ...(isSized ? { iter: 'xarray', segs: [[0, at, size]] } : { iter: 'ubuf', segs: [[0x7f0000000000, size]] }),
    file: `f${at}`,
    ...(end === undefined ? {} : { end }),
    ...(result === undefined ? {} : { result }),
  }))

const edit: fc.Arbitrary<Row> = fc
  .record({ file: fc.constantFrom(...FILES, LARGE_FILE), end: ends })
  .map(({ file, end }) => ({
    op: 'write',
    iter: 'ubuf',
    segs: [[0x7f0000000000, 64]],
    file: `f${file}`,
    ...(end === undefined ? {} : { end }),
  }))

const event: fc.Arbitrary<Row> = fc
  .record({
    event: fc.constantFrom('truncate' as const, 'truncate' as const, 'unlock' as const),
    file: fc.constantFrom(...FILES),
    offset: fc.constantFrom(0, 0, 0, P, 2 * P),
  })
  .map(({ event, file, offset }) => ({ event, segs: [], file: `f${file}`, offset }))

const rows: fc.Arbitrary<Row[]> = fc.array(
  fc.oneof({ weight: 6, arbitrary: listing }, { weight: 2, arbitrary: edit }, { weight: 2, arbitrary: event }),
  { minLength: 1, maxLength: 12 },
)

const AFS_DIR: TwinSuite = {
  name: 'afs-dir',
  make: (world) => new SlowAfsDir(world),
  isWhole: true,
  options: [{}, {}, {}, { way: 1 }, { way: 2 }],
  quirks: [{}, {}, { 'afs-dir-put-by-index': false }],
  choices: { iters: ['xarray'], flags: [], files: ['f0'], ends: [undefined], results: [undefined] },
  onlyRows: rows,
  small: 0,
  random: 400,
}

describe('the slow twin agrees with the consumer', () => {
  compareTwins(afsDir, AFS_DIR)
})
