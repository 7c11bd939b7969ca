import {
  EIO,
  extract,
  type Hold,
  isUser,
  type Operation,
  PAGE,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { type NfsPage, nfsPages, SlowPageio } from './slow-nfs-pageio.ts'

const IO_SIZE_MIN = 1024
const IO_SIZE_MAX = 1 << 20
/** NFS_PAGEVEC_SIZE: pages that a request names without an array. */
const INLINE_PAGES = 8

interface Outstanding {
  readonly holds: readonly Hold[]
  readonly dirtied: number
  readonly compound: number
  readonly allocations: number
}

/** fs/nfs/direct.c: nfs_direct_read_schedule_iovec(), nfs_direct_write_schedule_iovec(). consumers.md 8.2. */
export class SlowNfsDirect implements Twin {
  private readonly world: World
  /** Files of which all writes ask for stable storage. 7.3: NFS_CONTEXT_WRITE_SYNC */
  private readonly stable = new Set<string>()
  private readonly outstanding = new Map<number, Outstanding>()
  private readonly counts = {
    chunks: 0,
    nfsPages: 0,
    splitPages: 0,
    rpcs: 0,
    retries: 0,
    commits: 0,
    dirtiedPages: 0,
    compoundClean: 0,
  }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit({ iter, row, number }: Operation): number {
    const { world, counts } = this
    const { version, options } = world.setup
    if (iter.count === 0) return 0
    const size = ioSize((iter.isDest ? options.rsize : options.wsize) ?? IO_SIZE_MAX)
    const holds: Hold[] = []
    let requested = 0
    let error = 0
    // nfs_direct_req
    let allocations = 1
    const take = ({ page }: NfsPage) => {
      allocations++
      counts.nfsPages++
      holds.push(world.take('ref', [page]))
    }
    const pageio = new SlowPageio(version, size, (part) => {
      counts.splitPages++
      take(part)
      counts.nfsPages--
    })
    while (iter.count > 0) {
      const bytesMax = Math.max(size, PAGE)
      const got = extract(world, iter, iter.segment(bytesMax).length, bytesMax)
      // The array is there before the pages; a type that cannot be had is refused without one.
      if (typeof got !== 'number' || isUser(iter.type)) {
        allocations++
        counts.chunks++
      }
      if (typeof got === 'number') {
        error = got
        break
      }
      world.built(got.entries.length, 8)
      world.borrow(got.entries, 'count', !iter.isDest)
      for (const one of nfsPages(got.entries)) {
        take(one)
        requested += one.length
        pageio.add(one)
      }
      if (got.hold !== null) world.drop(got.hold)
    }
    pageio.send()
    let dirtied = 0
    let compound = 0
    let start = 0
    const file = row.file ?? ''
    const isUnstable = pageio.requests.length > 1 && options.unstable !== 0 && !this.stable.has(file)
    const result = row.result === undefined || row.result < 0 ? requested : Math.min(row.result, requested)
    for (const request of pageio.requests) {
      const pages = arrayPages(request)
      allocations += pages > INLINE_PAGES ? 2 : 1
      world.built(pages, 8)
      const bytes = request.reduce((sum, { length }) => sum + length, 0)
      const good = Math.max(0, Math.min(bytes, result - start))
      start += bytes
      if ((row.result ?? 0) >= 0) this.answer(good, iter.isDest, isUnstable, file)
      if (!iter.isDest || !isUser(iter.type)) continue
      let at = 0
      for (const { page, length } of request) {
        if (at < good) {
          if (page.head === undefined) dirtied++
          else compound++
        }
        at += length
      }
    }
    world.entries.limitHits += pageio.limitHits
    counts.rpcs += pageio.requests.length
    const isFailed = (row.result ?? 0) < 0
    const isCommitted = !isFailed
    if (!iter.isDest && isUnstable && isCommitted) {
      counts.commits++
      allocations++
    }
    const all = { holds, dirtied: isFailed ? 0 : dirtied, compound: isFailed ? 0 : compound, allocations }
    if (requested === 0) {
      this.release(all)
      return error < 0 ? error : EIO
    }
    world.reachedInPlace(result)
    this.outstanding.set(number, all)
    return result
  }

  /** nfs_readpage_retry, nfs_writeback_result: short answers before the end. */
  private answer(good: number, isRead: boolean, isUnstable: boolean, file: string): void {
    const { options, version } = this.world.setup
    const answerBytes = options['answer-bytes'] || Number.POSITIVE_INFINITY
    if (good <= answerBytes) return
    this.counts.retries += Math.ceil(good / answerBytes) - 1
    if (isRead) return
    // Again, whole, for stable storage.
    if (isUnstable) this.counts.retries++
    // Of an operation without a file cell nobody knows what it shares with another.
    if (version === 'mainline' && file !== '') this.stable.add(file)
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    this.release(outstanding)
  }

  close(): void {}

  private release({ holds, dirtied, compound, allocations }: Outstanding): void {
    this.counts.dirtiedPages += dirtied
    this.counts.compoundClean += compound
    for (const hold of holds) this.world.drop(hold)
    for (let i = 0; i < allocations; i++) {
      this.world.allocate()
      this.world.free()
    }
  }
}

/** nfs_page_array_len */
function arrayPages(request: readonly NfsPage[]): number {
  return Math.ceil((request[0]!.offset + request.reduce((sum, { length }) => sum + length, 0)) / PAGE)
}

/** nfs_io_size: whole pages, or a power of two. */
function ioSize(bytes: number): number {
  const size = Math.min(Math.max(bytes, IO_SIZE_MIN), IO_SIZE_MAX)
  return size >= PAGE ? size - (size % PAGE) : 2 ** Math.floor(Math.log2(size))
}
