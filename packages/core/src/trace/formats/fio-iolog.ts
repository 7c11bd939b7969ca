import { ITER_DEST, ITER_SOURCE } from '../../iter/iter-type.ts'
import { FLAG_DIRECT } from '../../iter/row-flags.ts'
import { countOf, latin1 } from '../import/text/text.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { quotedText } from '../printable.ts'

const US_PER_SECOND = 1_000_000
const US_PER_MS = 1000
/** Shorter waits are discarded, says fio's HOWTO. */
const WAIT_US_MIN = 100
const HEADER = /^fio version (\d{1,9}) iolog/
/** A line of version 1: `rw, offset, length`. */
const VERSION_1 = /^[01], ?\d{1,20}, ?\d{1,20}$/

const FILE_ACTIONS: ReadonlySet<string> = new Set(['add', 'open', 'close'])
/** What the actions on a range do, or why they make no row. fio: io_ddir.h: io_ddir_name */
const ACTIONS: ReadonlyMap<string, number | string> = new Map<string, number | string>([
  ['read', ITER_DEST],
  ['write', ITER_SOURCE],
  ['trim', 'trims'],
  ['sync', 'syncs'],
  ['datasync', 'syncs'],
  ['sync_file_range', 'syncs'],
  ['syncfs', 'syncs'],
  ['wait', 'waits'],
])
/** fio writes 8 KiB at a time, and breaks lines there. */
const MIXED =
  'Several jobs wrote into this file, and broke each other’s lines: give each a log of its own, and join them with pinscope trace merge.'
const EXPECTED = 'Expected [TIME] FILE add|open|close, or [TIME] FILE read|write|sync|datasync|trim|wait OFFSET LENGTH.'

/**
 * I/O log of fio (`--write_iolog`), versions 2 and 3. Version 3 has the microseconds since the job began in front of each
 * line; version 2 has `wait` lines. fio replays `wait N` as: until N ms after the start, whatever its HOWTO says (N us after
 * the previous wait, nothing below 100); option `wait` chooses. Further traps: names may have spaces (fio itself cannot read
 * those back); a sync repeats the position of the I/O before it; a file is opened for appending, so that several jobs and
 * runs stand in one file, each with a first line and a clock of its own; completions are not there.
 */
export const fioIolog: ImportFormat = {
  name: 'fio-iolog',
  title: 'an fio I/O log',
  level: 'L0',
  record: 'fio --write_iolog=FILE JOB',
  clock: 'us since the job began (version 2: waits only)',
  options: [
    {
      name: 'direct',
      summary: 'what direct= of the job was: the log does not tell',
      words: ['yes', 'no', 'unknown'],
      default: 'unknown',
    },
    {
      name: 'wait',
      summary: 'what `wait N` of version 2 means: replay, N ms from the start; howto, N us from the wait before',
      words: ['replay', 'howto'],
      default: 'replay',
    },
  ],
  detect: ({ lines }) => lines.length > 0 && (HEADER.test(lines[0]!) || lines.every((line) => VERSION_1.test(line))),
  open: (context) => new FioIologImporter(context),
}

class FioIologImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly direct: string
  private readonly isHowto: boolean
  private version = 0
  private timeUs = 0
  private isMixed = false

  constructor({ rows, option }: ImportContext) {
    this.rows = rows
    this.direct = option('direct')
    this.isHowto = option('wait') === 'howto'
    rows.timeText = (seconds, ns) => `${seconds * US_PER_SECOND + ns / 1000} us`
    rows.attributes.set('recorder', 'fio')
    rows.attributes.set('dma-alignment', '1')
    rows.assume('no completion is recorded: each operation ends where it begins')
    if (this.direct === 'unknown') {
      rows.assume('whether the job did direct I/O is not told: say --input-option direct=yes, or no')
    }
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const text = latin1(bytes, from, to)
    if (this.version === 0) this.readFirstLine(text)
    else if (HEADER.test(text)) this.readFurtherHeader(text)
    else this.readLine(text)
  }

  end(): void {}

  private readFirstLine(text: string): void {
    const { rows } = this
    const version = HEADER.exec(text)?.[1] ?? (VERSION_1.test(text) ? '1' : null)
    if (version === '1') {
      throw rows.fail(
        1,
        'it is version 1 of the format (rw, offset, length), which names no file and has no times',
        'fio has not written it since 1.17; record again with --write_iolog.',
      )
    }
    if (version !== '2' && version !== '3') {
      const found = version === null ? `it begins with ${quotedText(text)}` : `it is version ${version} of the format`
      throw rows.fail(1, `${found}, expected "fio version 2 iolog" or "fio version 3 iolog"`, '')
    }
    this.version = Number(version)
    if (this.version === 2) rows.clockName = this.isHowto ? 'us of the waits' : 'ms of the waits, from the start'
  }

  /** fio appends: another job, or another run, follows, whose times begin anew. */
  private readFurtherHeader(text: string): void {
    const { rows } = this
    if (Number(HEADER.exec(text)![1]) !== this.version) {
      throw rows.fail(1, `${quotedText(text)} in a log of version ${this.version}`, 'Split the file at this line.')
    }
    rows.doubt(
      'several jobs or runs wrote into this file, each with a clock of its own: their operations are mixed by time; ' +
        'give every job a log of its own (write_iolog=FILE in each), and join them with pinscope trace merge',
    )
    rows.skip('first lines of further jobs')
    this.isMixed = true
  }

  private readLine(text: string): void {
    const words = new LastWords(text)
    const timeEnd = this.version === 3 ? text.search(/[ \t]/) : 0
    if (timeEnd < 0) throw this.bad(0, text, 'TIME FILE ACTION')
    if (this.version === 3) this.timeUs = this.count(text.slice(0, timeEnd), 0, 'microseconds')
    const last = words.next()
    const action = ACTIONS.get(last)
    if (FILE_ACTIONS.has(last)) this.rows.skip('files added, opened and closed')
    else if (action === 'syncs') this.rows.skip(action)
    else this.readRange(words, last, timeEnd)
  }

  private readRange(words: LastWords, last: string, timeEnd: number): void {
    const { rows } = this
    const lengthAt = words.at
    const offset = words.next()
    const offsetAt = words.at
    const action = ACTIONS.get(words.next())
    const actionAt = words.at
    if (action === undefined) throw this.bad(Math.max(timeEnd, actionAt), words.text.slice(actionAt), 'an action')
    const offsetNumber = this.count(offset, offsetAt, 'a number')
    const length = this.count(last, lengthAt, 'bytes')
    if (typeof action === 'string') {
      if (action === 'waits') this.wait(offsetNumber)
      rows.skip(action)
      return
    }
    const file = words.text.slice(timeEnd, actionAt).trim()
    if (file === '') throw this.bad(timeEnd, words.text.slice(timeEnd), 'the name of a file')
    this.putRow(file, action, offsetNumber, length)
  }

  private putRow(file: string, direction: number, offsetBytes: number, lengthBytes: number): void {
    const { rows } = this
    const row = rows.draft()
    row.tsNs = rows.time(Math.floor(this.timeUs / US_PER_SECOND), (this.timeUs % US_PER_SECOND) * 1000)
    row.direction = direction
    row.file = rows.fileName(file)
    row.offsetBytes = offsetBytes
    row.lengthBytes = lengthBytes
    if (this.direct === 'yes') row.flags = FLAG_DIRECT
    if (this.direct !== 'unknown') row.consumer = rows.consumerName(this.direct === 'yes' ? 'bio' : 'buffered')
    rows.put(row)
  }

  /** fio: iolog.c: read_iolog_get waits until so many ms after its start; HOWTO: for so many us after the wait before. */
  private wait(time: number): void {
    if (this.version === 3) return
    if (this.isHowto) {
      if (time >= WAIT_US_MIN) this.timeUs += time
      return
    }
    const untilUs = time * US_PER_MS
    if (untilUs > this.timeUs) this.timeUs = untilUs
    else {
      this.rows.doubt(
        'a wait is not longer than one before, and fio would not wait at all: it takes N as ms from the start; ' +
          'if N was meant as us from the wait before, as its HOWTO has it, say --input-option wait=howto',
      )
    }
  }

  private count(text: string, at: number, what: string): number {
    const count = countOf(text)
    if (count === null) throw this.bad(at, text, what)
    return count
  }

  private bad(at: number, found: string, expected: string) {
    return this.rows.fail(at + 1, `found ${quotedText(found)}, expected ${expected}`, this.isMixed ? MIXED : EXPECTED)
  }
}

/** The words of a line from its end: in front of them stands a name, which may have blanks. */
class LastWords {
  readonly text: string
  /** Where the word begins that came last. */
  at: number

  constructor(text: string) {
    this.text = text
    this.at = text.length
  }

  /** The word before; empty when there is none. */
  next(): string {
    let end = this.at
    while (end > 0 && isBlank(this.text, end - 1)) end--
    let from = end
    while (from > 0 && !isBlank(this.text, from - 1)) from--
    this.at = from
    return this.text.slice(from, end)
  }
}

function isBlank(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\t'
}
