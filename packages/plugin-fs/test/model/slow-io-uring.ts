import {
  EFAULT,
  EINVAL,
  ENOMEM,
  type Entry,
  extract,
  type Hold,
  type Operation,
  type Page,
  type Registration,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { HUGE_PAGES } from '../../../core/test/consumer-twin/slow-world.ts'
import { type Locked, SlowMemlock } from './slow-memlock.ts'

const BVEC_BYTES = 16

/** struct io_mapped_ubuf: where it begins, and the lengths of its bvecs. */
interface Buffer {
  readonly start: number
  readonly length: number
  readonly bvecs: readonly number[]
  readonly locked: Locked
}

/** io_uring/rsrc.c: io_sqe_buffer_register(), io_import_fixed(), io_buffer_unmap(). consumers.md 11. */
export class SlowIoUring implements Twin {
  readonly defersUnregister = true
  private readonly world: World
  private readonly memlock: SlowMemlock
  private readonly buffers = new Map<string, readonly Buffer[]>()
  private readonly outstanding = new Map<number, readonly Hold[]>()
  /** Requests with a list of their own. */
  private readonly vectors = new Set<number>()
  /** Tables that were made, by what they hold. */
  private readonly tables = new Map<readonly Hold[], readonly Buffer[]>()
  private readonly counts = {
    registrations: 0,
    unregistrations: 0,
    bvecs: 0,
    coalescedBuffers: 0,
    pinsDropped: 0,
    refusedPages: 0,
    refusedMemlock: 0,
    fixedRequests: 0,
    plainRequests: 0,
  }

  constructor(world: World) {
    this.world = world
    this.memlock = new SlowMemlock(world)
  }

  counters() {
    return { ...this.counts, ...this.memlock.counts }
  }

  /** io_sqe_buffers_register: a slot for each segment; where one fails all go. */
  register({ row, iter }: Registration): readonly Hold[] | number {
    const { world, counts } = this
    const holds: Hold[] = []
    const buffers: Buffer[] = []
    const { version } = world.setup
    world.allocate()
    this.memlock.startTable()
    for (let segment = 0; segment < row.segs.length; segment++) {
      const pieces = iter.left().filter((piece) => piece.segment === segment)
      // The array of pages, in 6.1 that of mappings; the node since 6.18; the table.
      this.allocate(version === '6.1' ? 2 : 1)
      if (since(version, '6.18')) world.allocate()
      const bad = pieces.findIndex((piece) => !iter.canHave(piece))
      const entries = (bad < 0 ? pieces : pieces.slice(0, bad)).map((piece) => iter.toEntry(piece))
      const hold = world.take(
        'pin',
        entries.map(({ page }) => page),
      )
      if (bad >= 0) {
        world.drop(hold)
        counts.refusedPages++
        this.undo(holds, buffers)
        return EFAULT
      }
      const [start, length] = row.segs[segment] as [number, number]
      const kept = this.coalesced(entries)
      world.built(entries.length, 8)
      if (kept !== null) {
        const rest = entries.filter((_, i) => !kept.first.includes(i)).map(({ page }) => page)
        counts.coalescedBuffers++
        this.allocate(1)
        world.built(kept.first.length, 8)
        counts.pinsDropped += rest.length
        world.drop({ kind: 'pin', pages: rest })
      }
      world.allocate()
      const pages = (kept === null ? entries : kept.first.map((i) => entries[i]!)).map(({ page }) => page)
      const locked = this.memlock.account(pages)
      if (locked === null) {
        world.drop({ kind: 'pin', pages })
        world.free()
        counts.refusedMemlock++
        world.entries.limitHits++
        this.undo(holds, buffers)
        return ENOMEM
      }
      holds.push({ kind: 'pin', pages })
      buffers.push({ start, length, bvecs: kept?.bytes ?? entries.map((entry) => entry.length), locked })
      counts.registrations++
      counts.bvecs += pages.length
      world.built(pages.length, BVEC_BYTES)
    }
    this.buffers.set(row.id!, buffers)
    this.tables.set(holds, buffers)
    return holds
  }

  /** Arrays that are freed before the call returns. */
  private allocate(count: number): void {
    for (let i = 0; i < count; i++) {
      this.world.allocate()
      this.world.free()
    }
  }

  /** A later buffer of the table fails, whose node goes as well. */
  private undo(holds: readonly Hold[], buffers: readonly Buffer[]): void {
    if (since(this.world.setup.version, '6.18')) this.world.free()
    this.release(holds, buffers)
  }

  private release(holds: readonly Hold[], buffers: readonly Buffer[]): void {
    const each = since(this.world.setup.version, '6.18') ? 2 : 1
    for (const hold of holds) this.world.drop(hold)
    for (const { locked } of buffers) this.memlock.release(locked)
    for (let i = 0; i < each * buffers.length + 1; i++) this.world.free()
    this.counts.unregistrations += buffers.length
  }

  unregister(_: Registration, holds: readonly Hold[]): void {
    this.release(holds, this.tables.get(holds)!)
  }

  /** io_check_coalesce_buffer: the first entry of each folio, and the bytes in each; null where a bvec a page is needed. */
  private coalesced(entries: readonly Entry[]): { first: number[]; bytes: number[] } | null {
    if (!since(this.world.setup.version, '6.12') || entries.length === 1) return null
    if (entries[0]!.page.head === undefined) return null
    const first: number[] = []
    const bytes: number[] = []
    for (const [i, { page, length }] of entries.entries()) {
      const previous = i === 0 ? null : entries[i - 1]!.page
      if (previous !== null && isNext(previous, page)) {
        bytes[bytes.length - 1]! += length
        continue
      }
      // One ends with its folio, the next begins with one.
      if (
        previous !== null &&
        (indexOf(previous) !== HUGE_PAGES - 1 || page.head === undefined || indexOf(page) !== 0)
      ) {
        return null
      }
      first.push(i)
      bytes.push(length)
    }
    return { first, bytes }
  }

  submit({ row, iter, number }: Operation): number {
    const { world, counts } = this
    if (iter.count === 0) return 0
    if (row.flags?.includes('fixed') === true) {
      const isVector = row.segs.length > 1
      if (isVector && !since(world.setup.version, '6.18')) return EINVAL
      const buffer = this.buffers
        .get(row.id!)!
        .find(({ start, length }) => row.segs.every(([at, bytes]) => at! >= start && at! + bytes! <= start + length))
      if (buffer === undefined) return EFAULT
      counts.fixedRequests++
      world.borrow(
        iter.left().map((piece) => iter.toEntry(piece)),
        'count',
        !iter.isDest,
      )
      world.bare += iter.left().length
      world.avoided.entries += iter.left().length
      if (isVector) {
        // io_vec_fill_bvec: a list of the request's own.
        world.allocate()
        this.vectors.add(number)
        world.built(
          row.segs.reduce((sum, seg) => sum + overlapped(buffer, seg), 0),
          BVEC_BYTES,
        )
      }
      world.reachedInPlace(iter.count)
      return iter.count
    }
    if (iter.type === 'bvec') return EINVAL
    const holds: Hold[] = []
    let bytes = 0
    while (iter.count > 0) {
      const got = extract(world, iter, 4096, Number.MAX_SAFE_INTEGER)
      if (typeof got === 'number') {
        if (bytes > 0) break
        return got
      }
      bytes += got.bytes
      if (got.hold !== null) holds.push(got.hold)
      world.borrow(got.entries, 'count', !iter.isDest)
      world.built(got.entries.length, BVEC_BYTES)
    }
    counts.plainRequests++
    world.reachedInPlace(bytes)
    this.outstanding.set(number, holds)
    return bytes
  }

  complete({ number }: Operation): void {
    for (const hold of this.outstanding.get(number) ?? []) this.world.drop(hold)
    this.outstanding.delete(number)
    if (this.vectors.delete(number)) this.world.free()
  }

  close(): void {}
}

/** Bvecs of the table in which a range lies. */
function overlapped({ start, bvecs }: Buffer, [at, bytes]: readonly number[]): number {
  let from = start
  let count = 0
  for (const length of bvecs) {
    if (from < at! + bytes! && from + length > at!) count++
    from += length
  }
  return count
}

function indexOf({ head, frame }: Page): number {
  return head === undefined ? 0 : frame! - head.frame!
}

function isNext(previous: Page, page: Page): boolean {
  return previous.head !== undefined && previous.head === page.head && indexOf(page) === indexOf(previous) + 1
}
