import {
  BlockEvent,
  deviceOf,
  EMPTY_REQUESTS,
  errnoOf,
  FLUSHES,
  MAJOR_MAX,
  MINOR_MAX,
  PASSTHROUGH,
  readRwbs,
} from '../import/block/block-event.ts'
import { BlockOperations } from '../import/block/block-operations.ts'
import { BLOCK_OPTIONS, blockChoice } from '../import/block/block-options.ts'
import { CPUS, doubtGaps, SequenceGaps } from '../import/block/sequence-gaps.ts'
import { latin1 } from '../import/text/text.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { MM_MAX } from '../limits.ts'
import { quotedText } from '../printable.ts'

const SECTOR_BYTES = 512
const SECTORS_32_BITS = 2 ** 32
/** Behind it the end of a request could not be told from another. */
const OFFSET_END = 2 ** 52
const DEFAULT_FORMAT = 'Only blkparse’s own format is read: call it without -f and -F.'

/** What stands before every event, and what it is called in a message. `%3d,%-3d %2d %8d %5d.%09lu %5u %2s %3s `. */
const HEAD_PARTS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a device, MAJOR,MINOR', / {0,8}(\d{1,4}),(\d{1,7}) {1,8}/],
  ['a CPU', /(\d{1,6}) {1,8}/],
  ['a sequence number', /(-?\d{1,10}) {1,8}/],
  ['seconds with nine digits behind the point', /(\d{1,10})\.(\d{9}) {1,8}/],
  ['a process id', /(\d{1,10}) {1,8}/],
  ['the letter of an event', /([A-Z]{1,2}|m) {1,8}/],
  ['the letters RWBS', /([A-Z]{1,9}) /],
]
const HEAD = new RegExp(`^${HEAD_PARTS.map(([, pattern]) => pattern.source).join('')}`)

/** `SECTOR + BLOCKS`, the time since the step before (option -t), and a process or an error. */
const RANGE = /^(\d{1,20}) \+ (\d{1,10}) (?:\( *\d{1,20}\) )?\[(.*)\]$/
/** No sectors: only the process, or the error; the bytes of a passthrough command, and its payload in hex. */
const NO_RANGE = /^(?:\d{1,20} )?(?:\( *\d{1,20}\) )?(?:\(([0-9a-f]{2}(?: [0-9a-f]{2}){0,4096}(?: \.\.)?)\) )?\[.*\]$/
const REMAP = /^(\d{1,20}) \+ (\d{1,10}) <- \((\d{1,4}),(\d{1,7})\) (\d{1,20})$/
const SPLIT = /^(\d{1,20}) \/ (\d{1,20}) \[.*\]$/
/** Letters of events as {@link BlockEvent} has them: a timer's unplug is one, and so are all of zone plugs. */
const LETTERS: ReadonlyMap<string, string> = new Map([
  ...[...'ABCDFGIMPQRSTUXm'].map((letter) => [letter, letter] as const),
  ['UT', 'U'],
  ['ZP', 'Z'],
  ['ZU', 'Z'],
])
/** Events that name sectors, and what follows them in brackets. */
const WITH_RANGE = 'QDIBGMFSCR'

