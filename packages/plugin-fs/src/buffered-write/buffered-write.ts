import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  FLAG_DIRECT,
  ITER_SOURCE,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'
import { BlockSpace } from './block-space.ts'
import { LeftBlocks } from './left-blocks.ts'
import { WRITE_COUNTERS, WRITES } from './write-counters.ts'
import { DIRTY, HOLE, MAPPED, type Preallocated, WrittenFile } from './written-file.ts'

/**
 * What the four ways to write through the page cache have in common: files, their space, and what a row says of them. A
 * `write` row without `direct` is a write at `offset`; without one, where the write before it ended. The file is a hole
 * where this trace has not written yet, but for what the options preallocate; `hole=` says that what lies around it in this row
 * was there before.
 *
 * Other rows are passed by.
 */
export abstract class BufferedWrite implements Consumer {
  protected readonly counts = new Float64Array(WRITE_COUNTERS.length)
  protected readonly space: BlockSpace
  protected readonly leftBlocks = new LeftBlocks(this.counts)
  /** Blocks from which a new extent begins, 0 for none: what a hole is divided into. */
  protected readonly extentBlocks: number
  private readonly files = new Map<number, WrittenFile>()
  private readonly fileBytes: number
  private readonly preallocated: Preallocated

  constructor({ options }: ConsumerEnvironment) {
    this.space = new BlockSpace(options['free-blocks'], this.counts)
    this.extentBlocks = options['extent-blocks']
    this.fileBytes = options['file-bytes']
    this.preallocated = blocksOf(options['unwritten-from'], options['unwritten-bytes'])
  }

  /** Writes what the iterator has at the file's position, and moves it on: bytes or -errno. */
  protected abstract write(io: Operation, file: WrittenFile): number

  submit(io: Operation): number {
    const { iter, recordedResult } = io
    if (iter.direction !== ITER_SOURCE || (io.flags & FLAG_DIRECT) !== 0) return passBy(io)
    if (recordedResult < 0) return recordedResult
    if (recordedResult >= 0) this.expect(io, recordedResult)
    const file = this.find(io)
    if (io.offsetBytes >= 0) file.positionBytes = io.offsetBytes
    this.declare(io, file)
    this.counts[WRITES]++
    const start = file.positionBytes
    const bytes = iter.countBytes
    if (io.audit !== null) tellSize(io.audit, file)
    const result = this.write(io, file)
    if (result > 0) io.copied(result)
    io.audit?.space.writeEnd(file.id, start, bytes, result)
    return result
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return countersOf(WRITE_COUNTERS, this.counts)
  }

  /** The trace recorded a short write, for a reason that it does not tell. */
  protected expect(io: Operation, bytes: number): void {
    io.iter.truncate(bytes)
  }

  /** End of the blocks from `first` on that have space of one kind, in one extent, before `end`. */
  protected mappingEnd(file: WrittenFile, first: number, end: number): number {
    const { extentBlocks } = this
    const extentEnd = extentBlocks === 0 ? end : (Math.floor(first / extentBlocks) + 1) * extentBlocks
    return file.runEnd(first, Math.min(end, extentEnd))
  }

  private find(io: Operation): WrittenFile {
    const { first, end } = this.preallocated
    let file = this.files.get(io.file)
    if (file === undefined) {
      file = new WrittenFile(io.file, this.fileBytes, this.preallocated)
      this.files.set(io.file, file)
      io.audit?.space.data(io.file, first * PAGE_SIZE, (end - first) * PAGE_SIZE)
    }
    return file
  }

  /** The blocks of this row around its hole were there before the trace began, and so was the file up to their end. */
  private declare(io: Operation, file: WrittenFile): void {
    const { holeOffsetBytes, holeLengthBytes, iter } = io
    if (holeLengthBytes < 0) return
    const start = file.positionBytes
    const holeEnd = start + holeOffsetBytes + holeLengthBytes
    const end = start + iter.countBytes
    let sizeBytes = 0
    for (let index = file.index; index * PAGE_SIZE < end; index++) {
      const from = Math.max(index * PAGE_SIZE, start)
      const to = Math.min((index + 1) * PAGE_SIZE, end)
      if (from >= start + holeOffsetBytes && to <= holeEnd) continue
      this.makeThere(io, file, index)
      sizeBytes = to
    }
    this.leftBlocks.grow(io, file, sizeBytes, sizeBytes)
  }

  private makeThere(io: Operation, file: WrittenFile, index: number): void {
    this.leftBlocks.fill(file, index * PAGE_SIZE, PAGE_SIZE)
    if (file.space(index) === HOLE) file.setSpace(index, MAPPED)
    if (file.space(index) !== MAPPED || file.has(index, DIRTY)) return
    io.audit?.space.data(file.id, index * PAGE_SIZE, PAGE_SIZE)
  }
}

function blocksOf(position: number, bytes: number): Preallocated {
  const first = Math.floor(position / PAGE_SIZE)
  return { first, end: bytes === 0 ? first : Math.ceil((position + bytes) / PAGE_SIZE) }
}

/** The rules know of no file before its first event. */
function tellSize(audit: NonNullable<Operation['audit']>, { id, sizeBytes }: WrittenFile): void {
  if (audit.space.sizeBytes(id) !== sizeBytes) audit.space.extend(id, sizeBytes)
}

/** A read, or direct I/O: not what is modelled here. */
function passBy(io: Operation): number {
  const { countBytes, direction } = io.iter
  const result = Number.isNaN(io.recordedResult) ? countBytes : Math.min(io.recordedResult, countBytes)
  if (result <= 0) return result
  io.iter.advance(result)
  if (direction !== ITER_SOURCE) io.copied(result)
  return result
}
