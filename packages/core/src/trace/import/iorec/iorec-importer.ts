import { NONE } from '../../op-batch.ts'
import type { ImportRows } from '../import-rows.ts'
import { TIME_US, timeText } from '../text/decimal-time.ts'
import { latin1 } from '../text/text.ts'
import type { ImportContext, LineImporter } from '../trace-format.ts'
import { AsyncOperations } from './async-operations.ts'
import { areInTrace, type Call } from './call.ts'
import { CallReader, type SpaceOf } from './call-reader.ts'
import { FileNames } from './file-names.ts'
import { isAsync, isCompletion, isOtherPinning, isReaping, isSubmission, isTransfer } from './io-ops.ts'
import { IoRows } from './io-rows.ts'
import { MapRows } from './map-rows.ts'
import { MemoryCalls } from './memory-calls.ts'
import { type Action, OtherRows } from './other-rows.ts'
import { notFileReason } from './recorded-file.ts'
import { RecordedFiles } from './recorded-files.ts'
import { headFault, headLineOf, LAST_LINE } from './recording-head.ts'
import { Registrations } from './registrations.ts'
import { Spaces } from './spaces.ts'
import { Staged } from './staged.ts'
import { Staging } from './staging.ts'

/** Rows of version 2 that are no calls. */
const NO_CALLS = new Set([
  'file',
  'ring_close',
  'io_setup',
  'io_destroy',
  'io_cancel',
  'madvise',
  'ftruncate',
  'fallocate',
])

const CUT = 'the recording was cut off: its last line is not "# end"; record it again, or take what there is'
const FORGOTTEN =
  'more memory is used than is kept track of: pages that come again later are told anew, as if they had been given back'
const VECTORS = 'calls of which the vector could not be read'
const ABOVE = 'calls with an address or a length above 2^53'
const PROVIDED = 'operations into provided buffers, whose addresses are not recorded'

/** Reads a recording of iorec, row by row. */
export class IorecImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportRows
  private readonly version: 1 | 2
  private readonly spaceOf: SpaceOf
  private readonly isAll: boolean
  private readonly files = new RecordedFiles()
  private readonly spaces = new Spaces()
  private readonly memory: MemoryCalls
  private readonly registrations: Registrations
  private readonly io: IoRows
  private readonly others: OtherRows
  private readonly staging: Staging
  private readonly operations: AsyncOperations
  private calls: CallReader | null = null
  private isEnded = false
  private bytes = 0

  constructor({ rows, option }: ImportContext, version: 1 | 2) {
    this.rows = rows
    this.version = version
    this.spaceOf = option('mm') as SpaceOf
    this.isAll = option('calls') === 'all'
    const names = new FileNames(option('names') === 'short')
    const maps = new MapRows(rows, this.spaces, names)
    const assumesBlocks = version === 1 || !rows.attributes.has('dma-alignment')
    this.memory = new MemoryCalls(rows, this.spaces, version === 2)
    this.registrations = new Registrations(rows, maps)
    this.io = new IoRows(rows, maps, this.registrations, names, assumesBlocks)
    this.others = new OtherRows(rows, this.io, this.registrations, (number) => this.files.ofNumber(number))
    this.staging = new Staging(rows)
    this.operations = new AsyncOperations(this.staging)
    rows.timeText = (seconds, ns) => timeText(seconds, ns, TIME_US)
    // Version 2 counts from the beginning of the recording, version 1 from its first row.
    if (version === 2) rows.originNs = rows.time(0, 0)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const text = latin1(bytes, from, to)
    this.bytes = to - from
    if (this.isEnded)
      throw this.rows.fail(1, `there is more behind "${LAST_LINE}"`, 'Are these two recordings in one file?')
    if (this.calls !== null && text === LAST_LINE) this.isEnded = true
    else if (this.calls === null && text.startsWith('#')) this.readHead(text)
    else if (this.calls === null)
      this.calls = new CallReader(this.rows, this.files, this.version, this.spaceOf, text.split(','))
    else this.take(this.calls.read(text), this.calls)
  }

  end(): void {
    this.staging.end()
    if (this.version === 2 && !this.isEnded) this.rows.doubt(CUT)
    if (this.spaces.wereForgotten) this.rows.doubt(FORGOTTEN)
  }

  private readHead(text: string): void {
    const head = headLineOf(text)
    const fault = head === null ? 'the line is no "# key value"' : headFault(head)
    if (fault !== null) throw this.rows.fail(1, fault, '')
    if (head?.key === 'note' && head.value !== '') this.rows.doubt(`the recorder says: ${head.value}`)
  }

  private take(call: Call, reader: CallReader): void {
    const { op } = call
    if (op === 'file' && this.version === 2) this.files.add(reader.fileNumber, reader.target, call.args)
    else if (isCompletion(op)) this.takeCompletion(call)
    else if (isSubmission(op)) this.operations.submit(call)
    else if (MemoryCalls.concerns(call)) {
      if (this.spaceOf === 'recorded' || !MemoryCalls.isOfProcess(call)) this.stage(call, () => this.memory.run(call))
    } else if (op === 'io_uring_register' && Registrations.concerns(call)) {
      this.stage(call, (staged) => this.registrations.run(staged), true)
    } else if (op === 'ring_close') this.stage(call, (staged) => this.registrations.close(staged))
    else if (!isReaping(op) && !NO_CALLS.has(op)) this.takeOperation(call)
  }

  private takeCompletion(call: Call): void {
    if (this.version === 1) this.operations.complete(call)
    else this.rows.skip('completions of operations that were not seen')
  }

  private takeOperation(call: Call): void {
    const action = this.actionOf(call)
    if (typeof action === 'string') {
      this.rows.skip(action)
      if (isAsync(call.op) && this.version === 1) this.operations.begin(call, null)
      // What it pinned is in the counts of calls beside it.
      if (isOtherPinning(call.op) && call.acquired > 0) this.stage(call, () => {}, true)
    } else this.stage(call, action, call.direct || isOtherPinning(call.op))
  }

  /** What makes the call's row, or why it has none. */
  private actionOf(call: Call): Action | string {
    const reason = isTransfer(call.op) ? notFileReason(call.file) : `calls of ${call.op}`
    const other = reason !== null && this.isAll ? this.others.actionOf(call) : null
    if (reason !== null && other === null) return reason
    if (!areInTrace(call.segments) || !areInTrace(call.remote)) return ABOVE
    if (call.args.has('bgid')) return PROVIDED
    if (call.lacksSegments && call.segments.length === 0 && !(call.result < 0) && isTransfer(call.op)) return VECTORS
    return other ?? ((staged) => this.io.put(staged))
  }

  /** `isPinning`: what it does may pin pages. */
  private stage(call: Call, action: Action, isPinning = false): void {
    const staged = new Staged(call, this.bytes, { isAsync: isAsync(call.op), isPinning, action })
    if (this.version === 1) {
      if (staged.isAsync) this.operations.begin(call, staged)
      this.staging.add(staged)
      return
    }
    // Version 2 stands in order, each operation with its completion, and tells whose the counts are.
    if (staged.isAsync) this.operations.beginComplete(staged)
    else {
      if (call.shared.includes('s')) staged.acquired = NONE
      if (call.shared !== '') staged.released = NONE
    }
    staged.run()
  }
}
