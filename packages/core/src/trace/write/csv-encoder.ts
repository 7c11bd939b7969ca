import { ITER_BVEC, ITER_FOLIOQ, ITER_MIXED, ITER_TYPE_NAMES, ITER_XARRAY } from '../../iter/iter-type.ts'
import { KVEC_OFFSET } from '../../iter/segment-table.ts'
import { COLUMN_NAMES, type ColumnName } from '../columns.ts'
import { FIRST_LINE } from '../header.ts'
import {
  BACKING_NAMES,
  END_NEVER,
  END_SYNCHRONOUS,
  EVENT_IO,
  EVENT_MAP,
  EVENT_NAMES,
  NONE,
  OP_NAMES,
  OP_NONE,
  type OpBatch,
} from '../op-batch.ts'
import { COMMA, LINE_FEED, QUOTE } from '../text-cell.ts'
import type { TraceReader } from '../trace-reader.ts'
import { ByteSink } from './byte-sink.ts'
import { lengthCell, saysIterator } from './cells-of-row.ts'
import { FlagsText } from './flags-text.ts'
import { NamesBytes } from './names-bytes.ts'
import type { TraceEncoder } from './trace-writer.ts'
import type { Attributes } from './written-attributes.ts'

const PLUS = 43
const COLON = 58
const SEMICOLON = 59
const ADDRESS = Buffer.from('0x')
const NEVER = Buffer.from('never')

/** Writes the cell of a column. */
type WriteCell = (batch: OpBatch, row: number) => void

/**
 * Writes pinscope's own text: docs/trace-format.md. A trace that was read from it keeps its columns, any other gets all of
 * them, because which ones its rows will use is not known. Columns that begin with x_ are not read, and so not written.
 */
export class CsvEncoder implements TraceEncoder {
  private readonly sink = new ByteSink()
  private readonly columns: readonly ColumnName[]
  private readonly cells: readonly WriteCell[]
  private readonly events = EVENT_NAMES.map(bytesOf)
  private readonly ops = OP_NAMES.map(bytesOf)
  private readonly iterators = ITER_TYPE_NAMES.map(bytesOf)
  private readonly backings = BACKING_NAMES.map(bytesOf)
  private readonly flags = new FlagsText()
  private readonly flagsBytes = new Map<string, Uint8Array>()
  private readonly ids: NamesBytes
  private readonly calls: NamesBytes
  private readonly files: NamesBytes
  private readonly consumers: NamesBytes
  private readonly stacks: NamesBytes
  private readonly segmentFiles: NamesBytes

  constructor(reader: TraceReader) {
    const { columns } = reader.header
    this.columns = COLUMN_NAMES.filter((name) => columns.includes(name))
    this.ids = new NamesBytes(reader.ids, cellOf)
    this.calls = new NamesBytes(reader.calls, cellOf)
    this.files = new NamesBytes(reader.files, cellOf)
    this.consumers = new NamesBytes(reader.consumers, cellOf)
    this.stacks = new NamesBytes(reader.stacks, cellOf)
    this.segmentFiles = new NamesBytes(reader.files, (bytes) => bytes.slice())
    const writers = this.cellWriters()
    this.cells = this.columns.map((name) => writers[name])
  }

  begin(attributes: Attributes): void {
    const lines = [FIRST_LINE]
    for (const [key, value] of attributes)
      for (const line of value.split('\n')) lines.push(`# ${key} ${line}`.trimEnd())
    lines.push(this.columns.join(','), '')
    this.sink.bytes(bytesOf(lines.join('\n')))
  }

  rows(batch: OpBatch): void {
    const { sink, cells } = this
    for (let row = 0; row < batch.length; row++) {
      cells[0]!(batch, row)
      for (let cell = 1; cell < cells.length; cell++) {
        sink.byte(COMMA)
        cells[cell]!(batch, row)
      }
      sink.byte(LINE_FEED)
    }
  }

  end(): void {}

  take(all: boolean): Uint8Array[] {
    return this.sink.take(all)
  }

