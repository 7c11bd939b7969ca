import { describe } from 'vitest'
import { mrRows, registerRows } from '../../core/test/consumer-twin/register-rows.ts'
import type { IterName } from '../../core/test/consumer-twin/slow-common.ts'
import { compareTwins, type TwinSuite } from '../../core/test/consumer-twin/twin-suite.ts'
import { nvmeRdma, srp } from '../src/block-mr/definition.ts'
import { ibUmem } from '../src/ib-umem/definition.ts'
import { rdmaRw } from '../src/rdma-rw/definition.ts'
import { rds } from '../src/rds/definition.ts'
import { iterToMr, smbdMr } from '../src/smbd-mr/definition.ts'
import { smbdirect } from '../src/smbdirect/definition.ts'
import { smbdirectLegacy } from '../src/smbdirect-legacy/definition.ts'
import { blockRows } from './model/block-rows.ts'
import { SlowCifs } from './model/slow-cifs.ts'
import { DEVICE } from './model/slow-device.ts'
import { SlowIbUmem } from './model/slow-ib-umem.ts'
import { slowNvmeRdma } from './model/slow-nvme-rdma.ts'
import { SlowRdmaRw } from './model/slow-rdma-rw.ts'
import { SlowRds } from './model/slow-rds.ts'
import { SlowSmbdirectLegacy } from './model/slow-smbdirect-legacy.ts'
import { slowSrp } from './model/slow-srp.ts'

