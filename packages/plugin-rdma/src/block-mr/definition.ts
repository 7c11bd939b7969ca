import {
  CONSUMER_API_VERSION,
  type ConsumerLimit,
  type ConsumerOption,
  defineConsumer,
  type KernelVersion,
  numberOption,
  type PolicyName,
} from '@pinscope/core'
import {
  DEVICE_OPTION,
  MAX_FAST_REG_OPTION,
  MAX_SEGMENT_OPTION,
  MAX_SEND_SGE_OPTION,
  PAGE_SIZE_BITMAP_OPTION,
} from '../device/device.ts'
import { BIO_MAX_VECS } from './bio-list.ts'
import { BlockConsumer } from './block-consumer.ts'
import {
  INLINE_DATA_BYTES,
  INLINE_DATA_BYTES_MAX,
  NVME_COUNTERS,
  NVME_RDMA_MAX_INLINE_SEGMENTS,
  NVME_RDMA_MAX_SEGMENTS,
  NVMET_RDMA_MAX_MDTS,
  NVMF_DEF_QUEUE_SIZE,
  NvmeRdma,
} from './nvme-rdma.ts'
import { BLOCK_OPTIONS } from './queue-limits.ts'
import {
  SCSI_DEFAULT_MAX_SECTORS,
  SRP_CMD_SQ_SIZE,
  SRP_COUNTERS,
  SRP_DEF_SG_TABLESIZE,
  SRP_MAX_IMM_DATA,
  SRP_MAX_IMM_SGE,
  SRP_MAX_PAGES_PER_MR,
  Srp,
} from './srp.ts'

const NVME_C = 'drivers/nvme/host/rdma.c'
const SRP_C = 'drivers/infiniband/ulp/srp/ib_srp.c'
/** @kernel include/linux/scatterlist.h: SG_MAX_SEGMENTS */
const SG_ENTRIES_MAX = 2048

const COMMON = {
  apiVersion: CONSUMER_API_VERSION,
  accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'folioq', 'xarray'],
  avoided:
    'copyBytes: payload that the device reaches in place, which buffered I/O would copy. entries and allocations: none, ' +
    'since it is itself the path over bvecs and a scatterlist to the page list.',
  // What bio does, which takes the pages.
  kernelPolicy: (kernel: KernelVersion): PolicyName => (kernel === '6.1' ? 'get-pages' : 'extract'),
} as const

/** NVMe over RDMA. */
export const nvmeRdma = defineConsumer({
  ...COMMON,
  name: 'nvme-rdma',
  summary: 'NVMe over RDMA: direct I/O as requests whose scatterlist one MR registers',
  kernel: `${NVME_C}: nvme_rdma_map_data, nvme_rdma_map_sg_fr`,
  entriesMax: NVME_RDMA_MAX_SEGMENTS,
  options: [
    DEVICE_OPTION,
    MAX_SEND_SGE_OPTION,
    MAX_FAST_REG_OPTION,
    ...BLOCK_OPTIONS,
    inlineDataOption('inline-data-size', INLINE_DATA_BYTES, INLINE_DATA_BYTES_MAX),
    numberOption(
      'mdts',
      'largest transfer: this power of two of 4 KiB; 0: any',
      'power of two',
      NVMET_RDMA_MAX_MDTS,
      0,
      20,
    ),
    queueSizeOption(NVMF_DEF_QUEUE_SIZE),
  ],
  limits: [
    limit(
      'NVME_RDMA_MAX_SEGMENTS',
      NVME_RDMA_MAX_SEGMENTS,
      'elements',
      'of a request, or one less than an MR has',
      NVME_C,
    ),
    limit('NVME_RDMA_MAX_INLINE_SEGMENTS', NVME_RDMA_MAX_INLINE_SEGMENTS, 'elements', 'that go with a command', NVME_C),
    limit('BIO_MAX_VECS', BIO_MAX_VECS, 'bvecs', 'of a bio', 'include/linux/bio.h'),
    limit('queue_size', NVMF_DEF_QUEUE_SIZE, 'requests', 'outstanding, unless -O nvme-rdma.queue-size tells', NVME_C),
  ],
  counters: NVME_COUNTERS,
  create: (environment) => {
    const counts = new Float64Array(NVME_COUNTERS.length)
    return new BlockConsumer(environment, new NvmeRdma(environment, counts), NVME_COUNTERS, counts)
  },
})

/** SCSI RDMA protocol. */
export const srp = defineConsumer({
  ...COMMON,
  name: 'srp',
  summary: 'SCSI over RDMA: direct I/O as requests whose scatterlist is described by as many MRs as it takes',
  kernel: `${SRP_C}: srp_map_data, srp_map_sg_fr`,
  entriesMax: SG_ENTRIES_MAX,
  options: [
    DEVICE_OPTION,
    MAX_SEND_SGE_OPTION,
    MAX_FAST_REG_OPTION,
    MAX_SEGMENT_OPTION,
    PAGE_SIZE_BITMAP_OPTION,
    ...BLOCK_OPTIONS,
    inlineDataOption('imm-data', SRP_MAX_IMM_DATA, 65536),
    numberOption(
      'cmd-sg-entries',
      'descriptors of a command (cmd_sg_entries)',
      'descriptors',
      SRP_DEF_SG_TABLESIZE,
      1,
      255,
    ),
    numberOption(
      'indirect-sg-entries',
      'elements of a request (indirect_sg_entries), no fewer than cmd-sg-entries',
      'elements',
      0,
      0,
      SG_ENTRIES_MAX,
    ),
    numberOption('max-sectors', 'of a request', 'sectors of 512 bytes', SCSI_DEFAULT_MAX_SECTORS, 8, 65535),
    queueSizeOption(SRP_CMD_SQ_SIZE),
  ],
  limits: [
    limit('SRP_DEF_SG_TABLESIZE', SRP_DEF_SG_TABLESIZE, 'elements', 'of a request, unless the options tell', SRP_C),
    limit('SRP_MAX_PAGES_PER_MR', SRP_MAX_PAGES_PER_MR, 'pages', 'of an MR', SRP_C),
    limit('SRP_MAX_IMM_SGE', SRP_MAX_IMM_SGE, 'elements', 'that go with a command', SRP_C),
    limit('SCSI_DEFAULT_MAX_SECTORS', SCSI_DEFAULT_MAX_SECTORS, 'sectors', 'of a request', SRP_C),
    limit('BIO_MAX_VECS', BIO_MAX_VECS, 'bvecs', 'of a bio', 'include/linux/bio.h'),
    limit('can_queue', SRP_CMD_SQ_SIZE, 'requests', 'outstanding, unless -O srp.queue-size tells', SRP_C),
  ],
  counters: SRP_COUNTERS,
  create: (environment) => {
    const counts = new Float64Array(SRP_COUNTERS.length)
    return new BlockConsumer(environment, new Srp(environment, counts), SRP_COUNTERS, counts)
  },
})

function inlineDataOption(name: string, byDefault: number, max: number): ConsumerOption {
  return numberOption(name, 'bytes of a write that go with the command; 0: none', 'bytes', byDefault, 0, max)
}

function queueSizeOption(byDefault: number): ConsumerOption {
  return numberOption('queue-size', 'requests that can be outstanding', 'requests', byDefault, 1, 65536)
}

function limit(name: string, max: number, unit: string, summary: string, kernel: string): ConsumerLimit {
  return { name, max, unit, summary, kernel }
}
