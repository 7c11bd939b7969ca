import { ITER_BVEC, ITER_FOLIOQ, ITER_MIXED, ITER_TYPE_NAMES, ITER_XARRAY } from '../../iter/iter-type.ts'
import { KVEC_OFFSET } from '../../iter/segment-table.ts'
import type { Dictionary } from '../dictionary.ts'
import { JSON_LINES_FORMAT } from '../import/json/json-header.ts'
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
import { LINE_FEED } from '../text-cell.ts'
import type { TraceReader } from '../trace-reader.ts'
import { ByteSink } from './byte-sink.ts'
import { lengthCell, saysIterator } from './cells-of-row.ts'
import { FlagsText } from './flags-text.ts'
import { NamesBytes } from './names-bytes.ts'
import type { TraceEncoder } from './trace-writer.ts'
import { utf8Name } from './utf8-name.ts'
import { type Attributes, NUMBER_KEYS } from './written-attributes.ts'

const QUOTE = 34
const COMMA = 44
const PLUS = 43
const COLON = 58
const BRACE_END = 125
const BRACKET_END = 93

/** The keys of a row, each with what stands before its value. */
const KEY = {
  ts: raw('{"ts":'),
  end: raw(',"end":'),
  never: raw(',"end":"never"'),
  id: raw(',"id":'),
  mm: raw(',"mm":'),
  call: raw(',"call":'),
  segs: raw(',"segs":['),
  file: raw(',"file":'),
  offset: raw(',"offset":'),
  len: raw(',"len":'),
  result: raw(',"result":'),
  consumer: raw(',"consumer":'),
  pinsAcquired: raw(',"pins_acquired":'),
  pinsReleased: raw(',"pins_released":'),
  stack: raw(',"stack":'),
  address: raw('"0x'),
}

/**
 * Writes JSON Lines: the header of pinscope-trace-1.schema.json as an object in the first line, then a row a line. A cell that
 * is empty has no key.
 */
export class JsonLinesEncoder implements TraceEncoder {
  private readonly sink = new ByteSink()
  private readonly events = words('event', EVENT_NAMES)
  private readonly ops = words('op', OP_NAMES)
  private readonly iterators = words('iter', ITER_TYPE_NAMES)
  private readonly backings = words('backing', BACKING_NAMES)
  private readonly flags = new FlagsText()
  private readonly flagsBytes = new Map<string, Uint8Array>()
  private readonly ids: NamesBytes
  private readonly calls: NamesBytes
  private readonly files: NamesBytes
  private readonly consumers: NamesBytes
  private readonly stacks: NamesBytes
  private readonly segmentFiles: NamesBytes

  constructor(reader: TraceReader) {
    const named = (names: Dictionary) => new NamesBytes(names, (bytes) => raw(JSON.stringify(utf8Name(bytes))))
    this.ids = named(reader.ids)
    this.calls = named(reader.calls)
    this.files = named(reader.files)
    this.consumers = named(reader.consumers)
    this.stacks = named(reader.stacks)
    // Without the quotes: it is the beginning of a string.
    this.segmentFiles = new NamesBytes(reader.files, (bytes) => raw(JSON.stringify(utf8Name(bytes)).slice(1, -1)))
  }

  begin(attributes: Attributes): void {
    const values = [...attributes].map(
      ([key, value]) => [key, NUMBER_KEYS.includes(key) ? Number(value) : value] as const,
    )
    const header = { format: JSON_LINES_FORMAT, version: 1, ...Object.fromEntries(values) }
    this.sink.bytes(raw(`${JSON.stringify(header)}\n`))
  }

  rows(batch: OpBatch): void {
    for (let row = 0; row < batch.length; row++) this.row(batch, row)
  }

  end(): void {}

  take(all: boolean): Uint8Array[] {
    return this.sink.take(all)
  }

