import {
  EFAULT,
  isUser,
  type Operation,
  PAGE,
  type Piece,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const POINTER = 8
/** On the stack, and in the two pages that are allocated at most. */
const STACK_PAGES = 16
/** UIO_FASTIOV */
const STACK_SEGMENTS = 8
const BATCH_PAGES = (2 * PAGE) / POINTER

/** mm/process_vm_access.c: process_vm_rw_core(). The row's segments are those of the other process. consumers.md 12.2. */
export class SlowProcessVm implements Twin {
  private readonly world: World
  private readonly counts = { batches: 0, pageArrays: 0, remoteFaults: 0, localFaults: 0 }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit({ iter, row }: Operation): number {
    const { world } = this
    // process_vm_rw: the caller has no memory.
    if (row.result === 0) return 0
    if (!isUser(iter.type)) return iter.copy(iter.count)
    const isWrite = row.op === 'write'
    const segments = bySegment(iter.left())
    const pages = Math.max(0, ...segments.map((pieces) => this.arrayPages(pieces)))
    if (pages === 0) return 0
    const isAllocated = pages > STACK_PAGES
    if (isAllocated) {
      world.allocate()
      this.counts.pageArrays++
    }
    // import_iovec
    const hasIovecs = row.segs.length > STACK_SEGMENTS
    if (hasIovecs) world.allocate()
    let copied = 0
    let isRemoteFault = false
    let isLocalFault = false
    // A short result: the caller's own memory cannot be had from there on.
    const { result = Number.POSITIVE_INFINITY } = row
    let error = result < 0 && result !== EFAULT ? result : 0
    const localMax = Math.max(result, 0)
    for (const pieces of segments) {
      if (error !== 0 || isLocalFault) break
      for (let at = 0; at < pieces.length && error === 0; at += BATCH_PAGES) {
        const batch = pieces.slice(at, at + BATCH_PAGES)
        const bad = batch.findIndex(({ key }) => !isThere(world, key, isWrite))
        const had = bad < 0 ? batch : batch.slice(0, bad)
        if (had.length === 0) {
          error = EFAULT
          isRemoteFault = true
          break
        }
        const hold = world.take(
          'pin',
          had.map((piece) => iter.toEntry(piece).page),
        )
        this.counts.batches++
        world.built(had.length, POINTER)
        const there = had.reduce((sum, { length }) => sum + length, 0)
        const bytes = Math.min(there, localMax - copied)
        isLocalFault = bytes < there
        copied += bytes
        world.data.copiedBytes += bytes
        world.drop(hold)
        if (isLocalFault) error = EFAULT
        else if (bad >= 0) {
          error = EFAULT
          isRemoteFault = true
        }
      }
      if (error !== 0) break
    }
    if (isAllocated) world.free()
    if (hasIovecs) world.free()
    if (isRemoteFault) this.counts.remoteFaults++
    else if (isLocalFault) this.counts.localFaults++
    return copied > 0 ? copied : error
  }

  /** 6.1 counts the page behind a segment that ends with its page. */
  private arrayPages(pieces: readonly Piece[]): number {
    const last = pieces.at(-1)!
    const isEnd = last.offset + last.length === PAGE
    return pieces.length + (isEnd && this.world.setup.version === '6.1' ? 1 : 0)
  }

  complete(): void {}

  close(): void {}
}

function isThere(world: World, key: string, isWrite: boolean): boolean {
  const access = world.accessOf(key)
  return isWrite ? access === 'write' : access !== 'none'
}

function bySegment(pieces: readonly Piece[]): Piece[][] {
  const segments = new Map<number, Piece[]>()
  for (const piece of pieces) {
    const known = segments.get(piece.segment)
    if (known === undefined) segments.set(piece.segment, [piece])
    else known.push(piece)
  }
  return [...segments.values()]
}
