import {
  BLKTRACE_MAGIC,
  BlktraceRecord,
  headBytesOf,
  TA_COMPLETE,
  TA_DRV_DATA,
  TC_COMPLETE,
  TC_DISCARD,
  TC_FLUSH,
  TC_NOTIFY,
  TC_PC,
  TC_WRITE,
  TC_WRITE_ZEROES,
  TC_ZONE_APPEND,
  TC_ZONE_COMMAND,
  TN_MESSAGE,
  TN_PROCESS,
  TN_TIMESTAMP,
} from '../import/block/blktrace-record.ts'
import {
  BlockEvent,
  DISCARDS,
  EMPTY_REQUESTS,
  errnoOf,
  FLUSHES,
  PASSTHROUGH,
  WRITE_ZEROES,
  ZONE_COMMANDS,
} from '../import/block/block-event.ts'
import { BlockOperations } from '../import/block/block-operations.ts'
import { BLOCK_OPTIONS, blockChoice } from '../import/block/block-options.ts'
import { CPUS, doubtGaps, SequenceGaps } from '../import/block/sequence-gaps.ts'
import type { ImportContext, ImportFormat, RecordImporter } from '../import/trace-format.ts'
import { MM_MAX } from '../limits.ts'

const SECTOR_BYTES = 512
/** Behind it the end of a request could not be told from another. */
const SECTOR_END = 2 ** 43
const MAGIC_BYTES = 4
/** Bytes of what follows a remap and a split. @kernel struct blk_io_trace_remap */
const REMAP_BYTES = 16
const SPLIT_BYTES = 8
/** Seconds and nanoseconds, 32 bits each. */
const TIMESTAMP_BYTES = 8
/** blkparse's letters of the actions 1 to 19; 16 (abort) is not written, 17 is data of a driver. */
const LETTERS = ['', ...'QMFGSRDCPUUIXBA', '', '', 'Z', 'Z']
/** A completion of zone appends that completes nothing. @kernel BLK_TA_ZONE_APPEND */
const APPENDED = 'sectors that zone appends were given'

/** Notes, which stand between the events, by their number. */
const NOTES: ReadonlyMap<number, string> = new Map([
  [TN_PROCESS, 'names of processes'],
  [TN_TIMESTAMP, 'notes of the time of day'],
  [TN_MESSAGE, 'messages'],
])

/**
 * Binary records of blktrace, of version 7 or 8 and in either byte order: what `blkparse -d` puts together, or the file of one
 * CPU. Its traps: times of `-d` are rebased to the first event, those of notes are not; what follows a remap or a split has
 * the highest byte first whatever the byte order of the file; what the pages of a request are is not told, only its bytes.
 * Write-zeroes and zone appends look like writes in version 7.
 * @kernel include/uapi/linux/blktrace_api.h: struct blk_io_trace, struct blk_io_trace2 (since 6.19); kernel/trace/blktrace.c
 */
export const blktrace: ImportFormat = {
  name: 'blktrace',
  title: 'a binary blktrace file',
  level: 'L0',
  record: 'blktrace -d /dev/sda -o NAME; blkparse -i NAME -d FILE -O',
  clock: 'ns, of the monotonic clock or since the first event',
  options: BLOCK_OPTIONS,
  detect: ({ bytes }) => byteOrder(bytes) !== null,
  open: (context) => new BlktraceImporter(context),
}

/** The file is little-endian, big-endian; null: it does not begin as such a file does. */
function byteOrder(bytes: Uint8Array): 'little' | 'big' | null {
  if (bytes.length < MAGIC_BYTES) return null
  const record = new BlktraceRecord()
  if (isMagic(record.magic(bytes, 0, true))) return 'little'
  return isMagic(record.magic(bytes, 0, false)) ? 'big' : null
}

function isMagic(word: number): boolean {
  return (word & ~0xff) === BLKTRACE_MAGIC
}

class BlktraceImporter implements RecordImporter {
  readonly kind = 'records'
  private readonly rows: ImportContext['rows']
  private readonly operations: BlockOperations
  private readonly found = new BlktraceRecord()
  private readonly event = new BlockEvent()
  private readonly gaps = new SequenceGaps()
  private readonly isLittle: boolean
  /** The only CPU so far; null: none yet, or several. */
  private cpu: number | null = null
  private cpus = 0

  constructor(context: ImportContext) {
    const { rows, head } = context
    this.rows = rows
    this.operations = new BlockOperations(rows, blockChoice(context))
    this.isLittle = byteOrder(head.bytes) !== 'big'
    rows.attributes.set('recorder', 'blktrace')
  }

  record(bytes: Uint8Array, from: number, to: number, isEnd: boolean): number {
    const { found, rows, isLittle } = this
    if (to - from < MAGIC_BYTES) return this.wait(to, isEnd)
    const magic = found.magic(bytes, from, isLittle)
    if (!isMagic(magic)) throw this.noRecord(magic)
    const version = magic & 0xff
    const headBytes = headBytesOf(version)
    if (headBytes === 0) throw rows.fail(0, `it is of version ${version} of the format, expected 7 or 8`, '')
    if (to - from < headBytes) return this.wait(to, isEnd)
    found.read(bytes, from, version, isLittle)
    if (to - from < found.lengthBytes) return this.wait(to, isEnd)
    this.take(found)
    return from + found.lengthBytes
  }