const iters: readonly IterName[] = ['ubuf', 'ubuf', 'iovec', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq']
const files = ['', 'a', 'b']
const ends = [undefined, undefined, 0, 1500, 2500] as const
/** Of most operations the result is not known. */
const results = [undefined, undefined, undefined, 16, 8, 3, 0, -11]

const RDS: TwinSuite = {
  name: 'rds',
  make: (world) => new SlowRds(world),
  isWhole: true,
  options: [
    {},
    {},
    { transport: 1 },
    { transport: 1, 'rdma-map': 1 },
    { transport: 2 },
    { 'so-zerocopy': 0 },
    { cookie: 0 },
    { sndbuf: 4608 },
    { sndbuf: 40_000 },
    { memlock: 40_000 },
    { memlock: 200_000, sndbuf: 100_000 },
  ],
  choices: {
    iters: [...iters, 'discard'],
    flags: ['zerocopy', 'zerocopy', 'more', 'splice', 'eor', 'nowait'],
    files,
    ends,
    results,
    partsMax: 8,
  },
  rows: mrRows,
  quirks: [{}, {}, { 'rds-mr-put-page': false }],
  small: 800,
  random: 600,
}

const RDMA_RW: TwinSuite = {
  name: 'rdma-rw',
  make: (world) => new SlowRdmaRw(world),
  isWhole: true,
  options: [
    {},
    { 'max-send-sge': 2, 'max-sgl-rd': 100 },
    { offset: 5000 },
    { 'force-mr': 1, 'max-fast-reg': 3 },
    { 'max-fast-reg': 4, 'queue-size': 1, 'max-sgl-rd': 1 },
    { 'queue-size': 1, offset: 100 },
    { 'queue-size': 1, 'force-mr': 1 },
    { device: DEVICE.rxe },
    { device: DEVICE.siw, 'queue-size': 1 },
    { device: DEVICE.siw, 'max-fast-reg': 2, 'force-mr': 1 },
    { device: DEVICE.irdma, 'max-send-sge': 3 },
    { bvec: 1 },
    { bvec: 1, 'max-send-sge': 2 },
    { bvec: 1, iova: 1 },
    { bvec: 1, iova: 1, device: DEVICE.rxe },
    { bvec: 1, 'force-mr': 1, 'max-fast-reg': 3, 'queue-size': 1 },
    { bvec: 1, device: DEVICE.siw },
  ],
  quirks: [{}, {}, { 'sg-xarray-start': true }, { 'sg-xarray-start': false }],
  choices: { iters, flags: [], files, ends, results, partsMax: 8 },
  small: 700,
  random: 600,
}

const ALL_SIZES = 2 ** 32 - 2 ** 12

const IB_UMEM: TwinSuite = {
  name: 'ib-umem',
  make: (world) => new SlowIbUmem(world),
  isWhole: true,
  options: [
    {},
    {},
    { 'max-segment': 16_384 },
    { 'max-segment': 10_000, 'max-send-sge': 1 },
    { device: DEVICE.rxe, access: 1 },
    { device: DEVICE.siw, 'max-send-sge': 2 },
    { device: DEVICE.irdma, access: 2 },
    { access: 1 },
    { memlock: 100_000 },
    { memlock: 4_000_000, access: 2 },
    { 'page-size-bitmap': 2 ** 16 + 2 ** 21 },
    { 'page-size-bitmap': ALL_SIZES - 2 ** 13 },
  ],
  choices: { iters: ['ubuf', 'iovec', 'iovec', 'bvec', 'kvec'], flags: [], files, ends, results, partsMax: 8 },
  rows: registerRows,
  small: 500,
  random: 500,
}

const SMBDIRECT: TwinSuite = {
  name: 'smbdirect',
  make: (world) => new SlowCifs(world, { registersAll: false, hasScatterlists: true }),
  isWhole: true,
  options: [
    {},
    {},
    { wsize: 8192, rsize: 8192 },
    { credits: 3 },
    { 'smb-header': 0, 'max-send-size': 128 },
    { 'max-fast-reg': 4 },
    { 'max-send-sge': 5 },
    { device: DEVICE.rxe, 'max-send-size': 1000 },
    { 'rdma-offload': 1 },
    { 'transport-only': 1 },
    { 'transport-only': 1, 'rdma-offload': 1, device: DEVICE.irdma, threshold: 1000 },
    { 'transport-only': 1, 'max-fragmented-size': 131_072 },
    { encrypted: 1 },
    { encrypted: 1, 'smb-header': 0, wsize: 16_384, credits: 2 },
    { 'rdma-offload': 1, device: DEVICE.rxe },
    { 'rdma-offload': 1, device: DEVICE.irdma, 'max-fast-reg': 4, 'responder-resources': 1 },
    { 'rdma-offload': 1, device: DEVICE.irdma, threshold: 10_000, wsize: 16_384, 'local-invalidate': 1 },
  ],
  quirks: [{}, {}, { 'sg-xarray-start': false }],
  choices: { iters, flags: [], files, ends, results, partsMax: 8 },
  small: 600,
  random: 500,
}

const LEGACY: TwinSuite = {
  name: 'smbdirect-legacy',
  make: (world) => new SlowSmbdirectLegacy(world),
  isWhole: true,
  options: [
    {},
    {},
    { wsize: 8192, rsize: 10_000 },
    { credits: 3, wsize: 12_000 },
    { 'smb-header': 0, 'max-send-size': 1000 },
    { 'max-send-sge': 5 },
    { encrypted: 1 },
    { encrypted: 1, wsize: 16_384, credits: 2 },
    { 'non-direct': 1 },
    { 'non-direct': 1, 'rdma-offload': 1, device: DEVICE.rxe, wsize: 12_000 },
    { 'rdma-offload': 1 },
    { 'rdma-offload': 1, device: DEVICE.rxe },
    { 'rdma-offload': 1, device: DEVICE.irdma, 'max-fast-reg': 4, 'responder-resources': 1 },
    { 'rdma-offload': 1, device: DEVICE.irdma, threshold: 10_000, wsize: 16_384 },
  ],
  quirks: [{}, {}, { 'smbdirect-page-size': true }, { 'smbdirect-page-size': false }],
  choices: { iters, flags: [], files, ends, results, partsMax: 8 },
  small: 600,
  random: 500,
}

const REGISTERED_OPTIONS: TwinSuite['options'] = [
  {},
  { device: DEVICE.rxe },
  { device: DEVICE.rxe, wsize: 8192, rsize: 8192 },
  { device: DEVICE.irdma, 'responder-resources': 1, 'local-invalidate': 1 },
  { device: DEVICE.irdma, 'max-fast-reg': 4, credits: 1 },
  { 'max-fast-reg': 4, 'smb-header': 0 },
]

const SMBD_MR: TwinSuite = {
  ...SMBDIRECT,
  name: 'smbd-mr',
  make: (world) => new SlowCifs(world, { registersAll: true, hasScatterlists: true }),
  options: REGISTERED_OPTIONS,
  small: 400,
  random: 400,
}

const ITER_TO_MR: TwinSuite = {
  ...SMBD_MR,
  name: 'iter-to-mr',
  make: (world) => new SlowCifs(world, { registersAll: true, hasScatterlists: false }),
}

const NVME_RDMA: TwinSuite = {
  name: 'nvme-rdma',
  make: slowNvmeRdma,
  isWhole: true,
  options: [
    {},
    {},
    { device: DEVICE.rxe, 'inline-data-size': 16_384 },
    { 'max-fast-reg': 5 },
    { 'max-fast-reg': 5, 'register-always': 0, 'queue-size': 2 },
    { mdts: 2, 'inline-data-size': 0 },
    { device: DEVICE.siw, 'max-send-sge': 2 },
  ],
  choices: { iters, flags: [], files, ends, results },
  onlyRows: blockRows,
  small: 0,
  random: 500,
}

const SRP: TwinSuite = {
  ...NVME_RDMA,
  name: 'srp',
  make: slowSrp,
  options: [
    {},
    {},
    { device: DEVICE.rxe },
    { device: DEVICE.irdma, 'max-fast-reg': 4, 'register-always': 0 },
    { device: DEVICE.irdma, 'max-fast-reg': 4, 'cmd-sg-entries': 20, 'imm-data': 0 },
    { 'max-fast-reg': 3, 'max-segment': 8192 },
    { device: DEVICE.rxe, 'max-segment': 8192, 'max-sectors': 60, 'queue-size': 2 },
    { 'register-always': 0, 'max-send-sge': 2 },
  ],
}

describe('the slow twin agrees with the consumer', () => {
  compareTwins(rds, RDS)
  compareTwins(rdmaRw, RDMA_RW)
  compareTwins(smbdirect, SMBDIRECT)
  compareTwins(smbdirectLegacy, LEGACY)
  compareTwins(smbdMr, SMBD_MR)
  compareTwins(iterToMr, ITER_TO_MR)
  compareTwins(ibUmem, IB_UMEM)
  compareTwins(nvmeRdma, NVME_RDMA)
  compareTwins(srp, SRP)
})
