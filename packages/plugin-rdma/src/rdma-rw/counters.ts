import type { ConsumerCounter } from '@pinscope/core'

export const SINGLE_CONTEXTS = 0
export const MULTI_CONTEXTS = 1
export const MR_CONTEXTS = 2
export const IOVA_CONTEXTS = 3
export const SG_ENTRIES = 4
export const BVECS = 5
export const SGES = 6
export const RDMA_WRS = 7
export const REG_WRS = 8
export const INV_WRS = 9
export const MRS = 10
export const MR_PAGES = 11
export const MR_POOL_EMPTY = 12
export const MR_FALLBACKS = 13
export const MR_SHORT = 14
export const IOVA_UNALIGNED = 15

/** In the order of the numbers above. */
export const RW_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'singleContexts', summary: 'contexts of one work request with one ib_sge, which allocate nothing' },
  { name: 'multiContexts', summary: 'contexts of work requests chained by the ib_sge that one can have' },
  { name: 'mrContexts', summary: 'contexts whose memory is registered' },
  { name: 'iovaContexts', summary: 'contexts whose bvecs are one range of device addresses behind an IOMMU' },
  { name: 'sgEntries', summary: "elements of scatterlists: the caller's, and those made of bvecs to register them" },
  { name: 'bvecs', summary: 'bvecs given to rdma_rw_ctx_init_bvec' },
  { name: 'sges', summary: 'ib_sge filled' },
  { name: 'rdmaWrs', summary: 'RDMA READ and RDMA WRITE work requests' },
  { name: 'regWrs', summary: 'work requests that register memory' },
  { name: 'invWrs', summary: 'work requests that invalidate the registration that an MR had before' },
  { name: 'mrs', summary: 'MRs taken from the pool' },
  { name: 'mrPages', summary: 'elements of their page lists' },
  { name: 'mrPoolEmpty', summary: 'times that the pool had no MR' },
  { name: 'mrFallbacks', summary: 'contexts that did without for that reason' },
  {
    name: 'mrShort',
    summary: 'contexts that failed because an MR cannot show all of its share: a gap, or long entries',
  },
  {
    name: 'iovaUnaligned',
    summary: 'contexts that failed because a bvec between others does not fill its IOMMU pages',
  },
]
