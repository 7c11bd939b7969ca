import { ITER_BVEC, ITER_FOLIOQ, ITER_MIXED, ITER_XARRAY } from '../../iter/iter-type.ts'
import { KVEC_OFFSET } from '../../iter/segment-table.ts'
import { PAGE_SIZE } from '../../units.ts'
import { COLUMN_SEGS } from '../columns.ts'
import { SEGMENTS_MAX } from '../event-rules.ts'
import { FAULT_FORM, FAULT_RANGE, FAULT_SEGMENT_END, FAULT_SEGMENTS_MANY, FAULT_SEGMENTS_SUM } from '../faults.ts'
import { BVEC_FIELD_MAX, INTEGER_MAX, PFN_MAX, SEGMENTS_VECTOR_MAX } from '../limits.ts'
import { NONE } from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'
import type { RowSink } from './row-sink.ts'

const EMPTY = new Uint8Array(0)

/** Segments as columns: those of the rows at work, which {@link add} takes row by row. */
export class SegmentStructs {
  /** By item; NaN where there is none. */
  readonly numbers = {
    address: new Float64Array(8192),
    offset: new Float64Array(8192),
    length: new Float64Array(8192),
  }
  /** Name ids by item. */
  files = new Int32Array(8192)
  private readonly sink: RowSink
  /** Items of the list before the first that is here. */
  private itemsFrom = 0

  constructor(sink: RowSink) {
    this.sink = sink
  }

  /** Makes room for items `start` to `start + count` of the list, with nothing in them. */
  begin(start: number, count: number): void {
    this.itemsFrom = start
    if (count > this.files.length) {
      const capacity = Math.max(count, 2 * this.files.length)
      for (const part of ['address', 'offset', 'length'] as const) this.numbers[part] = new Float64Array(capacity)
      this.files = new Int32Array(capacity)
    }
    for (const part of ['address', 'offset', 'length'] as const) this.numbers[part].fill(Number.NaN, 0, count)
    this.files.fill(NONE, 0, count)
  }

  /** Adds items `start` to `end` of the list to the table of the batch, as the segments of a row; their bytes in all. */
  add(row: number, start: number, end: number): number {
    const { segments } = this.sink.batch
    const { address, offset, length } = this.numbers
    let sumBytes = 0
    for (let item = start - this.itemsFrom; item < end - this.itemsFrom; item++) {
      this.checkStruct(row, item)
      segments.push(address[item]!, this.placeOf(row, item, offset[item]!), length[item]!)
      sumBytes += length[item]!
      if (sumBytes > INTEGER_MAX) throw this.sink.fail(row, FAULT_SEGMENTS_SUM, COLUMN_SEGS, EMPTY)
    }
    return sumBytes
  }

  /** A row may have so many segments. */
  checkCount(row: number, count: number): void {
    const iterType = this.sink.batch.iterType[row]!
    const most = iterType === ITER_UNSET ? SEGMENTS_VECTOR_MAX : SEGMENTS_MAX[iterType]!
    if (count > most) throw this.sink.fail(row, FAULT_SEGMENTS_MANY, COLUMN_SEGS, EMPTY)
  }

  /** What the table has beside the address: see SegmentTable. */
  private placeOf(row: number, item: number, offset: number): number {
    const iterType = this.sink.batch.iterType[row]!
    if (iterType === ITER_FOLIOQ || iterType === ITER_XARRAY) {
      if (this.files[item] === NONE) throw this.sink.error(row, 'segs has a range without a file', FILE_HINT)
      return this.files[item]!
    }
    if (iterType === ITER_MIXED) return Number.isNaN(offset) ? KVEC_OFFSET : offset
    if (iterType === ITER_BVEC) return Number.isNaN(offset) ? 0 : offset
    if (offset > 0) throw this.sink.error(row, `segs has offset ${offset} of an address`, OFFSET_HINT)
    return 0
  }

  private checkStruct(row: number, item: number): void {
    const fault = this.faultOf(item, this.sink.batch.iterType[row]!)
    if (fault === 0) return
    const { address, offset, length } = this.numbers
    throw this.sink.fail(row, fault, COLUMN_SEGS, shown(address[item]!, offset[item]!, length[item]!))
  }

  private faultOf(item: number, iterType: number): number {
    const address = this.numbers.address[item]!
    const offset = this.numbers.offset[item]!
    const length = this.numbers.length[item]!
    if (!(address >= 0 && length >= 0) || offset < 0) return FAULT_FORM
    if (iterType !== ITER_BVEC && (iterType !== ITER_MIXED || Number.isNaN(offset))) {
      return address + length > INTEGER_MAX ? FAULT_SEGMENT_END : 0
    }
    const bytes = (Number.isNaN(offset) ? 0 : offset) + length
    if (address > PFN_MAX || offset > BVEC_FIELD_MAX || length > BVEC_FIELD_MAX) return FAULT_RANGE
    return bytes > (PFN_MAX + 1 - address) * PAGE_SIZE ? FAULT_SEGMENT_END : 0
  }
}

const FILE_HINT = 'In a folioq or xarray row each segment has file, address (the position in it) and length.'
const OFFSET_HINT = 'An offset is of a page: iter bvec or mixed, with the page frame number as address.'

function shown(address: number, offset: number, length: number): Uint8Array {
  return Buffer.from(Number.isNaN(offset) ? `${address}+${length}` : `${address}:${offset}+${length}`)
}
