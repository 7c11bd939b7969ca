import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { NONE } from '../../op-batch.ts'
import { quotedText } from '../../printable.ts'
import type { ImportRows } from '../import-rows.ts'
import type { LineCells } from '../text/line-cells.ts'

/** What must be in the header of a trace of blocks, and of one of a key-value cache. */
const BLOCK_NAMES = ['block_id', 'io_offset', 'io_size', 'op_name']
const KEY_VALUE_NAMES = ['key', 'op', 'size', 'op_count']
/** Of a key-value cache: who it serves. Its keys are too many to be files. */
const USECASE = 'usecase'
const NO_FILE = 'none'

/** Instead of a direction: the operation moves no data, or is another one. */
export const OP_DELETE = 2
export const OP_UNKNOWN = 3

const KEY_VALUE_OPS: ReadonlyMap<string, number> = new Map([
  ['GET', ITER_DEST],
  ['GET_LEASE', ITER_DEST],
  ['SET', ITER_SOURCE],
  ['SET_LEASE', ITER_SOURCE],
  ['DELETE', OP_DELETE],
])

/** The columns of a CacheLib trace, by the names in its header; {@link NONE} where it has none of that name. */
export class CacheLibColumns {
  readonly names: readonly string[]
  readonly isOfBlocks: boolean
  readonly time: number
  readonly size: number
  readonly offset: number
  readonly opCount: number
  /** Cells that a line must have. */
  readonly cellsMin: number
  private readonly opName: number
  private readonly file: number
  private readonly shard: number

  /** The line is the header of such a trace. */
  static isHeader(line: string): boolean {
    const names = line.split(',').map((name) => name.trim().replace(/^"|"$/g, ''))
    return hasAll(names, BLOCK_NAMES) || hasAll(names, KEY_VALUE_NAMES)
  }

  /** `file`: name of the column that names the file, `none`, or nothing. Throws what `rows.fail` makes. */
  constructor(names: readonly string[], file: string, rows: ImportRows) {
    if (!hasAll(names, BLOCK_NAMES) && !hasAll(names, KEY_VALUE_NAMES)) {
      const hint = `It needs ${BLOCK_NAMES.join(', ')}; or ${KEY_VALUE_NAMES.join(', ')}. Other files: --columns.`
      throw rows.fail(1, 'the first line is not the header of a CacheLib trace', hint)
    }
    this.names = names
    this.isOfBlocks = hasAll(names, BLOCK_NAMES)
    this.time = names.indexOf('op_time')
    this.size = names.indexOf(this.isOfBlocks ? 'io_size' : 'size')
    this.offset = this.isOfBlocks ? names.indexOf('io_offset') : NONE
    this.opCount = names.indexOf('op_count')
    this.opName = names.indexOf(this.isOfBlocks ? 'op_name' : 'op')
    this.shard = this.isOfBlocks && file === '' ? names.indexOf('rs_shard_id') : NONE
    this.file = this.fileColumn(file, rows)
    const used = [this.time, this.size, this.offset, this.opCount, this.opName, this.shard, this.file]
    this.cellsMin = Math.max(...used) + 1
  }

  /** Direction of the operation, {@link OP_DELETE} or {@link OP_UNKNOWN}. */
  op(cells: LineCells): number {
    const name = cells.text(this.opName)
    if (!this.isOfBlocks) return KEY_VALUE_OPS.get(name) ?? OP_UNKNOWN
    if (name.startsWith('getChunkData')) return ITER_DEST
    return name.startsWith('putChunk') ? ITER_SOURCE : OP_UNKNOWN
  }

  /** The line is the header once more: files were joined. */
  isHeaderAgain(cells: LineCells): boolean {
    return cells.text(this.opName) === this.names[this.opName]
  }

  /** Name of the operation's file; empty: it has none. */
  fileOf(cells: LineCells): string {
    if (this.file === NONE) return ''
    const name = cells.text(this.file)
    return this.shard === NONE ? name : `${name}_${cells.text(this.shard).padStart(3, '0')}`
  }

  private fileColumn(file: string, rows: ImportRows): number {
    if (file === NO_FILE) return NONE
    if (file === '') return this.names.indexOf(this.isOfBlocks ? 'block_id' : USECASE)
    const column = this.names.indexOf(file)
    if (column !== NONE) return column
    const problem = `input option file is ${quotedText(file)}, which the header does not name`
    throw rows.fail(1, problem, `It names ${quotedText(this.names.join(','))}.`)
  }
}

function hasAll(names: readonly string[], needed: readonly string[]): boolean {
  return needed.every((name) => names.includes(name))
}
