import {
  EINVAL,
  EIO,
  ENOMEM,
  type Entry,
  extract,
  type Hold,
  Iter,
  isUser,
  type Operation,
  PAGE,
  type Row,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const BVEC_BYTES = 16
const NO_LIMIT = Number.POSITIVE_INFINITY

/** A read subrequest: of its bytes so many are in the file, and so many have come. */
interface ReadState {
  readonly bytes: number
  readonly there: number
  come: number
  isGivenUp: boolean
}

interface Outstanding {
  readonly holds: readonly Hold[]
  readonly bvecs: number
  readonly isRead: boolean
  readonly allocations: number
}

/**
 * fs/netfs/direct_read.c, direct_write.c; iterator.c: netfs_extract_user_iter(), netfs_limit_iter(). consumers.md 9.
 * File systems that do not renegotiate.
 */
export class SlowNetfsDio implements Twin {
  private readonly world: World
  private readonly outstanding = new Map<number, Outstanding>()
  private readonly counts = {
    requests: 0,
    asyncRequests: 0,
    subrequests: 0,
    limitedSubrequests: 0,
    retries: 0,
    overWsize: 0,
    abandoned: 0,
    bvecs: 0,
    shortExtractions: 0,
    shallowCopies: 0,
    dirtiedPages: 0,
    refused: 0,
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
    if (iter.count === 0) return 0
    if (world.setup.version === '6.1') {
      counts.refused++
      return EINVAL
    }
    counts.requests++
    if (row.end !== undefined) counts.asyncRequests++
    // A write has a rolling buffer, too.
    let allocations = iter.isDest ? 1 : 2
    let source = iter
    const holds: Hold[] = []
    let bvecs = 0
    if (isUser(iter.type)) {
      allocations++
      const wanted = iter.count
      const got = this.extractUser(iter, holds)
      if (typeof got === 'number') {
        this.release({ holds: [], bvecs: 0, isRead: false, allocations })
        return got
      }
      bvecs = got.length
      world.borrow(got, 'count', !iter.isDest)
      counts.bvecs += bvecs
      world.built(bvecs, BVEC_BYTES)
      source = Iter.ofEntries(world, iter.isDest, got)
      if (source.count < wanted) counts.shortExtractions++
    } else {
      counts.shallowCopies++
      world.bare += iter.left().length
      world.borrow(
        iter.left().map((piece) => iter.toEntry(piece)),
        'none',
        !iter.isDest,
      )
    }
    const { result, subrequests } = iter.isDest ? this.read(op, source) : this.write(op, source)
    counts.subrequests += subrequests.length
    allocations += subrequests.length
    const all = { holds, bvecs, isRead: iter.isDest, allocations }
    if (result < 0) this.release(all)
    else {
      world.reachedInPlace(result)
      if (result > 0) this.avoid(source, bvecs)
      this.outstanding.set(op.number, all)
    }
    return result
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    this.release(outstanding)
  }

  close(): void {}

  private release({ holds, bvecs, isRead, allocations }: Outstanding): void {
    if (isRead) this.counts.dirtiedPages += bvecs
    for (const hold of holds) this.world.drop(hold)
    for (let i = 0; i < allocations; i++) {
      this.world.allocate()
      this.world.free()
    }
  }

  /** As much as can be had; an error where that is nothing. */
  private extractUser(iter: Iter, holds: Hold[]): Entry[] | number {
    const entries: Entry[] = []
    const pagesMax = iter.npages()
    while (iter.count > 0 && entries.length < pagesMax) {
      const got = extract(this.world, iter, pagesMax - entries.length, iter.count)
      if (typeof got === 'number') return entries.length === 0 ? got : entries
      entries.push(...got.entries)
      if (got.hold !== null) holds.push(got.hold)
    }
    return entries
  }

  /** netfs_dispatch_unbuffered_reads: all, whatever the answers bring. */
  private read({ row }: Operation, source: Iter): { result: number; subrequests: readonly number[] } {
    const { options } = this.world.setup
    const total = source.count
    const rsize = options.rsize || NO_LIMIT
    const subrequests: number[] = []
    while (source.count > 0) {
      const size = this.size(source.count, rsize)
      const bytes = options['max-segs'] ? this.limit(source, size, options['max-segs']) : size
      if (bytes === 0) return { result: EIO, subrequests }
      if (bytes < size) this.limited()
      subrequests.push(bytes)
      source.position += bytes
    }
    const result = taken(row, total)
    let start = 0
    const states = subrequests.map((bytes) => {
      const there = Math.min(bytes, Math.max(result - start, 0))
      start += bytes
      return { bytes, there, come: Math.min(there, this.answer(row)), isGivenUp: false }
    })
    while (states.some(isShort)) this.retry(states, this.answer(row))
    this.counts.abandoned += states.filter(({ isGivenUp, come, bytes }) => isGivenUp && come < bytes).length
    const isLost = this.isOld ? firstShort(states)?.isGivenUp === true : states.some(({ isGivenUp }) => isGivenUp)
    return { result: isLost ? ENOMEM : Math.min(total, result), subrequests }
  }

  private get isOld(): boolean {
    return !since(this.world.setup.version, '6.18')
  }

  /** netfs_retry_read_subrequests */
  private retry(states: ReadState[], answer: number): void {
    const { options, quirks } = this.world.setup
    const isWalk = options.renegotiates === 1 && quirks['netfs-read-retry-abandons'] !== false
    // 6.12 has kept those that are complete.
    const first = this.isOld ? 0 : states.findIndex(isShort)
    for (let i = isWalk ? first : 0; i < states.length; i++) {
      const state = states[i]!
      if (!isShort(state)) {
        if (!isWalk) continue
        for (const one of states.slice(i)) if (this.isOld || isShort(one)) one.isGivenUp = true
        return
      }
      this.counts.retries++
      state.come = Math.min(state.there, state.come + answer)
    }
  }

  /** Answers needed for so many bytes beyond the first. */
  private answersMore(row: Row, bytes: number): number {
    const answer = this.answer(row)
    return Math.max(Math.ceil(bytes / answer) - 1, 0)
  }

  private size(bytes: number, max: number): number {
    if (bytes > max) this.world.entries.limitHits++
    return Math.min(bytes, max)
  }

  private limited(): void {
    this.counts.limitedSubrequests++
    this.world.entries.limitHits++
  }

  /** Bytes of an answer; a read that fails gets none. */
  private answer({ result = 0, op }: Row): number {
    return result < 0 && op === 'read' ? NO_LIMIT : this.world.setup.options['answer-bytes'] || NO_LIMIT
  }

  private write(op: Operation, source: Iter): { result: number; subrequests: readonly number[] } {
    return since(this.world.setup.version, '6.18') ? this.writeInTurn(op, source) : this.writeAll(op, source)
  }

  /** 6.12: netfs_unbuffered_write, netfs_advance_write. No errno comes out. */
  private writeAll({ row }: Operation, source: Iter): { result: number; subrequests: readonly number[] } {
    const { options } = this.world.setup
    const total = source.count
    const wsize = options.wsize || NO_LIMIT
    const subrequests: number[] = []
    for (let left = total; left > 0; left -= subrequests.at(-1)!) subrequests.push(this.size(left, wsize))
    const end = taken(row, total)
    let start = 0
    for (const bytes of subrequests) {
      this.counts.retries += this.answersMore(row, Math.min(bytes, Math.max(end - start, 0)))
      start += bytes
    }
    return { result: end, subrequests }
  }

  /** Since 6.18: netfs_unbuffered_write. */
  private writeInTurn({ row }: Operation, source: Iter): { result: number; subrequests: readonly number[] } {
    const { options } = this.world.setup
    const total = source.count
    const wsize = options.wsize || NO_LIMIT
    const end = taken(row, total)
    const answer = this.answer(row)
    const subrequests: number[] = []
    let done = 0
    while (done < total) {
      source.position = done
      const size = this.size(source.count, wsize)
      let bytes = this.limit(source, size, options['max-segs'] || NO_LIMIT)
      if (bytes === 0) return { result: done > 0 ? done : EIO, subrequests }
      if (bytes < size) this.limited()
      subrequests.push(bytes)
      for (;;) {
        const answered = Math.min(bytes, answer, end - done)
        done += answered
        if (answered === bytes) break
        // The server failed: it has not even given a short answer.
        if (answered < answer) return { result: done, subrequests }
        // Issued again, with all that is left of the request.
        source.position = done
        const isAnew = options.renegotiates === 1
        const segments = isAnew ? options['max-segs'] || NO_LIMIT : NO_LIMIT
        bytes = this.limit(source, isAnew ? wsize : NO_LIMIT, segments)
        this.counts.retries++
        if (bytes > wsize) this.counts.overWsize++
      }
    }
    return { result: done, subrequests }
  }

  /** netfs_limit_iter. Of a file every page has the offset of the first. */
  private limit(source: Iter, bytesMax: number, segmentsMax: number): number {
    const max = Math.min(bytesMax, source.count)
    if (source.type === 'xarray') {
      const { keys, offset } = source.cachedFrom()
      return Math.min(max, Math.min(keys.length, segmentsMax) * (PAGE - offset))
    }
    const lengths = new Map<number, number>()
    source.left().forEach(({ segment, length }, i) => {
      const key = source.type === 'folioq' ? i : segment
      lengths.set(key, (lengths.get(key) ?? 0) + length)
    })
    const fits = [...lengths.values()].slice(0, segmentsMax === NO_LIMIT ? undefined : segmentsMax)
    return Math.min(
      max,
      fits.reduce((sum, length) => sum + length, 0),
    )
  }

  /** The chain of 6.1: a pointer for each page, in an array for each rsize or wsize. The bvecs replace one array. */
  private avoid(source: Iter, bvecs: number): void {
    const { options } = this.world.setup
    source.position = 0
    const size = (source.isDest ? options.rsize : options.wsize) || NO_LIMIT
    this.world.avoided.entries += source.left().length
    this.world.avoided.allocations += Math.max(Math.ceil(source.count / size), 1) - (bvecs > 0 ? 1 : 0)
  }
}

/** Short, and not because the file ends: NETFS_SREQ_NEED_RETRY. */
function isShort({ there, come, isGivenUp }: ReadState): boolean {
  return come < there && !isGivenUp
}

/** netfs_rreq_assess_dio of 6.12 looks at the first that is not whole. */
function firstShort(states: readonly ReadState[]): ReadState | undefined {
  return states.find(({ bytes, come }) => come < bytes)
}

/** What the server gives or takes of `bytes`; an error is told when the operation is over. */
function taken({ result }: Row, bytes: number): number {
  return result === undefined || result < 0 ? bytes : Math.min(result, bytes)
}
