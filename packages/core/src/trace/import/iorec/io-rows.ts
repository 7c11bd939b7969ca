import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { FLAG_DIRECT, FLAG_FIXED, FLAG_NOWAIT } from '../../../iter/row-flags.ts'
import { END_NEVER, NONE } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { bytesOfSegments, type Call, hexArgument, type Segments } from './call.ts'
import type { FileNames } from './file-names.ts'
import { isFixed, isRead } from './io-ops.ts'
import type { MapRows } from './map-rows.ts'
import { isInMemory, type RecordedFile } from './recorded-file.ts'
import type { Registrations } from './registrations.ts'
import type { Staged } from './staged.ts'

/** @kernel include/uapi/linux/fs.h */
const RWF_NOWAIT = 0x8
const RWF_APPEND = 0x10

const UNREGISTERED = 'operations over registered buffers whose registration is not in the recording'
const BLOCKS = 'logical blocks and DMA alignment are taken as 512 bytes: the recording does not tell'
const DEVICE =
  'the recording does not name the file system, so direct I/O is taken as of a raw block device: --input-option filesystem=ext4 says which it was'
const CHECKSUMS = 'files on btrfs are taken as checksummed; -O bio.nodatasum=1 where they are not'

/** Rows of file I/O. */
export class IoRows {
  private readonly rows: ImportRows
  private readonly maps: MapRows
  private readonly registrations: Registrations
  private readonly names: FileNames
  /** The recording does not tell what the devices ask for. */
  private readonly assumesBlocks: boolean

  constructor(rows: ImportRows, maps: MapRows, registrations: Registrations, names: FileNames, assumesBlocks: boolean) {
    this.rows = rows
    this.assumesBlocks = assumesBlocks
    this.maps = maps
    this.registrations = registrations
    this.names = names
  }

  /** Puts an operation, with the `map` rows that it needs. */
  put(staged: Staged): void {
    const { rows } = this
    const { call } = staged
    const holder = isFixed(call.op) ? this.registrations.holderOf(call) : null
    if (isFixed(call.op) && holder === null) {
      rows.skip(UNREGISTERED)
      return
    }
    const row = this.draft(staged, call.mm, call.segments, isRead(call.op))
    row.file = this.fileName(call.file)
    row.offsetBytes = positionOf(call)
    const rwf = hexArgument(call, call.args.has('rwf') ? 'rwf' : 'rw')
    if (call.direct) row.flags |= FLAG_DIRECT
    if ((rwf & RWF_NOWAIT) !== 0) row.flags |= FLAG_NOWAIT
    if (holder !== null) {
      row.flags |= FLAG_FIXED
      row.id = rows.idName(holder)
    }
    const isDirect = call.direct && !this.isInMemory(call.file)
    row.consumer = rows.consumerName(isDirect ? 'bio' : 'buffered')
    if (isDirect) this.assume(call)
    rows.put(row)
  }

  /** A row over memory of a process, behind the `map` rows that it needs; the caller completes and puts it. */
  draft(staged: Staged, mm: number, segments: Segments, isDestination: boolean): ImportRow {
    const { rows } = this
    const { call, result } = staged
    this.maps.before(mm, { tsNs: call.tsNs, segments, pages: call.pages, isDestination, result })
    const row = rows.draft()
    row.tsNs = call.tsNs
    // A call that never returned has no end either.
    if (staged.isAsync || Number.isNaN(call.returnNs)) endRow(row, staged.endNs)
    row.mm = mm
    row.direction = isDestination ? ITER_DEST : ITER_SOURCE
    row.call = rows.callName(call.op)
    for (let i = 0; i < segments.length; i += 2) row.addSegment(segments[i]!, segments[i + 1]!)
    row.lengthBytes = bytesOfSegments(segments)
    row.resultBytes = result
    row.pinsAcquired = staged.acquired
    row.pinsReleased = staged.released
    return row
  }

  /** Name id of a file. */
  fileName(file: RecordedFile): number {
    return this.rows.fileName(this.names.of(file))
  }

  private isInMemory(file: RecordedFile): boolean {
    return isInMemory(file) || (file.filesystem === null && this.rows.attributes.get('filesystem') === 'tmpfs')
  }

  /** What a replay of direct I/O needs to know, and the recording does not tell. */
  private assume({ file }: Call): void {
    const { rows } = this
    const filesystem = rows.attributes.get('filesystem')
    if (this.assumesBlocks) rows.assume(BLOCKS)
    if (filesystem === 'btrfs') rows.assume(CHECKSUMS)
    if (filesystem === undefined) {
      if (file.kind === 'file') rows.assume(DEVICE)
      return
    }
    const other = file.kind === 'block' ? 'a block device' : file.filesystem
    if (other === null || other === filesystem) return
    rows.doubt(
      `direct I/O on ${other} is replayed as on ${filesystem}: a trace has one file system (input option filesystem)`,
    )
  }
}

/** Where an operation begins in its file; what is appended goes to its end, wherever that is. */
function positionOf(call: Call): number {
  const rwf = hexArgument(call, call.args.has('rwf') ? 'rwf' : 'rw')
  const appends = !isRead(call.op) && (call.appends || (rwf & RWF_APPEND) !== 0)
  return appends ? NONE : call.positionBytes
}

function endRow(row: ImportRow, endNs: number): void {
  if (Number.isNaN(endNs)) row.endNs = END_NEVER
  else row.endAt(endNs)
}
