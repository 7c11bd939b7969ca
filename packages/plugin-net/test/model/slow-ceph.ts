import {
  type Entry,
  extract,
  type Hold,
  type Iter,
  isUser,
  type Operation,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { bytesOf, SlowMessenger } from './slow-messenger.ts'

/** ITER_GET_BVECS_PAGES */
const BATCH_PAGES = 64
const BVEC_BYTES = 16
const IO_BYTES_MAX = 64 << 20
const OBJECT_BYTES = 4 << 20

interface Chunk {
  readonly entries: readonly Entry[]
  readonly holds: Hold[]
  readonly isDirtied: boolean
  /** sendpage_ok refuses kernel memory: it is copied. */
  readonly isSlab: boolean
}

/**
 * fs/ceph/file.c: ceph_direct_read_write(), iter_get_bvecs_alloc(), put_bvecs(); net/ceph/messenger_v1.c. Connections that
 * are not encrypted. consumers.md 10.1, 10.2.
 */
export class SlowCeph implements Twin {
  private readonly world: World
  private readonly messenger: SlowMessenger
  private readonly outstanding = new Map<number, { chunks: readonly Chunk[]; isAio: boolean }>()
  private readonly counts = {
    osdRequests: 0,
    aioOperations: 0,
    shortChunks: 0,
    emptyBvecs: 0,
    dirtiedPages: 0,
  }

  constructor(world: World) {
    this.world = world
    this.messenger = new SlowMessenger(world)
  }

  counters() {
    return { ...this.messenger.counts, ...this.counts }
  }

  submit({ iter, number, row }: Operation): number {
    const { world, counts } = this
    const { options } = world.setup
    if (iter.count === 0) return 0
    const isRead = iter.isDest
    const max = (isRead ? options.rsize : options.wsize) ?? IO_BYTES_MAX
    const unit = options['stripe-unit'] ?? OBJECT_BYTES
    const total = iter.count
    const end = row.result === undefined ? total : Math.min(row.result, total)
    const chunks: Chunk[] = []
    let position = row.offset ?? 0
    let isAio = false
    let taken = 0
    let done = 0
    let error = 0
    while (iter.count > 0) {
      const size = Math.min(iter.count, max, unit - (position % unit))
      // Synchronous: the chunk before is over.
      if (!isAio && chunks.length > 0) this.put(chunks.pop()!)
      counts.osdRequests++
      const got = this.bvecs(iter, size)
      if (typeof got === 'number') {
        counts.osdRequests--
        error = got
        break
      }
      const bytes = bytesOf(got.entries)
      if (taken === 0 && options.aio === 1 && (bytes === total || end >= total || end < 0)) {
        isAio = true
        counts.aioOperations++
        world.allocate()
      }
      taken += bytes
      position += bytes
      if (isAio) {
        chunks.push(got)
        continue
      }
      chunks.push(got)
      if (!isRead) this.send(got)
      if (end < 0) {
        error = end
        break
      }
      const moved = Math.min(bytes, end - done)
      if (isRead) this.messenger.receive(moved)
      done += moved
      // The file ends here; or the request was refused, be it the one behind what was written.
      if (isRead ? done >= end : moved < bytes) break
    }
    if (isAio && error === 0) {
      for (const chunk of chunks) {
        if (isRead) continue
        this.send(chunk)
      }
      if (end < 0) error = end
      for (const { entries } of chunks) {
        const moved = Math.max(Math.min(bytesOf(entries), end - done), 0)
        if (isRead) this.messenger.receive(moved)
        done += moved
      }
    }
    const isFailed = isAio ? error < 0 : done === 0 && error < 0
    if (isFailed || error < 0) {
      for (const chunk of chunks) this.put(chunk)
      if (isAio) world.free()
      return isFailed ? error : done
    }
    for (const { entries, holds } of chunks) world.borrow(entries, holds.length > 0 ? 'count' : 'none', !isRead)
    this.outstanding.set(number, { chunks, isAio })
    return done
  }

  /** iter_get_bvecs_alloc: what there is before the first page that cannot be had. */
  private bvecs(iter: Iter, max: number): Chunk | number {
    const { world, counts } = this
    const start = iter.position
    const npages = iter.npages(max)
    world.allocate()
    const entries: Entry[] = []
    const holds: Hold[] = []
    for (let bytes = 0; bytes < max; ) {
      const got = extract(world, iter, BATCH_PAGES, max - bytes)
      if (typeof got === 'number') {
        if (entries.length > 0) break
        world.free()
        return got
      }
      bytes += got.bytes
      entries.push(...got.entries)
      if (got.hold !== null) holds.push(got.hold)
    }
    if (iter.position - start < max) counts.shortChunks++
    counts.emptyBvecs += npages - entries.length
    world.built(entries.length, BVEC_BYTES)
    return { entries, holds, isDirtied: iter.isDest && isUser(iter.type), isSlab: iter.type === 'kvec' }
  }

  /** The socket takes a reference for each fragment, and has it until the reply. */
  private send({ entries, holds, isSlab }: Chunk): void {
    holds.push(...this.messenger.send(entries, isSlab))
  }

  private put({ entries, holds, isDirtied }: Chunk): void {
    if (isDirtied) this.counts.dirtiedPages += entries.length
    for (const hold of holds) this.world.drop(hold)
    this.world.free()
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    for (const chunk of outstanding.chunks) this.put(chunk)
    if (outstanding.isAio) this.world.free()
  }

  close(): void {}
}
