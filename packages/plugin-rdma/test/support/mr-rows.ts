import type { RowsOptions, TestRow } from '@pinscope/core/testing'

const M = 1 << 20

/** Value of the option `device`: regions are page lists. */
export const RXE = 1

/** Regions of a connection: twice 32 responder resources. */
export const REGIONS = 64

export const hex = (address: number) => `0x${address.toString(16)}`

export const user = (op: 'read' | 'write', address: number, length: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  segs: `${hex(address)}+${length}`,
  ...more,
})

export const bvec = (segs: string, more: TestRow = {}): TestRow => ({ op: 'write', iter: 'bvec', segs, ...more })

export const folioq = (length: number, more: TestRow = {}): TestRow => ({
  op: 'write',
  iter: 'folioq',
  segs: `data:0+${length}`,
  ...more,
})

/** The first file of the trace in the page cache, in folios of 2^order pages. */
export const cached = (order: number, bytes = M): Pick<RowsOptions, 'prepare'> => ({
  prepare: ({ memory }) => memory.cache.populate(0, Float64Array.of(0), 0, bytes, order),
})

/** Rows on a device whose regions are page lists, without the packets of SMB headers unless the options say so. */
export const onPageLists = (options: RowsOptions): RowsOptions => ({
  ...options,
  options: { device: RXE, 'smb-header': 0, ...options.options },
})
