import {
  EIO,
  isUser,
  type Operation,
  PAGE,
  type Piece,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

/** fs/proc/base.c: mem_rw(); mm/memory.c: __access_remote_vm(). The row's segments are those of the other process. */
export class SlowProcMem implements Twin {
  private readonly world: World
  private readonly counts = { remoteCalls: 0, dirtiedPages: 0, remoteEnds: 0 }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit({ iter, row }: Operation): number {
    const { world } = this
    if (!isUser(iter.type)) return iter.copy(iter.count)
    let done = 0
    const segments = Math.max(...iter.left().map(({ segment }) => segment)) + 1
    for (let segment = 0; segment < segments; segment++) {
      const pieces = iter.left().filter((piece) => piece.segment === segment)
      if (pieces.length === 0) continue
      world.allocate()
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
      const copied = this.range(pieces, length, row.op === 'write', iter)
      world.free()
      done += copied
      if (copied === length) continue
      this.counts.remoteEnds++
      return done > 0 ? done : EIO
    }
    return done
  }

  /** mem_rw: through a page of the kernel's. */
  private range(pieces: readonly Piece[], length: number, isWrite: boolean, iter: Operation['iter']): number {
    const { world, counts } = this
    let copied = 0
    while (copied < length) {
      const wanted = Math.min(length - copied, PAGE)
      let moved = 0
      for (const piece of part(pieces, copied, wanted)) {
        counts.remoteCalls++
        if (!this.isThere(piece.key, isWrite)) break
        world.drop(world.take('ref', [iter.toEntry(piece).page]))
        if (isWrite) counts.dirtiedPages++
        moved += piece.length
      }
      // Each byte twice, but it is one byte of payload.
      world.data.copiedBytes += moved
      copied += moved
      if (moved === 0) return copied
    }
    return copied
  }

  private isThere(key: string, isWrite: boolean): boolean {
    const access = this.world.accessOf(key)
    // FOLL_FORCE: private memory that may only be read is written all the same.
    const isForced = this.world.setup.options.force !== 0
    return isWrite && !isForced ? access === 'write' : access !== 'none'
  }

  complete(): void {}

  close(): void {}
}

function part(pieces: readonly Piece[], start: number, bytes: number): Piece[] {
  const all: Piece[] = []
  let at = 0
  for (const piece of pieces) {
    const from = Math.max(start - at, 0)
    const until = Math.min(piece.length, start + bytes - at)
    if (until > from) all.push({ ...piece, offset: piece.offset + from, length: until - from })
    at += piece.length
  }
  return all
}