  end(): void {
    const { rows, operations } = this
    operations.end()
    doubtGaps(rows, this.gaps)
    const { unmatched, completions } = operations
    if (this.cpus !== 1 || (!/\.blktrace\.\d+$/.test(rows.file) && unmatched * 2 <= completions)) return
    rows.doubt(
      `all events are of CPU ${this.cpu}: a file NAME.blktrace.N has one CPU only, and what another one queued or completed is not in it; ` +
        'blkparse -i NAME -d FILE -O puts all CPUs together (pinscope trace merge joins such files too, each completion with its own file only)',
    )
  }

  /** Not all of the record is there. */
  private wait(to: number, isEnd: boolean): number {
    if (!isEnd) return 0
    if (this.rows.line === 1) throw this.rows.fail(0, 'the file ends within it', '')
    this.rows.skip('a last record that is cut short')
    return to
  }

  private take(found: BlktraceRecord): void {
    if ((found.categories & TC_NOTIFY) !== 0) this.note(found)
    else this.takeEvent(found)
  }

  private takeEvent(found: BlktraceRecord): void {
    const { rows } = this
    if (found.cpu >= CPUS) throw rows.fail(0, `CPU ${found.cpu} is above ${CPUS - 1}`, '')
    if (LETTERS[found.action] === 'A') this.gaps.addRemap(found.cpu)
    else this.gaps.add(found.device, found.cpu, found.sequence)
    if (this.cpus < 2 && found.cpu !== this.cpu) {
      this.cpu = found.cpu
      this.cpus++
    }
    if (found.action === TA_DRV_DATA) rows.skip('data of drivers')
    else if (found.action === TA_COMPLETE && (found.categories & TC_COMPLETE) === 0) rows.skip(APPENDED)
    else {
      this.readEvent(found)
      this.operations.add(this.event)
    }
  }

  private note(found: BlktraceRecord): void {
    const { rows } = this
    if (found.action === TN_TIMESTAMP && found.payloadBytes >= TIMESTAMP_BYTES) {
      const seconds = found.payloadWord(0, this.isLittle)
      rows.clockName = `${rows.format.clock}; the recording began at ${new Date(seconds * 1000).toISOString()}`
    }
    rows.skip(NOTES.get(found.action) ?? 'notes of other kinds')
  }

  private readEvent(found: BlktraceRecord): void {
    const { rows, event } = this
    const letter = LETTERS[found.action] ?? ''
    if (letter === '') throw rows.fail(0, `its action is ${found.action}, which is none of blktrace`, '')
    if (found.pid > MM_MAX) throw rows.fail(0, `process id ${found.pid} is above ${MM_MAX}`, '')
    const errno = errnoOf(found.error)
    if (errno === null) throw rows.fail(0, `its error is ${found.error}, which is no errno`, '')
    event.action = letter
    event.tsNs = rows.time(found.seconds, found.ns)
    event.device = found.device
    event.pid = found.pid
    event.errno = errno
    event.isWrite = (found.categories & TC_WRITE) !== 0
    event.isZoneAppend = (found.categories & TC_ZONE_APPEND) !== 0
    event.withoutData = withoutData(found)
    event.lengthBytes = event.withoutData === '' ? found.bytes : 0
    event.offsetBytes = event.lengthBytes === 0 ? 0 : this.offset(found.sector)
    if (letter === 'A') this.readRemap(found)
    else if (letter === 'X') this.readSplit(found)
  }

  /** As blkparse prints it, the device is the one that it was remapped to. */
  private readRemap(found: BlktraceRecord): void {
    const { event } = this
    this.need(found, REMAP_BYTES, 'a remap')
    event.fromDevice = found.payloadWord(0, false)
    event.device = found.payloadWord(4, false)
    event.fromOffsetBytes = this.offset(found.payloadSector(8))
  }

  private readSplit(found: BlktraceRecord): void {
    this.need(found, SPLIT_BYTES, 'a split')
    this.event.restOffsetBytes = this.offset(found.payloadSector(0))
  }

  private need(found: BlktraceRecord, bytes: number, what: string): void {
    if (found.payloadBytes >= bytes) return
    throw this.rows.fail(0, `${what} has ${Math.max(0, found.payloadBytes)} bytes behind it, expected ${bytes}`, '')
  }

  private offset(sector: number): number {
    if (sector < SECTOR_END) return sector * SECTOR_BYTES
    throw this.rows.fail(0, `it names a sector behind ${SECTOR_END}, the end of what a trace can name`, '')
  }

  private noRecord(magic: number) {
    const found = `0x${magic.toString(16).padStart(8, '0')}`
    const expected = `0x${(BLKTRACE_MAGIC + 7).toString(16)} or 0x${(BLKTRACE_MAGIC + 8).toString(16)}`
    const hint = 'A record before it may be damaged. Is this a binary blktrace file?'
    return this.rows.fail(0, `it begins with ${found}, expected ${expected}`, hint)
  }
}

/** Why the record is about no data; empty: it is about some. */
function withoutData({ categories, bytes }: BlktraceRecord): string {
  if ((categories & TC_PC) !== 0) return PASSTHROUGH
  if ((categories & TC_DISCARD) !== 0) return DISCARDS
  if ((categories & TC_ZONE_COMMAND) !== 0) return ZONE_COMMANDS
  if ((categories & TC_WRITE_ZEROES) !== 0) return WRITE_ZEROES
  if (bytes > 0) return ''
  return (categories & TC_FLUSH) === 0 ? EMPTY_REQUESTS : FLUSHES
}
