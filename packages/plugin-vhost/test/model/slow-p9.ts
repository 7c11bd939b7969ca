import {
  EFAULT,
  type Entry,
  extract,
  type Hold,
  Iter,
  isUser,
  type Operation,
  type Policy,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const RING = 128
const HEADER = 24
const COPIED_MAX = 1024
const MSIZE_MAX = 4096 * 125

/** A request that the server has. */
interface Request {
  readonly hold: Hold | null
  /** Pages in the pool's count. */
  readonly poolPages: number
  readonly slots: number
}

/** An operation whose last request has no answer yet. */
interface Outstanding {
  readonly request: Request | null
  /** What netfs holds on user memory. */
  readonly pins: readonly Hold[]
}

/**
 * net/9p/client.c: p9_client_read(), p9_client_write(); trans_virtio.c: p9_virtio_zc_request(), p9_virtio_request(). Since
 * 6.8 behind netfs: fs/netfs/direct_read.c, direct_write.c. consumers.md 5.
 */
export class SlowP9 implements Twin {
  private readonly world: World
  private readonly outstanding = new Map<number, Outstanding>()
  private pinned = 0
  private ring = 0
  /** The last request of the operation at work. */
  private pending: Request | null = null
  /** Bytes that the server still gives, or takes. */
  private server = 0

  constructor(world: World) {
    this.world = world
  }

  submit({ iter, number, row }: Operation): number {
    if (iter.count === 0) return 0
    this.pending = null
    this.server = row.result === undefined ? Number.POSITIVE_INFINITY : Math.max(row.result, 0)
    const error = (row.result ?? 0) < 0 ? row.result! : 0
    const pins: Hold[] = []
    let result: number
    if (!since(this.world.setup.version, '6.12')) {
      this.countLong(iter)
      const { bytes, error: ended } = this.transfer(iter, error)
      result = bytes > 0 ? bytes : ended
    } else result = this.throughNetfs(iter, pins, error)
    if (result < 0) {
      this.settle()
      for (const hold of pins) this.world.drop(hold)
      return result
    }
    this.outstanding.set(number, { request: this.pending, pins })
    return result
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    this.pending = outstanding.request
    this.settle()
    for (const hold of outstanding.pins) this.world.drop(hold)
  }

  close(): void {}

  private get bytesMax(): number {
    const { options, version } = this.world.setup
    const standard = since(version, '6.12') ? 131_072 + HEADER : 131_072
    return Math.min(Math.max(options.msize || standard, 4096), MSIZE_MAX) - HEADER
  }

  /** Once an operation, however many messages it takes. */
  private countLong(iter: Iter): void {
    if (iter.count > this.bytesMax) this.world.entries.limitHits++
  }

  // --- netfs

  /** User memory becomes bvecs of a page each, which are pinned; a fault ends that, the first one as an error. */
  private throughNetfs(iter: Iter, pins: Hold[], answer: number): number {
    const { world } = this
    let whole = iter
    if (isUser(iter.type)) {
      const entries: Entry[] = []
      while (iter.count > 0) {
        const got = this.extractPages(iter)
        if (typeof got === 'number') {
          if (entries.length === 0) return got
          break
        }
        entries.push(...got.entries)
        if (got.hold !== null) pins.push(got.hold)
      }
      whole = Iter.ofEntries(world, iter.isDest, entries)
    }
    this.countLong(whole)
    if (iter.isDest) {
      const { bytes, error } = this.transfer(whole, answer)
      return error < 0 ? error : bytes
    }
    return since(world.setup.version, '6.18') ? this.write(whole, answer) : this.writeOld(whole, answer)
  }

  /** netfs extracts, even where the transport calls get_pages2. */
  private extractPages(iter: Iter) {
    const { setup } = this.world
    const policy: Policy = setup.policy === 'get-pages' ? 'extract' : setup.policy
    return withPolicy(this.world, policy, () => extract(this.world, iter, Number.POSITIVE_INFINITY, iter.count))
  }

  /** Subrequests of wsize, one after the other; what comes back short is issued again, all that is left at once. */
  private write(iter: Iter, answer: number): number {
    const { end } = iter
    let written = 0
    let max = this.bytesMax
    while (iter.position < end) {
      iter.end = Math.min(iter.position + max, end)
      const { bytes, error } = this.transfer(iter, answer)
      written += bytes
      if (bytes === 0) return written > 0 ? written : error
      if (iter.position < iter.end) max = Number.POSITIVE_INFINITY
    }
    return written
  }

  /**
   * 6.12: every subrequest is issued, whatever became of those before it; a short one is issued again for its rest first.
   * The result is what was written without a gap.
   */
  private writeOld(iter: Iter, answer: number): number {
    const { end } = iter
    let written = 0
    let isWhole = true
    for (let at = 0; at < end; at += this.bytesMax) {
      iter.position = at
      iter.end = Math.min(at + this.bytesMax, end)
      let moved = 0
      do {
        moved = this.transfer(iter, answer).bytes
        if (isWhole) written += moved
        if (answer < 0) return 0
      } while (moved > 0 && iter.count > 0)
      if (iter.count > 0) isWhole = false
    }
    return written
  }

  // --- the client

  /** Requests one after the other, each as far as the message goes. */
  private transfer(iter: Iter, answer: number): { bytes: number; error: number } {
    let total = 0
    while (iter.count > 0) {
      const wanted = Math.min(iter.count, this.bytesMax)
      const start = iter.position
      this.settle()
      const sent = wanted > COPIED_MAX ? this.zeroCopy(iter, wanted) : this.copied(iter, wanted)
      if (sent < 0) return { bytes: total, error: sent }
      // The server's error comes with the completion; until then the request is outstanding.
      if (answer < 0) return { bytes: total, error: 0 }
      const moved = Math.min(sent, this.server)
      this.server -= moved
      iter.position = start + moved
      total += moved
      if (wanted > COPIED_MAX) this.world.data.zeroCopyBytes += moved
      if (moved === 0) break
    }
    return { bytes: total, error: 0 }
  }

  // --- the transport

  private zeroCopy(iter: Iter, wanted: number): number {
    const { world } = this
    const { policy, options } = world.setup
    const isOld = policy === 'get-pages'
    const isKvec = iter.type === 'kvec'
    if ((!isKvec || !isOld) && this.pinned >= (options['pool-pages'] ?? 262_144)) world.entries.limitHits++
    const got = isKvec && isOld ? this.listKvec(iter, wanted) : extract(world, iter, Number.POSITIVE_INFINITY, wanted)
    if (typeof got === 'number') return got === 0 ? EFAULT : got
    const pages = got.entries.length
    const poolPages = isKvec && isOld ? 0 : pages
    this.pinned += poolPages
    this.add(2 + pages)
    this.pending = { hold: got.hold, poolPages, slots: this.slots(2 + pages) }
    return got.bytes
  }

  /** The pages of a kvec are looked up, and nothing is taken. */
  private listKvec(iter: Iter, wanted: number) {
    return withPolicy(this.world, 'extract', () => extract(this.world, iter, Number.POSITIVE_INFINITY, wanted))
  }

  private copied(iter: Iter, wanted: number): number {
    const start = iter.position
    if (!iter.isDest && iter.copy(wanted) < wanted) {
      iter.position = start
      return EFAULT
    }
    this.add(2)
    this.pending = { hold: null, poolPages: 0, slots: this.slots(2) }
    // The iterator is at hand only now: the answer is copied before it is there.
    const answered = Math.min(wanted, this.server)
    return iter.isDest && iter.copy(answered) < answered ? EFAULT : wanted
  }

  /** With indirect descriptors a request takes one entry of the ring. */
  private slots(entries: number): number {
    return this.world.setup.options.indirect === 0 ? entries : 1
  }

  private add(entries: number): void {
    const slots = this.slots(entries)
    if (this.ring + slots > RING) this.world.entries.limitHits++
    this.ring += slots
    this.world.built(entries)
  }

  /** The answer to the last request is there. */
  private settle(): void {
    const { pending } = this
    this.pending = null
    if (pending === null) return
    if (pending.hold !== null) this.world.drop(pending.hold)
    this.pinned -= pending.poolPages
    this.ring -= pending.slots
  }
}

/** Runs with another policy than the lane's. */
function withPolicy<T>(world: World, policy: Policy, what: () => T): T {
  const { setup } = world
  const writable = world as { setup: World['setup'] }
  writable.setup = { ...setup, policy }
  const result = what()
  writable.setup = setup
  return result
}
