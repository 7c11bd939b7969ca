import fc from 'fast-check'
import { describe } from 'vitest'
import { eventRow, hugeRowsOf, ioRow, mapRow } from '../../core/test/consumer-twin/random-rows.ts'
import { registerRows } from '../../core/test/consumer-twin/register-rows.ts'
import type { Flag, IterName, Row } from '../../core/test/consumer-twin/slow-common.ts'
import { compareTwins, type TwinSuite } from '../../core/test/consumer-twin/twin-suite.ts'
import { ceph } from '../src/ceph/definition.ts'
import { rbd } from '../src/ceph/rbd/definition.ts'
import { splice } from '../src/pipe/definition.ts'
import { xdpUmem } from '../src/xdp-umem/definition.ts'
import { SlowCeph } from './model/slow-ceph.ts'
import { SlowRbd } from './model/slow-rbd.ts'
import { SlowSplice } from './model/slow-splice.ts'
import { SlowXdpUmem } from './model/slow-xdp-umem.ts'

const iters: readonly IterName[] = ['ubuf', 'ubuf', 'iovec', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq']
const files = ['', 'a', 'b']
const ends = [undefined, undefined, 0, 1500, 2500] as const

/** Everything that goes into a pipe or out of it; nobody waits. */
function pipeRow(iters: Row['iter'][], op: 'read' | 'write', flags: Flag[]): fc.Arbitrary<Row> {
  const choices = {
    iters: iters as NonNullable<Row['iter']>[],
    flags: [],
    files: ['', 'a'],
    ends,
    results: [undefined],
  }
  return ioRow(choices).map((row) => ({ ...row, op, flags: [...flags, 'nowait'] }))
}

const PIPE_ROWS = [
  { weight: 3, arbitrary: pipeRow(['ubuf', 'iovec', 'bvec', 'kvec', 'folioq'], 'write', ['splice']) },
  { weight: 1, arbitrary: pipeRow(['ubuf', 'iovec'], 'write', ['splice', 'gift']) },
  { weight: 2, arbitrary: pipeRow(['xarray'], 'write', ['splice']) },
  { weight: 4, arbitrary: pipeRow(['ubuf', 'iovec', 'kvec', 'bvec', 'xarray'], 'write', []) },
  { weight: 3, arbitrary: pipeRow(['ubuf', 'iovec', 'kvec', 'bvec'], 'read', []) },
  { weight: 1, arbitrary: pipeRow(['ubuf', 'iovec'], 'read', ['splice']) },
  { weight: 3, arbitrary: pipeRow(['discard'], 'read', ['splice']) },
  { weight: 1, arbitrary: mapRow },
]
const pipeRows: fc.Arbitrary<Row[]> = fc.array(fc.oneof(...PIPE_ROWS), { minLength: 1, maxLength: 14 })
const pipeEventRows: fc.Arbitrary<Row[]> = fc.array(fc.oneof(...PIPE_ROWS, { weight: 5, arbitrary: eventRow }), {
  minLength: 1,
  maxLength: 14,
})

const SPLICE: TwinSuite = {
  name: 'splice',
  make: (world) => new SlowSplice(world),
  isWhole: true,
  options: [{}, {}, { 'pipe-slots': 2 }, { 'pipe-slots': 64 }, { out: 1 }, { out: 1, 'pipe-slots': 4 }],
  choices: { iters: ['ubuf'], flags: [], files: [''], ends, results: [undefined] },
  onlyRows: pipeRows,
  small: 0,
  random: 400,
}

const BLOCK_ITERS = iters.filter((iter) => iter !== 'kvec')
/** At some sector of the image, or position in the file. */
const placedRows: fc.Arbitrary<Row[]> = fc.array(
  fc
    .record({
      row: ioRow({ iters: BLOCK_ITERS, flags: [], files, ends, results: [undefined, 16, 8], partsMax: 8 }),
      sector: fc.nat(400),
    })
    .map(({ row, sector }) => ({ ...row, offset: sector * 512 })),
  { minLength: 1, maxLength: 5 },
)

const CEPH: TwinSuite = {
  name: 'ceph',
  make: (world) => new SlowCeph(world),
  isWhole: true,
  options: [
    {},
    {},
    { rsize: 8192, wsize: 8192 },
    { rsize: 5000, wsize: 6000, msgr: 1 },
    { aio: 1 },
    { aio: 1, rsize: 10_000, wsize: 10_000 },
    { 'stripe-unit': 65_536, msgr: 1 },
  ],
  choices: {
    iters,
    flags: [],
    files,
    ends,
    hasEvents: true,
    results: [undefined, undefined, undefined, 16, 8, 3, -5],
    partsMax: 8,
  },
  rows: placedRows,
  small: 400,
  random: 400,
}

const XDP_UMEM: TwinSuite = {
  name: 'xdp-umem',
  make: (world) => new SlowXdpUmem(world),
  quirks: [{}, {}, { 'xdp-umem-account-short': false }],
  isWhole: true,
  options: [{}, {}, { mode: 1 }, { 'chunk-size': 2048 }, { 'chunk-size': 3000, unaligned: 1 }, { memlock: 100_000 }],
  choices: { iters: ['ubuf'], flags: [], files, ends, results: [undefined] },
  onlyRows: registerRows,
  small: 0,
  random: 300,
}

const RBD: TwinSuite = {
  name: 'rbd',
  make: (world) => new SlowRbd(world),
  isWhole: true,
  options: [
    {},
    { 'object-size': 65_536, msgr: 1 },
    { 'object-size': 65_536, 'stripe-unit': 4096, 'stripe-count': 3 },
    { 'object-size': 131_072, 'stripe-unit': 16_384, 'stripe-count': 2 },
  ],
  // All that has no more than 256 bvecs is one bio.
  choices: {
    iters: BLOCK_ITERS,
    flags: [],
    files,
    ends,
    hasEvents: true,
    results: [undefined, undefined, 16, 8, 3],
    partsMax: 8,
  },
  rows: placedRows,
  small: 300,
  random: 300,
}

/** What a buffer has on its pages does not keep anybody from changing them. */
const SPLICE_EVENTS: TwinSuite = {
  ...SPLICE,
  name: 'splice, what happens to its pages',
  policies: ['get-pages'],
  onlyRows: pipeEventRows,
  random: 200,
}

/** The same over memory of which some lies in a huge page. */
function huge(suite: TwinSuite): TwinSuite {
  const onlyRows = hugeRowsOf(suite.choices)
  return {
    ...suite,
    name: `${suite.name}, huge pages`,
    policies: ['get-pages', 'viro-2022', 'extract'],
    onlyRows,
    small: 0,
    random: 150,
  }
}

describe('the slow twin agrees with the consumer', () => {
  compareTwins(ceph, CEPH)
  compareTwins(ceph, huge(CEPH))
  compareTwins(rbd, RBD)
  compareTwins(rbd, huge(RBD))
  compareTwins(splice, SPLICE)
  compareTwins(splice, SPLICE_EVENTS)
  compareTwins(xdpUmem, XDP_UMEM)
})
