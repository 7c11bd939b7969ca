import { ITER_TYPE_NAMES } from '../../iter/iter-type.ts'
import { SegmentTable } from '../../iter/segment-table.ts'
import { COLUMN_NAMES, type ColumnName, EXTRA_PREFIX } from '../columns.ts'
import { closestWord } from '../did-you-mean.ts'
import { SEGMENTS_MAX } from '../event-rules.ts'
import { explain } from '../explain.ts'
import { FAULT_END_EARLY, FAULT_FORM, FAULT_LARGE, FAULT_RANGE, FAULT_SEGMENT, FAULT_WORD } from '../faults.ts'
import { FlagsCell } from '../flags-cell.ts'
import type { ImportRow } from '../import/import-row.ts'
import { JSON_LINES_FORMAT, readJsonHeader } from '../import/json/json-header.ts'
import { objectOf, valueColumn } from '../import/json/json-line.ts'
import type { FileHead, ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { ERRNO_MAX, INTEGER_MAX, MM_MAX, PINS_MAX, SEGMENTS_VECTOR_MAX } from '../limits.ts'
import { BACKING_NAMES, END_NEVER, EVENT_NAMES, OP_NAMES } from '../op-batch.ts'
import { quotedText } from '../printable.ts'
import { ITER_UNSET } from '../row-rules.ts'
import { SegmentsCell } from '../segments-cell.ts'
import { checkText, LINE_FEED } from '../text-cell.ts'
import type { TraceError } from '../trace-error.ts'

/**
 * JSON Lines: the objects of pinscope-trace-1.schema.json, the header in the first line (it may be missing), then a row a line.
 * Written by pinscope, or by a script. Cells that are null are empty. Rows may lack addresses, as those of a foreign trace do.
 */
export const jsonLines: ImportFormat = {
  name: 'jsonl',
  title: 'a trace as JSON Lines',
  level: 'L3, or as little as each row tells',
  record: 'pinscope trace convert IN -o OUT.jsonl',
  clock: 'ns since the trace began',
  detect: (head) => headerOf(head) !== null || isRow(head.lines[0]) || (isBareHeader(head) && isRow(head.lines[1])),
  open: (context) => new JsonLinesImporter(context),
}

type Json = Readonly<Record<string, unknown>>

/** The first line, where it says what it is. */
function headerOf({ lines }: FileHead): Json | null {
  const first = objectOf(lines[0] ?? '')
  return first !== null && first.format === JSON_LINES_FORMAT ? first : null
}

/** The first line is a header as the schema has it, which does not say what it is the header of. */
function isBareHeader({ lines }: FileHead): boolean {
  const first = objectOf(lines[0] ?? '')
  return first !== null && typeof first.version === 'number' && !('ts' in first)
}

function isRow(line: string | undefined): boolean {
  const row = objectOf(line ?? '')
  return row !== null && typeof row.ts === 'number' && Object.keys(row).every(isKnown)
}

function isKnown(key: string): boolean {
  return key.startsWith(EXTRA_PREFIX) || COLUMN_NAMES.some((name) => name === key)
}

class JsonLinesImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly flags = new FlagsCell()
  private readonly table = new SegmentTable()
  private readonly segments: SegmentsCell
  private readonly hasHeader: boolean
  private isFirst = true
  /** Of the line at work: as latin-1, to find places in it. */
  private text = ''

  constructor({ rows, head }: ImportContext) {
    this.rows = rows
    this.rows.originNs = 0
    this.segments = new SegmentsCell(this.table, rows.fileNames.table)
    const header = headerOf(head) ?? (isBareHeader(head) ? objectOf(head.lines[0]!) : null)
    this.hasHeader = header !== null
    if (header !== null) readJsonHeader(header, rows)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const isHeader = this.isFirst && this.hasHeader
    this.isFirst = false
    if (isHeader) return
    const line = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from)
    this.text = line.toString('latin1')
    const object = this.parsed(line.toString('utf8'))
    const row = this.rows.draft()
    this.readTimes(row, object)
    // It says how the segments are to be read.
    if (isThere(object.iter)) row.iterType = this.word('iter', object.iter, ITER_TYPE_NAMES)
    for (const key of Object.keys(object)) {
      const value = object[key]
      if (isThere(value)) this.readCell(row, key, value)
    }
    this.rows.put(row)
  }

  end(): void {}

  private parsed(text: string): Json {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      throw this.rows.fail(1, `the line is no JSON: ${quotedText(text)}`, 'A row is an object in one line.')
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
    throw this.rows.fail(1, `the line is ${shown(value)}, expected an object`, 'A row is an object in one line.')
  }

  private readTimes(row: ImportRow, { ts, end }: Json): void {
    if (!isThere(ts)) throw this.rows.fail(1, 'ts is missing, every row needs it', '')
    row.tsNs = this.integer('ts', ts, 0, INTEGER_MAX)
    if (!isThere(end)) return
    if (end === 'never') {
      row.endNs = END_NEVER
      return
    }
    const endNs = this.integer('end', end, 0, INTEGER_MAX)
    if (endNs < row.tsNs) throw this.refuse('end', FAULT_END_EARLY, String(endNs))
    row.endAt(endNs)
  }

  private readCell(row: ImportRow, key: string, value: unknown): void {
    const { rows } = this
    switch (key) {
      case 'ts':
      case 'end':
      case 'iter':
        return
      case 'event':
        row.event = this.word(key, value, EVENT_NAMES)
        return
      case 'op':
        row.direction = this.word(key, value, OP_NAMES)
        return
      case 'backing':
        row.backing = this.word(key, value, BACKING_NAMES)
        row.hasBacking = true
        return
      case 'mm':
        row.mm = this.integer(key, value, 0, MM_MAX)
        return
      case 'offset':
        row.offsetBytes = this.integer(key, value, 0, INTEGER_MAX)
        return
      case 'len':
        row.lengthBytes = this.integer(key, value, 0, INTEGER_MAX)
        return
      case 'result':
        row.resultBytes = this.integer(key, value, -ERRNO_MAX, INTEGER_MAX)
        return
      case 'pins_acquired':
        row.pinsAcquired = this.integer(key, value, 0, PINS_MAX)
        return
      case 'pins_released':
        row.pinsReleased = this.integer(key, value, 0, PINS_MAX)
        return
      case 'id':
        row.id = rows.idName(this.name(key, value))
        return
      case 'call':
        row.call = rows.callName(this.name(key, value))
        return
      case 'file':
        row.file = rows.fileName(this.name(key, value))
        return
      case 'consumer':
        row.consumer = rows.consumerName(this.name(key, value))
        return
      case 'stack':
        row.stack = rows.stackName(this.name(key, value))
        return
      case 'segs':
        this.readSegments(row, value)
        return
      case 'flags':
        this.readFlags(row, value)
        return
      default:
        if (!key.startsWith(EXTRA_PREFIX)) throw this.unknown(key)
    }
  }

  private readSegments(row: ImportRow, value: unknown): void {
    const cell = Buffer.from(this.texts('segs', value, ';'))
    if (cell.length === 0) return
    const { table, segments } = this
    const segmentsMax = row.iterType === ITER_UNSET ? SEGMENTS_VECTOR_MAX : SEGMENTS_MAX[row.iterType]!
    table.clear()
    const bytes = withLineFeed(cell)
    const isGood = checkText(bytes, 0, cell.length)
    const end = isGood < 0 ? isGood : segments.read(row.iterType, segmentsMax, bytes, 0, cell.length)
    if (end < cell.length) {
      const code = end < 0 ? end : FAULT_SEGMENT
      throw this.refuse('segs', code, partAt(cell, segments.faultAt, ';'), row)
    }
    for (let at = 0; at < table.length; at++) {
      row.addSegment(table.addressBytes[at]!, table.lengthBytes[at]!)
      row.segmentOffset[at] = table.offsetBytes[at]!
    }
  }

  private readFlags(row: ImportRow, value: unknown): void {
    const cell = Buffer.from(this.texts('flags', value, ' '))
    const end = this.flags.read(withLineFeed(cell), 0, cell.length)
    if (end < 0) throw this.refuse('flags', end, partAt(cell, this.flags.faultAt, ' '), row)
    row.flags = this.flags.bits
    row.order = this.flags.order
    row.holeOffsetBytes = this.flags.hole[0]!
    row.holeLengthBytes = this.flags.hole[1]!
  }

  /** A list of texts as the cell of pinscope's own format has it, or that cell. */
  private texts(key: ColumnName, value: unknown, joint: string): string {
    if (typeof value === 'string') return value
    const isList = Array.isArray(value) && value.every((one) => typeof one === 'string' && !one.includes(joint))
    if (!isList)
      throw this.fail(key, `${key} is ${shown(value)}, expected a list of texts without "${joint}" in them`, '')
    return value.join(joint)
  }

  private integer(key: ColumnName, value: unknown, min: number, max: number): number {
    if (typeof value !== 'number') throw this.fail(key, `${key} is ${shown(value)}, expected a number`, '')
    if (!Number.isInteger(value) || value < min) throw this.refuse(key, FAULT_FORM, String(value))
    if (value > INTEGER_MAX) throw this.refuse(key, FAULT_LARGE, String(value))
    if (value > max) throw this.refuse(key, FAULT_RANGE, String(value))
    return value
  }

  private word(key: ColumnName, value: unknown, words: readonly string[]): number {
    const code = typeof value === 'string' ? words.indexOf(value) : -1
    if (typeof value !== 'string') throw this.fail(key, `${key} is ${shown(value)}, expected text`, '')
    if (code < 0) throw this.refuse(key, FAULT_WORD, value)
    return code
  }

  private name(key: string, value: unknown): string {
    if (typeof value !== 'string') throw this.fail(key, `${key} is ${shown(value)}, expected text`, '')
    return Buffer.from(value).toString('latin1')
  }

  private unknown(key: string): TraceError {
    const meant = closestWord(key, COLUMN_NAMES)
    const rule = `Keys are ${COLUMN_NAMES.join(' ')}; one of your own begins with ${EXTRA_PREFIX}.`
    return this.fail(
      key,
      `key ${quotedText(key)} is not known`,
      meant === null ? rule : `Did you mean ${meant}? ${rule}`,
    )
  }

  /** The error that pinscope's own format has for such a cell. */
  private refuse(key: ColumnName, code: number, cell: string, row?: ImportRow): TraceError {
    const bytes = Buffer.from(cell)
    const { problem, hint } = explain({
      code,
      column: key,
      columnInFile: true,
      cell: bytes,
      part: bytes,
      event: row?.event ?? 0,
      iterType: row?.iterType ?? ITER_UNSET,
      lastTsNs: 0,
      sumBytes: 0,
      cellCount: 0,
      columnCount: 0,
    })
    return this.fail(key, problem, hint)
  }

  private fail(key: string, problem: string, hint: string): TraceError {
    return this.rows.fail(valueColumn(this.text, key), problem, hint)
  }
}

/** Null stands for an empty cell, as does an empty text. */
function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}

/** What a value is: lists and objects may be large, and deep. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'string' ? quotedText(value) : String(value)
}

function withLineFeed(cell: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(cell.length + 1)
  bytes.set(cell)
  bytes[cell.length] = LINE_FEED
  return bytes
}

/** The segment or word that begins at a byte. */
function partAt(cell: Buffer, at: number, joint: string): string {
  const end = cell.indexOf(joint, at)
  return cell.subarray(at, end < 0 ? cell.length : end).toString()
}
