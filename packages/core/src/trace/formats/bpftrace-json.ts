import { BpftraceCsvLines, isBpftraceCsvLine } from '../import/bpftrace/bpftrace-csv-lines.ts'
import { BpftraceJsonOperation, type JsonObject } from '../import/bpftrace/bpftrace-json-operation.ts'
import { BpftraceOperations, TAKEN_AS_FILES } from '../import/bpftrace/bpftrace-operations.ts'
import { DIRECT_OPTION } from '../import/calls/tasks.ts'
import { latin1 } from '../import/text/text.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { LINE_BYTES_MAX } from '../limits.ts'

/** An object of `bpftrace -f json`. */
const MESSAGE = '{"type": "'
/** Bytes from 0x80 on come as \uffffffXX: a sign that was extended (0.17 to 0.26 on machines where char has one). */
const EXTENDED_BYTE = /\\uffffff([89a-f][0-9a-f])/g
const LOST = /^Lost (\d{1,15}) events$/
const RETURNS = /\\?"ret\\?":/

const NOT_JSON_HINT =
  'Did the traced program print it, or two CPUs at the same time? bpftrace -o FILE keeps the program out of it.'

/**
 * JSON that a bpftrace script prints with printf, plain or wrapped by `bpftrace -f json`: a line for each segment (ts, tid, seg, base,
 * len) and perhaps for each return (ts, tid, ret). Not one JSON document: a message a line, blank ones between. A printf may
 * end inside a line, and the next go on; a script may also print the CSV of iorec.bt.
 */
export const bpftraceJson: ImportFormat = {
  name: 'bpftrace-json',
  title: 'JSON lines of bpftrace',
  level: 'L3',
  record: "bpftrace -f json -o FILE iov.bt -c 'PROGRAM' (docs/formats/bpftrace.md)",
  clock: 'nanoseconds since boot',
  options: [
    {
      name: 'op',
      summary: 'What operations are that have neither op nor call.',
      words: ['read', 'write'],
      default: 'read',
    },
    DIRECT_OPTION,
  ],
  detect: ({ lines }) => lines.some(isMessage) || (lines.some(isSegment) && !lines.some(isBpftraceCsvLine)),
  open: (context) => new BpftraceJsonImporter(context),
}

class BpftraceJsonImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly operations: BpftraceOperations
  private readonly objects: BpftraceJsonOperation
  private readonly csv: BpftraceCsvLines
  /** The line at work, and where its JSON begins in it, from 1. */
  private text = ''
  private column = 1
  /** Of printf messages: what came since the last line end. */
  private printed = ''

  constructor({ rows, option, head }: ImportContext) {
    this.rows = rows
    this.operations = new BpftraceOperations(rows)
    const direct = option(DIRECT_OPTION.name)
    const choices = { op: option('op'), direct, hasReturns: RETURNS.test(head.text) }
    this.objects = new BpftraceJsonOperation(rows, this.operations, choices, (key, problem) => this.bad(key, problem))
    this.csv = new BpftraceCsvLines(rows, this.operations, direct)
    rows.attributes.set('recorder', 'bpftrace')
    rows.assume(TAKEN_AS_FILES)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const text = latin1(bytes, from, to)
    const at = text.startsWith('{') ? 0 : text.indexOf(MESSAGE)
    const lost = LOST.exec(text)
    if (lost !== null) this.operations.lose(Number(lost[1]))
    else if (at < 0) this.rows.skip('lines of bpftrace or of the traced program')
    else {
      this.text = text
      this.column = at + 1
      this.object(text.slice(at))
    }
  }

  end(): void {
    if (this.printed.trim() !== '') this.rows.skip('printf messages at the end of the file that end inside a line')
    this.operations.finish()
  }

  private object(text: string): void {
    const object = this.parsed(text)
    if (typeof object.type !== 'string') this.operation(object, text)
    else if (object.type === 'printf') this.print(object.data)
    else if (object.type === 'lost_events') this.lose(object.data)
    else if (object.type !== 'attached_probes') this.rows.skip(`${messageKind(object.type)} messages`)
  }

  private print(data: unknown): void {
    if (typeof data !== 'string') throw this.bad('data', 'the data of a printf message is no text')
    const lines = (this.printed + data).split('\n')
    this.printed = lines.pop()!
    if (this.printed.length > LINE_BYTES_MAX) {
      throw this.rows.fail(1, `printf messages make a line of more than ${LINE_BYTES_MAX} bytes`, '')
    }
    for (const line of lines) if (line.trim() !== '') this.printedLine(line)
  }

  private printedLine(line: string): void {
    if (line.startsWith('{')) this.operation(this.parsed(line), line)
    else if (!this.csv.take(line, 0)) this.rows.skip('printf lines that tell of no operation')
  }

  private operation(object: JsonObject, text: string): void {
    if (!this.objects.take(object, text)) this.rows.skip('JSON lines that tell of no operation (no base, no ret)')
  }

  private lose(data: unknown): void {
    const events = isObject(data) ? data.events : undefined
    if (typeof events !== 'number') throw this.bad('data', 'lost_events does not say how many')
    this.operations.lose(events)
  }

  private parsed(text: string): JsonObject {
    try {
      const value: unknown = JSON.parse(text.replace(EXTENDED_BYTE, '\\u00$1'))
      if (isObject(value)) return value
    } catch {}
    throw this.rows.fail(this.column, 'the line is no JSON object', NOT_JSON_HINT)
  }

  private bad(key: string, problem: string): Error {
    const { text, column } = this
    const at = Math.max(text.indexOf(`"${key}"`), text.indexOf(`\\"${key}\\"`))
    const hint = 'docs/formats/bpftrace.md says what a script must print.'
    return this.rows.fail(at < 0 ? column : at + 1, problem, hint)
  }
}

const MESSAGE_KINDS =
  'map hist stats tseries value time cat join syscall helper_error runtime_error errorf warnf'.split(' ')

/** Messages of unknown kinds are counted together: their names are the file's. */
function messageKind(type: string): string {
  return MESSAGE_KINDS.includes(type) ? type : 'other'
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isMessage(line: string): boolean {
  return line.includes(MESSAGE) && /"(?:data|msg|count)": /.test(line)
}

function isSegment(line: string): boolean {
  return line.startsWith('{') && ['"ts"', '"tid"', '"base"', '"len"'].every((key) => line.includes(key))
}
