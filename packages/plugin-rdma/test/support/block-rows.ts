import type { RowsResult, TestRow } from '@pinscope/core/testing'
import { expect } from 'vitest'

/** Address and length of each segment. */
export type Segments = readonly (readonly [number, number])[]

/** A `segs` cell. */
export const text = (segs: Segments) => segs.map(([address, length]) => `0x${address.toString(16)}+${length}`).join(';')

/** An operation on user memory. */
export const vector = (op: 'read' | 'write', segs: Segments, more: TestRow = {}): TestRow => ({
  op,
  iter: 'iovec',
  segs: text(segs),
  ...more,
})

/** {offset, length} of the elements of each request. */
export const requests = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))

export function expectNothingLeft({ report, lane }: RowsResult) {
  expect([report.pins.open, report.refs.open, lane.io.allocations.openBytes, lane.io.dma.openEntries]).toEqual([
    0, 0, 0, 0,
  ])
  expect(report.violationsTotal).toBe(0)
}
