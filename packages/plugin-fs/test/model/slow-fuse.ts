import {
  EFAULT,
  type Entry,
  extract,
  type Hold,
  type Iter,
  isUser,
  type Operation,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const MAX_PAGES = 32
const MAX_PAGES_LIMIT = 256
const MAX_WRITE = 131_072

/** A request that the server has. */
interface Request {
  readonly pages: number
  readonly holds: readonly Hold[]
}

/** fs/fuse/file.c: fuse_direct_io(), fuse_get_user_pages(), fuse_release_user_pages(). The program's side. consumers.md 12.3. */
export class SlowFuse implements Twin {
  private readonly world: World
  private readonly outstanding = new Map<
    number,
    { requests: readonly Request[]; last: Request | null; isDirtied: boolean; isAsync: boolean }
  >()
  private background = 0
  private readonly counts = {
    requests: 0,
    pointerRequests: 0,
    asyncRequests: 0,
    backgroundFull: 0,
    failedRequests: 0,
    dirtiedPages: 0,
  }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit(op: Operation): number {
    const { world, counts } = this
    const { iter, row } = op
    const { options } = world.setup
    if (iter.count === 0) return 0
    // It would send requests of no bytes for ever.
    if (iter.type === 'discard') return EFAULT
    const isDirtied = iter.isDest && isUser(iter.type)
    const isAsync = row.end !== undefined && options.async !== 0
    if (isAsync) world.allocate()
    const requests: Request[] = []
    let last: Request | null = null
    let count = iter.count
    let done = 0
    let error = 0
    while (count > 0) {
      this.allocateArgs()
      const pagesMax = Math.min(iter.npages(), this.maxPages)
      const bytesMax = (iter.isDest ? options['max-read'] : (options['max-write'] ?? MAX_WRITE)) || Infinity
      const wanted = Math.min(count, bytesMax)
      const got = this.getPages(iter, wanted, pagesMax)
      if (got.bytes === 0) {
        error = got.error
        this.freeArgs()
        break
      }
      const isFull = !got.isPointer && got.pages >= pagesMax
      if (got.bytes < count && (got.bytes === bytesMax || isFull)) world.entries.limitHits++
      counts.requests++
      // fuse_req
      world.allocate()
      const request = { pages: got.pages, holds: got.holds }
      const guard = got.holds.length > 0 ? 'count' : 'none'
      if (isAsync) {
        counts.asyncRequests++
        if (++this.background > (options['max-background'] ?? 12)) {
          counts.backgroundFull++
          world.entries.limitHits++
        }
        requests.push(request)
        world.borrow(got.entries, guard, !iter.isDest)
      }
      const answered = isAsync ? got.bytes : answer(op, done, got.bytes)
      // The last one is answered when the operation is over.
      const isLast = answered !== got.bytes || answered === count
      if (!isAsync && row.end !== undefined && isLast) {
        last = request
        world.borrow(got.entries, guard, !iter.isDest)
      } else if (!isAsync) this.release(request, isDirtied)
      if (answered < 0) {
        if (last === null) error = answered
        break
      }
      count -= answered
      done += answered
      if (answered !== got.bytes) break
    }
    this.outstanding.set(op.number, { requests, last, isDirtied, isAsync })
    const isShort = isAsync && row.result !== undefined && row.result >= 0
    const result = isShort ? Math.min(done, row.result) : done
    if (done === 0 && error < 0) {
      this.complete(op)
      return error
    }
    world.reachedInPlace(result)
    return result
  }

  private get maxPages(): number {
    const { options, version } = this.world.setup
    const limit = since(version, '6.18') ? (options['max-pages-limit'] ?? MAX_PAGES_LIMIT) : MAX_PAGES_LIMIT
    return Math.min(options['max-pages'] ?? MAX_PAGES, limit)
  }

  /** fuse_get_user_pages */
  private getPages(iter: Iter, wanted: number, pagesMax: number) {
    const { world } = this
    const { version, options } = world.setup
    const holds: Hold[] = []
    if (iter.type === 'kvec' && (options['virtio-fs'] !== 1 || !since(version, '6.12'))) {
      this.counts.pointerRequests++
      const pieces = iter.segment(wanted)
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
      world.avoided.entries += pieces.length
      iter.position += bytes
      const entries = pieces.map((piece) => iter.toEntry(piece))
      return { entries, pages: 0, isPointer: true, holds, bytes, error: 0 }
    }
    const hasArray = since(version, '6.18')
    if (hasArray) world.allocate()
    const entries: Entry[] = []
    let bytes = 0
    let error = 0
    while (bytes < wanted && entries.length < pagesMax) {
      const got = extract(world, iter, pagesMax - entries.length, wanted - bytes)
      if (typeof got === 'number') {
        error = got
        break
      }
      bytes += got.bytes
      entries.push(...got.entries)
      if (hasArray) world.built(got.entries.length, 8)
      if (got.hold !== null) holds.push(got.hold)
    }
    if (hasArray) world.free()
    world.built(entries.length, 16)
    return { entries, pages: entries.length, isPointer: false, holds, bytes, error: error || EFAULT }
  }

  /** fuse_io_args, and the pages with their descriptors. */
  private allocateArgs(): void {
    this.world.allocate()
    this.world.allocate()
  }

  private freeArgs(): void {
    this.world.free()
    this.world.free()
  }

  private release({ pages, holds }: Request, isDirtied: boolean): void {
    if (isDirtied) this.counts.dirtiedPages += pages
    for (const hold of holds) this.world.drop(hold)
    this.freeArgs()
    this.world.free()
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    for (const request of outstanding.requests) {
      this.background--
      this.release(request, outstanding.isDirtied)
    }
    if (outstanding.last !== null) this.release(outstanding.last, outstanding.isDirtied)
    if (outstanding.isAsync) this.world.free()
  }

  close(): void {}
}

/** What the server answers to a request that is waited for. */
function answer({ row }: Operation, before: number, bytes: number): number {
  if (row.result === undefined) return bytes
  if (row.result < 0) return row.result
  return Math.max(0, Math.min(bytes, row.result - before))
}
