import {
  EFAULT,
  EIO,
  extract,
  type Hold,
  type Iter,
  type Operation,
  PAGE,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { extractToSg } from './slow-sg.ts'

const ENTRIES_MAX = 16
/** Folios of one segment of a folio queue. */
const QUEUE_SLOTS = 31

interface Request {
  holds: Hold[]
  /** Bounce folios. */
  folios: number
  /** What they are listed in: segments of a queue, or page arrays. */
  arrays: number
}

/** Content encryption as proposed for netfs; under get_pages2 what ceph does. consumers.md 2.5. */
export class SlowNetfsCrypt implements Twin {
  private readonly world: World
  private readonly requests = new Map<number, Request>()

  constructor(world: World) {
    this.world = world
  }

  submit({ iter, number, row }: Operation): number {
    if (iter.count === 0) return 0
    const request: Request = { holds: [], folios: 0, arrays: 0 }
    const bytes = this.start(iter, request, row.result)
    if (bytes < 0) this.release(request)
    else this.requests.set(number, request)
    // A short transfer is not noticed before it is over.
    const { result = -1 } = row
    return bytes >= 0 && result >= 0 ? Math.min(bytes, result) : bytes
  }

  complete({ number }: Operation): void {
    const request = this.requests.get(number)
    if (request === undefined) return
    this.requests.delete(number)
    this.release(request)
  }

  close(): void {}

  private get blockBytes(): number {
    return this.world.setup.options['block-size'] ?? 4096
  }

  private start(iter: Iter, request: Request, result?: number): number {
    const { policy, options } = this.world.setup
    const isOld = policy === 'get-pages'
    const isWhole = iter.count % this.blockBytes === 0 && !this.isMisaligned(iter)
    const isInPlace = iter.isDest || options['in-place'] === 1
    if (!isWhole || (isOld && !isInPlace)) return this.throughCopy(iter, request, result)
    if (isOld) return this.pageArrays(iter, request)
    return isInPlace ? this.inPlace(iter, request) : this.intoBounce(iter, request)
  }

  private isMisaligned(iter: Iter): boolean {
    if (this.world.setup.options['copy-misaligned'] !== 1) return false
    return iter.left().some(({ offset, length }) => offset % this.blockBytes !== 0 || length % this.blockBytes !== 0)
  }

  /** Block by block: a list of the source, let go as soon as the block is encrypted. */
  private intoBounce(iter: Iter, request: Request): number {
    const bytes = iter.count
    let entries = 0
    this.allocate(request, bytes)
    for (let at = 0; at < bytes; at += this.blockBytes) {
      const source = this.source(iter)
      if (typeof source === 'number') return source
      for (const hold of source.holds) this.world.drop(hold)
      entries += source.entries + this.dest(at)
    }
    this.world.built(entries)
    this.world.data.zeroCopyBytes += bytes
    return bytes
  }

  private inPlace(iter: Iter, request: Request): number {
    const bytes = iter.count
    let entries = 0
    for (let at = 0; at < bytes; at += this.blockBytes) {
      const source = this.source(iter)
      if (typeof source === 'number') return source
      request.holds.push(...source.holds)
      entries += source.entries
    }
    this.world.built(entries)
    this.world.data.zeroCopyBytes += bytes
    return bytes
  }

  /** The list of one block's source: what it holds, or -EIO where 16 entries do not reach. */
  private source(iter: Iter): { holds: readonly Hold[]; entries: number } | number {
    const got = extractToSg(this.world, iter, this.blockBytes, ENTRIES_MAX)
    if (typeof got === 'number') return got
    if (got.bytes === this.blockBytes) return { holds: got.holds, entries: got.entries.length }
    for (const hold of got.holds) this.world.drop(hold)
    if (got.entries.length === ENTRIES_MAX) this.world.entries.limitHits++
    return EIO
  }

  /** Entries of a block's destination: bounce folios of a page. */
  private dest(at: number): number {
    return Math.ceil((at + this.blockBytes) / PAGE) - Math.floor(at / PAGE)
  }

  private pageArrays(iter: Iter, request: Request): number {
    let bytes = 0
    let entries = 0
    let error = 0
    while (iter.count > 0 && error === 0) {
      const got = extract(this.world, iter, Number.POSITIVE_INFINITY, iter.count)
      if (typeof got === 'number') {
        error = got === 0 ? EFAULT : got
        continue
      }
      this.world.allocate()
      request.arrays++
      if (got.hold !== null) request.holds.push(got.hold)
      entries += got.entries.length
      bytes += got.bytes
    }
    // A block that is there in part cannot be worked on.
    const whole = bytes - (bytes % this.blockBytes)
    if (whole === 0) return error
    this.world.built(entries, 8)
    this.world.data.zeroCopyBytes += whole
    return whole
  }

  /** All blocks that the range touches, in bounce folios. */
  private throughCopy(iter: Iter, request: Request, result = iter.count): number {
    const bytes = iter.count
    // Only what has arrived is copied out.
    const wanted = iter.isDest ? Math.min(Math.max(result, 0), bytes) : bytes
    const blocks = Math.ceil(bytes / this.blockBytes)
    this.allocate(request, blocks * this.blockBytes)
    if (iter.copy(wanted) < wanted) return this.world.setup.policy === 'get-pages' || iter.isDest ? EFAULT : EIO
    for (let i = 0; i < blocks; i++) this.world.built(this.dest(i * this.blockBytes))
    return bytes
  }

  /** Folios of a page in a folio queue; under get_pages2 pages in one array. */
  private allocate(request: Request, bytes: number): void {
    request.folios = Math.ceil(bytes / PAGE)
    request.arrays = this.world.setup.policy === 'get-pages' ? 1 : Math.ceil(request.folios / QUEUE_SLOTS)
    for (let i = 0; i < request.folios + request.arrays; i++) this.world.allocate()
  }

  private release(request: Request): void {
    for (const hold of request.holds) this.world.drop(hold)
    for (let i = 0; i < request.folios + request.arrays; i++) this.world.free()
  }
}