/** Summary behind the events: of each CPU, of the whole, of each program (-s). */
const SUMMARY =
  /^(?: [A-Z][\w .]{0,24}: |CPU\d{1,6} \(|Total \(|Throughput \(|Events \(|Skips: |Input file |discarded traces |.{1,64} \(\d{1,10}(?:, \.\.\.)?\)$)/

/**
 * Text of blkparse (blktrace 1.x) in its default format, sorted by time, with the summary behind it. Its traps: the widths of
 * columns move; the name of a process may have spaces and brackets; an error is printed as 16 bits without sign (65531 is -5),
 * and the second sector of a split as 32 bits; a flush has no sectors; lines of a user's format (`-f`) are not read.
 */
export const blkparse: ImportFormat = {
  name: 'blkparse',
  title: 'blkparse text',
  level: 'L0',
  record: 'blktrace -d /dev/sda -o - | blkparse -i - > FILE',
  clock: 'seconds since the first event',
  options: BLOCK_OPTIONS,
  detect: ({ lines }) => lines.length > 0 && HEAD.test(lines[0]!),
  open: (context) => new BlkparseImporter(context),
}

class BlkparseImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly operations: BlockOperations
  private readonly event = new BlockEvent()
  private readonly gaps = new SequenceGaps()
  private text = ''
  private isFlush = false

  constructor(context: ImportContext) {
    this.rows = context.rows
    this.operations = new BlockOperations(context.rows, blockChoice(context))
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const { rows, event } = this
    this.text = latin1(bytes, from, to)
    const head = HEAD.exec(this.text)
    if (head === null) {
      if (!SUMMARY.test(this.text)) throw this.badHead()
      rows.skip('lines of the summary')
      return
    }
    this.readHead(head)
    const rest = head[0].length
    if (event.action === 'A') this.readRemap(rest)
    else if (event.action === 'X') this.readSplit(rest)
    else if (WITH_RANGE.includes(event.action)) this.readRange(rest)
    this.operations.add(event)
  }

  end(): void {
    this.operations.end()
    doubtGaps(this.rows, this.gaps)
  }

  private readHead(head: RegExpExecArray): void {
    const { rows, event } = this
    const [, major, minor, cpu, sequence, seconds, ns, pid, action, rwbs] = head
    event.device = this.device(major!, minor!)
    event.tsNs = rows.time(Number(seconds), Number(ns))
    event.pid = Number(pid)
    if (event.pid > MM_MAX) throw rows.fail(0, `process id ${pid} is above ${MM_MAX}`, '')
    event.action = LETTERS.get(action!) ?? ''
    if (event.action === '')
      throw this.unexpected(action!, 'the letter of an event', this.text.indexOf(` ${action} `) + 1)
    if (!readRwbs(rwbs!, event)) throw this.unexpected(rwbs!, 'the letters RWBS', head[0].length - rwbs!.length - 1)
    this.isFlush = rwbs!.startsWith('F')
    event.lengthBytes = 0
    event.errno = 0
    if (Number(cpu) >= CPUS) throw rows.fail(0, `CPU ${cpu} is above ${CPUS - 1}`, '')
    if (event.action === 'A') this.gaps.addRemap(Number(cpu))
    else this.gaps.add(event.device, Number(cpu), Number(sequence) >>> 0)
  }

  private readRange(at: number): void {
    const { event } = this
    const rest = this.text.slice(at)
    const range = RANGE.exec(rest)
    if (range !== null) {
      this.setRange(range[1]!, range[2]!, at)
      if (event.action === 'C') event.errno = this.errno(range[3]!, at)
      return
    }
    const match = NO_RANGE.exec(rest)
    if (match === null)
      throw this.unexpected(rest, `SECTOR + BLOCKS [${event.action === 'C' ? 'ERROR' : 'PROCESS'}]`, at)
    if (match[1] !== undefined) event.withoutData = PASSTHROUGH
    else if (event.withoutData === '') event.withoutData = this.isFlush ? FLUSHES : EMPTY_REQUESTS
  }

  private readRemap(at: number): void {
    const { event } = this
    const rest = this.text.slice(at)
    const match = REMAP.exec(rest)
    if (match === null) throw this.unexpected(rest, 'SECTOR + BLOCKS <- (MAJOR,MINOR) SECTOR', at)
    this.setRange(match[1]!, match[2]!, at)
    event.fromDevice = this.device(match[3]!, match[4]!)
    event.fromOffsetBytes = this.offset(match[5]!, at)
  }

  /** The sector behind the split is printed as 32 bits. blkparse_fmt.c: get_pdu_int */
  private readSplit(at: number): void {
    const { event } = this
    const rest = this.text.slice(at)
    const match = SPLIT.exec(rest)
    if (match === null) throw this.unexpected(rest, 'SECTOR / SECTOR [PROCESS]', at)
    event.offsetBytes = this.offset(match[1]!, at)
    const sector = event.offsetBytes / SECTOR_BYTES
    const restSector = (Number(match[2]) - sector) % SECTORS_32_BITS
    event.restOffsetBytes = (sector + (restSector < 0 ? restSector + SECTORS_32_BITS : restSector)) * SECTOR_BYTES
  }

  private setRange(sector: string, blocks: string, at: number): void {
    this.event.offsetBytes = this.offset(sector, at)
    this.event.lengthBytes = Number(blocks) * SECTOR_BYTES
  }

  private offset(sector: string, at: number): number {
    const offsetBytes = Number(sector) * SECTOR_BYTES
    if (offsetBytes < OFFSET_END) return offsetBytes
    throw this.rows.fail(
      at + 1,
      `sector ${sector} is behind ${OFFSET_END / SECTOR_BYTES}, the end of what a trace can name`,
      '',
    )
  }

  private device(major: string, minor: string): number {
    if (Number(major) <= MAJOR_MAX && Number(minor) <= MINOR_MAX) return deviceOf(Number(major), Number(minor))
    throw this.rows.fail(0, `device ${major},${minor} has a number above ${MAJOR_MAX},${MINOR_MAX}`, '')
  }

  private errno(text: string, at: number): number {
    const errno = /^-?\d{1,5}$/.test(text) ? errnoOf(Number(text)) : null
    if (errno === null) throw this.unexpected(this.text.slice(at), 'SECTOR + BLOCKS [ERROR]', at)
    return errno
  }

  /** The line does not begin as events do: where it departs from that. */
  private badHead() {
    let at = 0
    for (const [what, pattern] of HEAD_PARTS) {
      const part = new RegExp(pattern.source, 'y')
      part.lastIndex = at
      if (!part.test(this.text)) return this.unexpected(this.text.slice(at), what, at)
      at = part.lastIndex
    }
    return this.unexpected(this.text, 'an event', 0)
  }

  private unexpected(found: string, expected: string, at: number) {
    return this.rows.fail(at + 1, `found ${quotedText(found)}, expected ${expected}`, DEFAULT_FORMAT)
  }
}