  private row(batch: OpBatch, row: number): void {
    const { sink } = this
    const endNs = batch.endNs[row]!
    sink.bytes(KEY.ts)
    sink.decimal(batch.tsNs[row]!)
    if (endNs === END_NEVER) sink.bytes(KEY.never)
    else if (endNs !== END_SYNCHRONOUS) this.number(KEY.end, endNs)
    if (batch.event[row] !== EVENT_IO) sink.bytes(this.events[batch.event[row]!]!)
    this.name(KEY.id, this.ids, batch.id[row]!)
    if (batch.mm[row] !== 0) this.number(KEY.mm, batch.mm[row]!)
    if (batch.direction[row] !== OP_NONE) sink.bytes(this.ops[batch.direction[row]!]!)
    this.name(KEY.call, this.calls, batch.call[row]!)
    if (saysIterator(batch, row)) sink.bytes(this.iterators[batch.iterType[row]!]!)
    this.segments(batch, row)
    if (batch.event[row] === EVENT_MAP) sink.bytes(this.backings[batch.backing[row]!]!)
    this.name(KEY.file, this.files, batch.file[row]!)
    this.count(KEY.offset, batch.offsetBytes[row]!)
    this.count(KEY.len, lengthCell(batch, row))
    if (!Number.isNaN(batch.resultBytes[row]!)) this.number(KEY.result, batch.resultBytes[row]!)
    this.flagWords(batch, row)
    this.name(KEY.consumer, this.consumers, batch.consumer[row]!)
    this.count(KEY.pinsAcquired, batch.pinsAcquired[row]!)
    this.count(KEY.pinsReleased, batch.pinsReleased[row]!)
    this.name(KEY.stack, this.stacks, batch.stack[row]!)
    sink.byte(BRACE_END)
    sink.byte(LINE_FEED)
  }

  private number(key: Uint8Array, value: number): void {
    this.sink.bytes(key)
    this.sink.decimal(value)
  }

  private count(key: Uint8Array, value: number): void {
    if (value !== NONE) this.number(key, value)
  }

  private name(key: Uint8Array, names: NamesBytes, id: number): void {
    if (id === NONE) return
    this.sink.bytes(key)
    this.sink.bytes(names.of(id))
  }

  private flagWords(batch: OpBatch, row: number): void {
    const text = this.flags.of(batch, row)
    if (text === '') return
    const known = this.flagsBytes.get(text)
    const bytes = known ?? raw(`,"flags":${JSON.stringify(text.split(' '))}`)
    // A row with a hole has words of its own: they are not kept.
    if (known === undefined && batch.holeLengthBytes[row] === NONE) this.flagsBytes.set(text, bytes)
    this.sink.bytes(bytes)
  }

  private segments(batch: OpBatch, row: number): void {
    const count = batch.segmentCount[row]!
    if (count === 0) return
    const { sink } = this
    const { lengthBytes } = batch.segments
    const first = batch.segmentFirst[row]!
    sink.bytes(KEY.segs)
    for (let at = first; at < first + count; at++) {
      if (at > first) sink.byte(COMMA)
      this.place(batch, at, batch.iterType[row]!)
      sink.byte(PLUS)
      sink.decimal(lengthBytes[at]!)
      sink.byte(QUOTE)
    }
    sink.byte(BRACKET_END)
  }

  /** Where a segment begins. */
  private place(batch: OpBatch, at: number, iterType: number): void {
    const { sink } = this
    const { addressBytes, offsetBytes } = batch.segments
    const ofFile = iterType === ITER_FOLIOQ || iterType === ITER_XARRAY
    const ofPages = iterType === ITER_BVEC || (iterType === ITER_MIXED && offsetBytes[at] !== KVEC_OFFSET)
    if (!ofFile && !ofPages) {
      sink.bytes(KEY.address)
      sink.hex(addressBytes[at]!)
      return
    }
    sink.byte(QUOTE)
    if (ofFile) sink.bytes(this.segmentFiles.of(offsetBytes[at]!))
    else sink.decimal(addressBytes[at]!)
    sink.byte(COLON)
    sink.decimal(ofFile ? addressBytes[at]! : offsetBytes[at]!)
  }
}

function raw(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

function words(key: string, names: readonly string[]): Uint8Array[] {
  return names.map((name) => raw(`,"${key}":"${name}"`))
}
