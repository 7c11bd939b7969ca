import fc from 'fast-check'
import { describe } from 'vitest'
import { mapRow, USER } from '../../core/test/consumer-twin/random-rows.ts'
import type { IterName, Row } from '../../core/test/consumer-twin/slow-common.ts'
import { compareTwins, type TwinSuite } from '../../core/test/consumer-twin/twin-suite.ts'
import register from '../src/register.ts'
import { SlowP9 } from './model/slow-p9.ts'
import { SlowTls } from './model/slow-tls.ts'
import { SlowVhostScsi } from './model/slow-vhost-scsi.ts'

const iters: readonly IterName[] = ['ubuf', 'ubuf', 'iovec', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq', 'discard']
const files = ['', 'a', 'b']
const ends = [undefined, undefined, 0, 1500, 2500] as const
/** Of most operations the result is not known. */
const results = [undefined, undefined, undefined, 16, 8, 3, 0, -11]

/** A command of so many pages that misaligned ones are copied, or that there are too many. */
const bigCommand: fc.Arbitrary<Row> = fc
  .record({
    op: fc.constantFrom('read' as const, 'write' as const),
    end: fc.constantFrom(undefined, 0, 1500, 'never' as const),
    parts: fc.array(
      fc.record({
        at: fc.nat(40),
        offset: fc.constantFrom(0, 0, 512, 0x100, 4095),
        bytes: fc.constantFrom(100, 512, 4096, 20 * 4096, 60 * 4096, 60 * 4096 - 512, 200 * 4096),
      }),
      { minLength: 1, maxLength: 12 },
    ),
  })
  .map(({ op, parts, end }) => ({
    op,
    iter: 'iovec' as const,
    segs: parts.map(({ at, offset, bytes }) => [USER + at * 4096 + offset, bytes]),
    ...(end === undefined ? {} : { end }),
  }))

const bigCommands = fc.array(fc.oneof({ weight: 5, arbitrary: bigCommand }, { weight: 1, arbitrary: mapRow }), {
  minLength: 1,
  maxLength: 5,
})

const SUITES: readonly TwinSuite[] = [
  {
    name: 'tls',
    make: (world) => new SlowTls(world),
    options: [
      {},
      {},
      { version: 13 },
      { 'record-size': 1000 },
      { version: 13, padded: 1 },
      { version: 13, 'expect-no-pad': 0, padded: 1 },
      { async: 1 },
      { async: 1, 'record-size': 1000 },
      { async: 1, version: 13 },
      { device: 1 },
      { device: 1, 'zerocopy-sendfile': 1 },
    ],
    choices: { iters, flags: ['more', 'splice', 'eor'], files, ends, results, partsMax: 20 },
    small: 1000,
    random: 800,
  },
  {
    name: '9p',
    make: (world) => new SlowP9(world),
    options: [{}, {}, { msize: 16_384 }, { 'pool-pages': 3 }, { indirect: 0 }],
    choices: { iters, flags: [], files, ends, results },
    small: 800,
    random: 600,
  },
  {
    name: 'vhost-scsi',
    make: (world) => new SlowVhostScsi(world),
    options: [
      {},
      { 't10-pi': 1 },
      { tags: 2 },
      { 't10-pi': 1, tags: 3 },
      { 'inline-sg-cnt': 0 },
      { 'inline-sg-cnt': 100 },
    ],
    choices: { iters: ['ubuf', 'iovec', 'iovec', 'kvec'], flags: [], files, ends, results, unit: 512, partsMax: 24 },
    rows: bigCommands,
    small: 600,
    random: 300,
  },
]

describe('the slow twin agrees with the consumer', async () => {
  const { consumers = [] } = await register()
  for (const suite of SUITES) compareTwins(consumers.find(({ name }) => name === suite.name)!, suite)
})
