import { ITER_DEST } from '../../../iter/iter-type.ts'
import { NONE } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import { type ColumnsHint, counted } from './columns-hint.ts'

/**
 * Ranges that are remembered, a power of two. Few, so that only what is repeated soon counts: in the CloudPhysics sample, which is
 * of disks below page caches, writes are repeated 18 times as often as reads within 2^10, 7 times within 2^14, twice within 2^16.
 */
const RANGES_BITS = 10
const RANGES_MAX = 1 << RANGES_BITS
const REPEATS_MIN = 200
/** Each direction has at least this part of the operations. */
const SHARE_MIN = 0.05
/** How many times more often reads are repeated than writes. */
const FACTOR = 8
const ZEROS_MIN = 3

/** Reads that behave like writes, and writes like reads: what stands for them was exchanged. */
export class DirectionDoubts {
  private reads = 0
  private writes = 0
  private zeroReads = 0
  private zeroWrites = 0
  private readsAfterRead = 0
  private writesAfterWrite = 0
  /** Ranges that were accessed last, by a hash: file, position, direction. Empty where ranges are not looked at. */
  private files = new Int32Array(0)
  private offsets = new Float64Array(0)
  private directions = new Uint8Array(0)

  /** Looks at ranges too: the direction came as a number. */
  watchRanges(): void {
    this.files = new Int32Array(RANGES_MAX).fill(NONE)
    this.offsets = new Float64Array(RANGES_MAX).fill(NONE)
    this.directions = new Uint8Array(RANGES_MAX)
  }

  add(row: ImportRow): void {
    const isRead = row.direction === ITER_DEST
    if (isRead) this.reads++
    else this.writes++
    if (row.resultBytes === 0 && row.lengthBytes !== 0 && (row.lengthBytes > 0 || row.segmentCount > 0)) {
      if (isRead) this.zeroReads++
      else this.zeroWrites++
    }
    if (this.files.length > 0 && row.offsetBytes >= 0) this.addRange(row, isRead)
  }

  sentences(hint: ColumnsHint | null): string[] {
    return [this.writesThatEnd(hint), this.repeatedReads(hint)].flatMap((doubt) => doubt ?? [])
  }

  private addRange(row: ImportRow, isRead: boolean): void {
    const file = row.file
    const offset = row.offsetBytes
    const slot = slotOf(file, offset)
    if (this.files[slot] === file && this.offsets[slot] === offset) {
      if (this.directions[slot] === row.direction) {
        if (isRead) this.readsAfterRead++
        else this.writesAfterWrite++
      }
    }
    this.files[slot] = file
    this.offsets[slot] = offset
    this.directions[slot] = row.direction
  }

  /** A read at the end of a file returns 0; a write does not. */
  private writesThatEnd(hint: ColumnsHint | null): string | null {
    if (this.zeroWrites < ZEROS_MIN || this.zeroReads > 0) return null
    const seen = `${counted(this.zeroWrites)} of ${counted(this.writes)} writes returned 0, as reads do at the end of a file, and no read did`
    return `${seen}: reads and writes may be exchanged${tryExchanged(hint)}`
  }

  /** A cache above a disk keeps what was read: a range is written again and again, but seldom read again. */
  private repeatedReads(hint: ColumnsHint | null): string | null {
    const { reads, writes, readsAfterRead, writesAfterWrite } = this
    const operations = reads + writes
    if (reads < SHARE_MIN * operations || writes < SHARE_MIN * operations || readsAfterRead < REPEATS_MIN) return null
    if (readsAfterRead / reads <= FACTOR * (writesAfterWrite / writes)) return null
    const seen = `${counted(readsAfterRead)} of ${counted(reads)} reads are of a range read shortly before, ${counted(writesAfterWrite)} of ${counted(writes)} writes of one written shortly before`
    return `${seen}, and below a cache it is the other way round: reads and writes may be exchanged${tryExchanged(hint)}`
  }
}

function slotOf(file: number, offset: number): number {
  const low = offset | 0
  const high = (offset / 2 ** 32) | 0
  const hash = Math.imul(low ^ Math.imul(high, 0x85ebca6b) ^ Math.imul(file, 0x27d4eb2f), 0x9e3779b1)
  return hash >>> (32 - RANGES_BITS)
}

function tryExchanged(hint: ColumnsHint | null): string {
  const other = hint?.withOpExchanged() ?? null
  return other === null ? '; look at what the file calls a read' : `; try ${other}`
}
