import { NONE } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import { SECTOR_BYTES } from '../text/size-units.ts'
import { type ColumnsHint, counted } from './columns-hint.ts'

/** Fewer operations tell nothing. */
const OPERATIONS_MIN = 100
const MEAN_LENGTH_MAX = 1 << 26
/** Longest request in sectors that is likely: 32 MiB. */
const SECTORS_MAX = 1 << 16
const PEBIBYTE = 2 ** 50
/** Sectors that were taken for sectors again. */
const SECTOR_OF_SECTORS = SECTOR_BYTES * SECTOR_BYTES
const SMALL_LENGTH = 1 << 16
const FILES_MAX = 256

const FEW = 0.05
const SOME = 0.25
const USUAL = 0.8
const MOST = 0.95

/** Sizes and positions that do not fit each other: one of them counts something else. For files whose units were said, not recorded. */
export class SizeDoubts {
  private operations = 0
  private lengthBytes = 0
  private longest = 0
  private lengthsOfSectors = 0
  private lengthsOf8 = 0
  private offsetsOfSectors = 0
  private offsetsBeyond = 0
  private offsetsOfSectorSectors = 0
  private lengthsOfSectorSectors = 0
  private sequential = 0
  /** Positions by what is left of a division by 8: partitions begin anywhere. */
  private readonly offsetsBy8 = new Float64Array(8)
  /** Where the last operation of a file ended, by the low bits of its id. */
  private readonly lastEnd = new Float64Array(FILES_MAX).fill(NONE)

  /** Operations that failed, moved nothing or have no position tell nothing. */
  add(row: ImportRow): void {
    const length = row.lengthBytes
    const offset = row.offsetBytes
    if (length <= 0 || offset < 0 || row.resultBytes < 0) return
    this.operations++
    this.lengthBytes += length
    if (length > this.longest) this.longest = length
    // `&` keeps the low 32 bits of an integral double.
    if ((length & (SECTOR_BYTES - 1)) === 0) this.lengthsOfSectors++
    if ((length & 7) === 0) this.lengthsOf8++
    if ((length & (SECTOR_OF_SECTORS - 1)) === 0) this.lengthsOfSectorSectors++
    if ((offset & (SECTOR_BYTES - 1)) === 0) this.offsetsOfSectors++
    this.offsetsBy8[offset & 7]! += 1
    if ((offset & (SECTOR_OF_SECTORS - 1)) === 0) this.offsetsOfSectorSectors++
    if (offset > PEBIBYTE) this.offsetsBeyond++
    const file = row.file & (FILES_MAX - 1)
    if (this.lastEnd[file] === offset) this.sequential++
    this.lastEnd[file] = offset + length
  }

  /** At most one: what is wrong with one column makes another look wrong too. */
  sentence(hint: ColumnsHint): string | null {
    if (this.operations < OPERATIONS_MIN) return null
    return this.lengthsTooLong(hint) ?? this.offsetsTooFar(hint) ?? this.sectors(hint)
  }

  private lengthsTooLong(hint: ColumnsHint): string | null {
    const { operations } = this
    const isBytesAlready = isBytes(hint.unitOf('len'))
    const advice = isBytesAlready ? ', or be another column' : `; try ${hint.withUnit('B', 'len')}`
    const mean = this.lengthBytes / operations
    if (mean > MEAN_LENGTH_MAX) {
      return `an operation moves ${counted(Math.round(mean / 2 ** 20))} MiB on average: len may count something smaller${advice}`
    }
    if (isBytesAlready || this.lengthsOfSectorSectors < MOST * operations) return null
    if (this.offsetsOfSectorSectors > SOME * operations) return null
    const seen = `${counted(this.lengthsOfSectorSectors)} of ${counted(operations)} lengths are multiples of 256 KiB, which the positions are not`
    return `${seen}: len may be bytes${advice}`
  }

  private offsetsTooFar(hint: ColumnsHint): string | null {
    const { operations } = this
    const advice = isBytes(hint.unitOf('offset')) ? ', or be another column' : `; try ${hint.withUnit('B', 'offset')}`
    if (this.offsetsBeyond > operations / 2) {
      return `${counted(this.offsetsBeyond)} of ${counted(operations)} positions are beyond 1 PiB: offset may count something smaller${advice}`
    }
    const isSmall = this.lengthBytes / operations <= SMALL_LENGTH
    if (isBytes(hint.unitOf('offset')) || !isSmall || this.offsetsOfSectorSectors < MOST * operations) return null
    const seen = `${counted(this.offsetsOfSectorSectors)} of ${counted(operations)} positions are multiples of 256 KiB, and the operations are small`
    return `${seen}: offset may be bytes${advice}`
  }

  /** Bytes were said where the file has sectors. */
  private sectors(hint: ColumnsHint): string | null {
    const { operations, lengthsOfSectors, offsetsOfSectors } = this
    const seen = `${counted(lengthsOfSectors)} of ${counted(operations)} lengths and ${counted(offsetsOfSectors)} of the positions are multiples of 512`
    const areLengthsWhole = lengthsOfSectors >= MOST * operations
    const areLengthsSectors = lengthsOfSectors <= FEW * operations && this.longest <= SECTORS_MAX
    const isLenBytes = isBytes(hint.unitOf('len'))
    const isOffsetBytes = isBytes(hint.unitOf('offset'))
    if (areLengthsWhole && offsetsOfSectors <= SOME * operations && isOffsetBytes) {
      return `${seen}: offset may count sectors; try ${hint.withUnit('sector', 'offset')}`
    }
    if (!areLengthsSectors || !isLenBytes) return null
    if (offsetsOfSectors >= MOST * operations)
      return `${seen}: len may count sectors; try ${hint.withUnit('sector', 'len')}`
    const areOf8 = this.lengthsOf8 >= USUAL * operations && Math.max(...this.offsetsBy8) >= operations / 2
    if (!areOf8 || offsetsOfSectors > SOME * operations || !isOffsetBytes || this.sequential > operations / 2)
      return null
    const of8 = `${counted(this.lengthsOf8)} lengths of 8`
    return `${seen}, but ${of8}: both may count sectors; try ${hint.withUnit('sector', 'offset', 'len')}`
  }
}

function isBytes(unit: string): boolean {
  return unit === '' || unit === 'B'
}
