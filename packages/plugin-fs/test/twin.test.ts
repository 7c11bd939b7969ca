import { describe } from 'vitest'
import { hugeRowsOf } from '../../core/test/consumer-twin/random-rows.ts'
import { registerRowsWithEvents } from '../../core/test/consumer-twin/register-rows.ts'
import type { IterName } from '../../core/test/consumer-twin/slow-common.ts'
import { compareTwins, type TwinSuite } from '../../core/test/consumer-twin/twin-suite.ts'
import { fuse } from '../src/fuse/definition.ts'
import { ioUringFixed } from '../src/io-uring-fixed/definition.ts'
import { loop } from '../src/loop/definition.ts'
import { netfsDio } from '../src/netfs-dio/definition.ts'
import { nfsDirect } from '../src/nfs-direct/definition.ts'
import { processVm, procMem } from '../src/process-vm/definition.ts'
import { vring } from '../src/vring/definition.ts'
import { SlowFuse } from './model/slow-fuse.ts'
import { SlowIoUring } from './model/slow-io-uring.ts'
import { SlowLoop } from './model/slow-loop.ts'
import { SlowNetfsDio } from './model/slow-netfs-dio.ts'
import { SlowNfsDirect } from './model/slow-nfs-direct.ts'
import { SlowProcMem } from './model/slow-proc-mem.ts'
import { SlowProcessVm } from './model/slow-process-vm.ts'
import { SlowVring } from './model/slow-vring.ts'

const iters: readonly IterName[] = ['ubuf', 'ubuf', 'iovec', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq']
const files = ['', 'a', 'b']
const ends = [undefined, undefined, 0, 1500, 2500] as const
const PROCESS_VM: TwinSuite = {
  name: 'process-vm',
  make: (world) => new SlowProcessVm(world),
  isWhole: true,
  options: [{}],
  choices: {
    iters: ['ubuf', 'iovec', 'iovec'],
    flags: [],
    files,
    ends,
    results: [undefined, undefined, 16, 8, 3, 0, -14, -3],
    partsMax: 12,
  },
  small: 400,
  random: 400,
}

const NETFS_DIO: TwinSuite = {
  name: 'netfs-dio',
  make: (world) => new SlowNetfsDio(world),
  quirks: [{}, {}, { 'netfs-read-retry-abandons': false }],
  isWhole: true,
  options: [
    {},
    {},
    { rsize: 8192, wsize: 8192 },
    { rsize: 5000, wsize: 10_000 },
    { 'max-segs': 2 },
    { 'max-segs': 3, rsize: 16_384, wsize: 12_288 },
    { 'answer-bytes': 3000 },
    { 'answer-bytes': 5000, rsize: 8192, wsize: 8192 },
    { 'answer-bytes': 10_000, 'max-segs': 2, rsize: 16_384 },
    { 'answer-bytes': 3000, 'max-segs': 2, renegotiates: 1 },
    { 'answer-bytes': 1500, 'max-segs': 1, renegotiates: 1, wsize: 5000 },
  ],
  choices: {
    iters,
    flags: [],
    files,
    ends,
    hasEvents: true,
    results: [undefined, undefined, undefined, 16, 8, 3, 0, -5],
    partsMax: 8,
  },
  small: 400,
  random: 400,
}

const NFS_DIRECT: TwinSuite = {
  name: 'nfs-direct',
  make: (world) => new SlowNfsDirect(world),
  isWhole: true,
  options: [
    {},
    {},
    { rsize: 8192, wsize: 8192 },
    { rsize: 4096, wsize: 4096 },
    { rsize: 2048, wsize: 1024 },
    { rsize: 13_000, wsize: 20_000, unstable: 0 },
    { rsize: 65_536, wsize: 65_536 },
    { rsize: 16_384, wsize: 16_384, 'answer-bytes': 5000 },
    { wsize: 20_000, 'answer-bytes': 3000, unstable: 0 },
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
  small: 400,
  random: 400,
}

const FUSE: TwinSuite = {
  name: 'fuse',
  make: (world) => new SlowFuse(world),
  isWhole: true,
  options: [
    {},
    {},
    { 'max-pages': 3 },
    { 'max-read': 5000, 'max-write': 6000 },
    { async: 0 },
    { 'virtio-fs': 1, 'max-pages': 5 },
    { 'max-background': 1, 'max-pages': 1 },
  ],
  choices: {
    iters,
    flags: [],
    files,
    ends,
    hasEvents: true,
    results: [undefined, undefined, undefined, 16, 8, 3, 0, -5],
    partsMax: 8,
  },
  small: 400,
  random: 400,
}

const IO_URING: TwinSuite = {
  name: 'io-uring-fixed',
  make: (world) => new SlowIoUring(world),
  isWhole: true,
  options: [{}, { memlock: 100_000 }, { memlock: 3_000_000 }, { memlock: 8_000_000 }],
  choices: { iters: ['ubuf'], flags: [], files, ends, results: [undefined] },
  onlyRows: registerRowsWithEvents,
  small: 0,
  random: 400,
}

const VRING: TwinSuite = {
  name: 'vring',
  make: (world) => new SlowVring(world),
  isWhole: true,
  options: [
    {},
    {},
    { 'map-bytes': 4096 },
    { 'map-bytes': 8192, 'use-va': 0 },
    { 'ring-entries': 2, 'map-bytes': 16_384 },
  ],
  choices: {
    iters: ['ubuf', 'iovec', 'bvec', 'bvec'],
    flags: [],
    files,
    ends,
    hasEvents: true,
    results: [undefined],
    partsMax: 12,
  },
  small: 300,
  random: 400,
}

const LOOP: TwinSuite = {
  name: 'loop',
  make: (world) => new SlowLoop(world),
  isWhole: true,
  options: [{}, {}, { 'bio-vecs': 3 }, { 'direct-io': 0 }, { 'direct-io': 0, 'bio-vecs': 1 }],
  // All that has no more than 128 segments is one request.
  choices: {
    iters: iters.filter((iter) => iter !== 'kvec'),
    flags: [],
    files,
    ends,
    hasEvents: true,
    results: [undefined, undefined, 16, 8, 3],
    partsMax: 6,
  },
  small: 300,
  random: 300,
}

const PROC_MEM: TwinSuite = {
  ...PROCESS_VM,
  name: 'proc-mem',
  make: (world) => new SlowProcMem(world),
  options: [{}, { force: 0 }],
  choices: { ...PROCESS_VM.choices, results: [undefined] },
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
  compareTwins(fuse, FUSE)
  compareTwins(fuse, huge(FUSE))
  compareTwins(ioUringFixed, IO_URING)
  compareTwins(loop, LOOP)
  compareTwins(loop, huge(LOOP))
  compareTwins(netfsDio, NETFS_DIO)
  compareTwins(netfsDio, huge(NETFS_DIO))
  compareTwins(nfsDirect, NFS_DIRECT)
  compareTwins(nfsDirect, huge(NFS_DIRECT))
  compareTwins(processVm, PROCESS_VM)
  compareTwins(procMem, PROC_MEM)
  compareTwins(processVm, huge(PROCESS_VM))
  compareTwins(vring, VRING)
})
