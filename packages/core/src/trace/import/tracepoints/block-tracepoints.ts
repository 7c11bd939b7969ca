import { ERRNO_MAX } from '../../limits.ts'
import { BlockEvent, deviceOf, errnoOf, MAJOR_MAX, MINOR_MAX, readRwbs } from '../block/block-event.ts'
import { BlockOperations } from '../block/block-operations.ts'
import type { ImportRows } from '../import-rows.ts'
import type { ImportContext, ImportOption } from '../trace-format.ts'
import type { TracepointHead } from './tracepoint.ts'

/** Bytes of a sector, whatever the device's blocks are. @kernel include/linux/blk_types.h: SECTOR_SIZE */
const SECTOR_BYTES = 512
const OFFSET_MAX = Number.MAX_SAFE_INTEGER

/** blkparse's letters of the tracepoints. @kernel include/trace/events/block.h; kernel/trace/blktrace.c: blk_register_tracepoints */
export const LETTERS: Readonly<Record<string, string>> = {
  block_bio_queue: 'Q',
  block_getrq: 'G',
  block_rq_insert: 'I',
  block_rq_issue: 'D',
  block_rq_merge: 'M',
  block_bio_backmerge: 'M',
  block_bio_frontmerge: 'F',
  block_rq_requeue: 'R',
  block_rq_complete: 'C',
  block_bio_complete: 'C',
  block_bio_bounce: 'B',
  block_bio_remap: 'A',
  block_rq_remap: 'A',
  block_split: 'X',
}

/**
 * `254,0 RS 4096 () 80251512 + 8 be,0,4 [fio]` of a request (no byte count where it completes, no priority in 6.1),
 * `8,0 W 2048 + 8 [fio]` of a bio, `8,0 W 2048 + 8 <- (8,1) 0` of a remap, `8,0 W 2048 / 2056 [fio]` of a split. perf and trace-cmd
 * may print the priority as `0x2,0,4`.
 * @kernel include/trace/events/block.h: block_rq, block_rq_completion, block_bio, block_bio_remap, block_split
 */
const TEXT =
  /^(\d{1,7}),(\d{1,7}) ([A-Z]{1,8}) (?:(?:\d{1,10} )?\([\da-f ]{0,200}\) )?(\d{1,16}) (?:\+ (\d{1,10})|\/ (\d{1,16})) ?(.*)$/
const FROM = /^<- \((\d{1,7}),(\d{1,7})\) (\d{1,16})/
const ERROR = /\[(-?\d{1,5})\]$/

const OTHER = 'other block events (plugs, zones, buffers)'
const EXPECTED =
  'Expected what the kernel prints: 254,0 RS 4096 () 80251512 + 8 [comm] (not raw, not the option fields).'

/** Input option of the importers of tracepoint text. */
export const BLOCK_EVENT_OPTION: ImportOption = {
  name: 'block-event',
  summary:
    'where an operation of the block layer begins: Q block_bio_queue, D block_rq_issue, C block_rq_complete; auto: Q where the first 64 KiB have it, else D',
  words: ['auto', 'Q', 'D', 'C'],
  default: 'auto',
}

const COMPLETIONS_ONLY =
  'no request begins in the file, and its completions were passed over: --input-option block-event=C takes those'

/** Makes operations of the block layer's tracepoints. */
export class BlockTracepoints {
  private readonly rows: ImportRows
  private readonly operations: BlockOperations
  private readonly blockEvent = new BlockEvent()
  private readonly begin: string
  private hasBegun = false

  constructor({ rows, head, option }: ImportContext) {
    this.rows = rows
    const wanted = option(BLOCK_EVENT_OPTION.name)
    const found = head.text.includes('block_bio_queue: ') ? 'Q' : 'D'
    this.begin = wanted === 'auto' ? found : wanted
    this.operations = new BlockOperations(rows, { begin: this.begin, device: null })
  }

  /** A `block_*` event. */
  event(head: TracepointHead, text: string, tsNs: number): void {
    const letter = LETTERS[head.event]
    if (letter === undefined) {
      this.rows.skip(OTHER)
      return
    }
    if (!this.read(letter, text)) throw this.rows.fail(head.textAt + 1, `${head.event} is in another form`, EXPECTED)
    this.hasBegun ||= letter === this.begin
    this.blockEvent.tsNs = tsNs
    this.blockEvent.pid = Math.max(0, head.tid)
    this.operations.add(this.blockEvent)
  }

  end(): void {
    if (!this.hasBegun && this.operations.completions > 0) this.rows.doubt(COMPLETIONS_ONLY)
    this.operations.end()
  }

  /** Reads the text into the event; false when it is in no form of the kernel's. */
  private read(letter: string, text: string): boolean {
    const event = this.blockEvent
    const match = TEXT.exec(text)
    if (match === null || !readRwbs(match[3]!, event)) return false
    const [, major, minor, , sector, sectors, rest, more] = match
    event.action = letter
    event.offsetBytes = Number(sector) * SECTOR_BYTES
    event.lengthBytes = Number(sectors ?? 0) * SECTOR_BYTES
    event.restOffsetBytes = Number(rest ?? 0) * SECTOR_BYTES
    event.errno = letter === 'C' ? errorOf(more!) : 0
    if ((letter === 'A' && !this.readFrom(more!)) || (letter === 'X') !== (rest !== undefined)) return false
    if (Number(major) > MAJOR_MAX || Number(minor) > MINOR_MAX || event.errno < 0) return false
    event.device = deviceOf(Number(major), Number(minor))
    return Math.max(event.offsetBytes + event.lengthBytes, event.restOffsetBytes) <= OFFSET_MAX
  }

  private readFrom(text: string): boolean {
    const from = FROM.exec(text)
    if (from === null || Number(from[1]) > MAJOR_MAX || Number(from[2]) > MINOR_MAX) return false
    this.blockEvent.fromDevice = deviceOf(Number(from[1]), Number(from[2]))
    this.blockEvent.fromOffsetBytes = Number(from[3]) * SECTOR_BYTES
    return true
  }
}

/** Errno of a completion, positive; -1 where it is none. */
function errorOf(text: string): number {
  const error = ERROR.exec(text)
  return error === null || Math.abs(Number(error[1])) > ERRNO_MAX ? -1 : (errnoOf(Number(error[1])) ?? -1)
}
