import { type Direction, ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { NONE } from '../../op-batch.ts'
import { u32At, u64At } from '../text/little-endian.ts'
import type { ImportContext, ImportOption, RecordImporter } from '../trace-format.ts'
import { CACHE_OPERATION_MAX, directionOfOperation, isUntold } from './cache-operations.ts'

/** Records of a libCacheSim trace: packed, little endian, each begins with time (u32, seconds) and object id (u64). */
export interface CacheRecordForm {
  readonly bytes: number
  /** Object size, at byte 12: 4 bytes or 8. */
  readonly sizeBytes: 4 | 8
  /** Where the operation is, a byte; {@link NONE} where there is none. */
  readonly operation: number
  /** Where the number of the object's next request is, an i64. */
  readonly next: number
}

const ID = 4
const SIZE = 12
/** Direct I/O moves whole ones. */
const SECTOR_BYTES = 512

/** The options of formats whose records are {@link CacheRecordForm}s. */
export const CACHE_OPTIONS: readonly ImportOption[] = [
  {
    name: 'op',
    summary: 'What requests are that have no operation.',
    words: ['read', 'write'],
    default: 'read',
  },
  {
    name: 'id-block',
    summary:
      'Object ids are positions on a disk, in blocks of so many bytes; none: they are names, and no position is known.',
    words: ['none', '1', '512', '4096'],
    default: 'none',
  },
]

const DIRECT_UNKNOWN = 'whether it is direct I/O is not told: --consumer decides'
const NOT_DIRECT = 'objects are no whole sectors, which direct I/O would refuse: requests are taken as buffered I/O'

/** Turns requests to a cache into rows: what they would read or write if each was one I/O. */
export class CacheRequests implements RecordImporter {
  readonly kind = 'records'
  private readonly rows: ImportContext['rows']
  private readonly form: CacheRecordForm
  private readonly untold: Direction
  /** Bytes; NONE where ids are no positions. */
  private readonly blockBytes: number
  /** Name id; NONE: whoever is asked for. */
  private readonly consumer: number
  /** Bytes before the first record, until they are passed over. */
  private headerBytes: number

  constructor({ rows, option, head }: ImportContext, form: CacheRecordForm, headerBytes: number) {
    this.rows = rows
    this.form = form
    this.headerBytes = headerBytes
    this.untold = option('op') === 'write' ? ITER_SOURCE : ITER_DEST
    this.blockBytes = option('id-block') === 'none' ? NONE : Number(option('id-block'))
    rows.timeText = (seconds) => String(seconds)
    // Where buffers begin is assumed, and not to be refused.
    rows.attributes.set('dma-alignment', '1')
    rows.assume('each request to the cache is taken as one I/O of all of its object, over when it begins')
    const areBlocks = haveWholeSectors(head.bytes, headerBytes, form)
    this.consumer = areBlocks ? NONE : rows.consumerName('buffered')
    rows.assume(areBlocks ? DIRECT_UNKNOWN : NOT_DIRECT)
    if (this.blockBytes === NONE) rows.assume('object ids are taken as names: no position in a file is known')
    if (form.operation === NONE) this.assumeDirection()
  }

  record(bytes: Uint8Array, from: number, to: number, isEnd: boolean): number {
    if (this.headerBytes > 0) return this.passHeader(from, to, isEnd)
    const { rows, form } = this
    if (to - from < form.bytes) {
      if (!isEnd) return 0
      rows.skip('records that the end of the file cuts off')
      return to
    }
    const direction = form.operation === NONE ? this.untold : this.directionOf(bytes[from + form.operation]!)
    if (direction === null) {
      rows.skip('deletes')
      return from + form.bytes
    }
    const size = sizeAt(bytes, from, form)
    if (size === 0) {
      rows.skip('requests of no bytes')
      return from + form.bytes
    }
    const row = rows.draft()
    row.direction = direction
    row.consumer = this.consumer
    row.lengthBytes = this.safe('obj_size', size)
    if (this.blockBytes !== NONE) row.offsetBytes = this.safe('obj_id', u64At(bytes, from + ID) * this.blockBytes)
    row.tsNs = rows.time(u32At(bytes, from), 0)
    rows.put(row)
    return from + form.bytes
  }

  end(): void {}

  private passHeader(from: number, to: number, isEnd: boolean): number {
    const { headerBytes } = this
    if (to - from < headerBytes) {
      if (!isEnd) return 0
      throw this.rows.fail(0, `the header ends after ${to - from} of ${headerBytes} bytes`, 'Is the file cut short?')
    }
    this.headerBytes = 0
    return from + headerBytes
  }

  private directionOf(code: number): Direction | null {
    if (code > CACHE_OPERATION_MAX) {
      const problem = `the operation is ${code}, expected 0 to ${CACHE_OPERATION_MAX}`
      throw this.rows.fail(0, problem, 'Is it a file of another form (--input-option)?')
    }
    if (!isUntold(code)) return directionOfOperation(code)
    this.assumeDirection()
    return this.untold
  }

  private assumeDirection(): void {
    const [what, other] = this.untold === ITER_DEST ? ['reads', 'write'] : ['writes', 'read']
    this.rows.assume(`requests without an operation are taken as ${what} (--input-option op=${other})`)
  }

  private safe(name: string, value: number): number {
    if (value <= Number.MAX_SAFE_INTEGER) return value
    throw this.rows.fail(0, `${name} is above 2^53 bytes`, 'Is it a file of another form (--input-option)?')
  }
}

function sizeAt(bytes: Uint8Array, from: number, form: CacheRecordForm): number {
  return form.sizeBytes === 4 ? u32At(bytes, from + SIZE) : u64At(bytes, from + SIZE)
}

/** The objects of the records from `at` on may be blocks of a disk. */
function haveWholeSectors(bytes: Uint8Array, at: number, form: CacheRecordForm): boolean {
  for (let from = at; from + form.bytes <= bytes.length; from += form.bytes) {
    if (sizeAt(bytes, from, form) % SECTOR_BYTES !== 0) return false
  }
  return true
}

/** Number of the next request of an object that has none: -1, or what libCacheSim makes of it. */
const NO_NEXT_HIGH = [0xffff_ffff, 0x7fff_ffff]
/** High word of a number of requests that no trace has: 2^40. */
const NEXT_HIGH_MAX = 1 << 8

/**
 * The bytes from `at` on may be such records, all whole ones: times do not go back, and the next request of an object comes
 * later than this one, or never.
 */
export function mayBeCacheRecords(bytes: Uint8Array, at: number, form: CacheRecordForm): boolean {
  const records = Math.floor((bytes.length - at) / form.bytes)
  let last = 0
  for (let i = 0; i < records; i++) {
    const from = at + i * form.bytes
    const time = u32At(bytes, from)
    if (time < last) return false
    last = time
    if (form.operation !== NONE && bytes[from + form.operation]! > CACHE_OPERATION_MAX) return false
    const high = u32At(bytes, from + form.next + 4)
    if (NO_NEXT_HIGH.includes(high) && u32At(bytes, from + form.next) === 0xffff_ffff) continue
    if (high >= NEXT_HIGH_MAX || u64At(bytes, from + form.next) <= i) return false
  }
  return records >= 2
}