  private cellWriters(): Readonly<Record<ColumnName, WriteCell>> {
    const { sink } = this
    return {
      ts: (batch, row) => sink.decimal(batch.tsNs[row]!),
      end: (batch, row) => this.completion(batch.endNs[row]!),
      event: (batch, row) => this.word(this.events, batch.event[row]!, batch.event[row] !== EVENT_IO),
      id: (batch, row) => this.name(this.ids, batch.id[row]!),
      mm: (batch, row) => this.count(batch.mm[row] === 0 ? NONE : batch.mm[row]!),
      op: (batch, row) => this.word(this.ops, batch.direction[row]!, batch.direction[row] !== OP_NONE),
      call: (batch, row) => this.name(this.calls, batch.call[row]!),
      iter: (batch, row) => this.word(this.iterators, batch.iterType[row]!, saysIterator(batch, row)),
      segs: (batch, row) => this.segments(batch, row),
      backing: (batch, row) => this.word(this.backings, batch.backing[row]!, batch.event[row] === EVENT_MAP),
      file: (batch, row) => this.name(this.files, batch.file[row]!),
      offset: (batch, row) => this.count(batch.offsetBytes[row]!),
      len: (batch, row) => this.count(lengthCell(batch, row)),
      result: (batch, row) => this.result(batch.resultBytes[row]!),
      flags: (batch, row) => this.flagWords(batch, row),
      consumer: (batch, row) => this.name(this.consumers, batch.consumer[row]!),
      pins_acquired: (batch, row) => this.count(batch.pinsAcquired[row]!),
      pins_released: (batch, row) => this.count(batch.pinsReleased[row]!),
      stack: (batch, row) => this.name(this.stacks, batch.stack[row]!),
    }
  }

  private word(words: readonly Uint8Array[], code: number, isThere: boolean): void {
    if (isThere) this.sink.bytes(words[code]!)
  }

  private result(bytes: number): void {
    if (!Number.isNaN(bytes)) this.sink.decimal(bytes)
  }

  private completion(endNs: number): void {
    if (endNs === END_NEVER) this.sink.bytes(NEVER)
    else if (endNs !== END_SYNCHRONOUS) this.sink.decimal(endNs)
  }

  private count(value: number): void {
    if (value !== NONE) this.sink.decimal(value)
  }

  private name(names: NamesBytes, id: number): void {
    if (id !== NONE) this.sink.bytes(names.of(id))
  }

  private flagWords(batch: OpBatch, row: number): void {
    const text = this.flags.of(batch, row)
    if (text === '') return
    // A row with a hole has words of its own: they are not kept.
    const known = this.flagsBytes.get(text)
    const bytes = known ?? bytesOf(text)
    if (known === undefined && batch.holeLengthBytes[row] === NONE) this.flagsBytes.set(text, bytes)
    this.sink.bytes(bytes)
  }

  private segments(batch: OpBatch, row: number): void {
    const count = batch.segmentCount[row]!
    if (count === 0) return
    const iterType = batch.iterType[row]!
    const first = batch.segmentFirst[row]!
    const ofFile = iterType === ITER_FOLIOQ || iterType === ITER_XARRAY
    if (ofFile) this.fileRanges(batch, first, count)
    else this.addresses(batch, first, count, iterType)
  }

  private addresses(batch: OpBatch, first: number, count: number, iterType: number): void {
    const { sink } = this
    const { addressBytes, offsetBytes, lengthBytes } = batch.segments
    for (let at = first; at < first + count; at++) {
      if (at > first) sink.byte(SEMICOLON)
      if (iterType === ITER_BVEC || (iterType === ITER_MIXED && offsetBytes[at] !== KVEC_OFFSET)) {
        sink.decimal(addressBytes[at]!)
        sink.byte(COLON)
        sink.decimal(offsetBytes[at]!)
      } else {
        sink.bytes(ADDRESS)
        sink.hex(addressBytes[at]!)
      }
      sink.byte(PLUS)
      sink.decimal(lengthBytes[at]!)
    }
  }

  /** The whole cell is quoted where one name must be. */
  private fileRanges(batch: OpBatch, first: number, count: number): void {
    const { sink, segmentFiles } = this
    const { addressBytes, offsetBytes, lengthBytes } = batch.segments
    let quoted = false
    for (let at = first; at < first + count; at++) quoted ||= needsQuotes(segmentFiles.of(offsetBytes[at]!))
    if (quoted) sink.byte(QUOTE)
    for (let at = first; at < first + count; at++) {
      if (at > first) sink.byte(SEMICOLON)
      const name = segmentFiles.of(offsetBytes[at]!)
      sink.bytes(quoted ? withQuotesDoubled(name) : name)
      sink.byte(COLON)
      sink.decimal(addressBytes[at]!)
      sink.byte(PLUS)
      sink.decimal(lengthBytes[at]!)
    }
    if (quoted) sink.byte(QUOTE)
  }
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

/** A name as its cell has it. */
function cellOf(name: Uint8Array): Uint8Array {
  if (!needsQuotes(name)) return name.slice()
  return Uint8Array.of(QUOTE, ...withQuotesDoubled(name), QUOTE)
}

function needsQuotes(name: Uint8Array): boolean {
  return name.includes(COMMA) || name.includes(QUOTE) || name.includes(LINE_FEED)
}

function withQuotesDoubled(name: Uint8Array): Uint8Array {
  if (!name.includes(QUOTE)) return name
  return Uint8Array.from(Array.from(name).flatMap((byte) => (byte === QUOTE ? [QUOTE, QUOTE] : [byte])))
}
