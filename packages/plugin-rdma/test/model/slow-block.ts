import {
  extract,
  frameOf,
  type Hold,
  type Iter,
  type Operation,
  PAGE,
  type Page,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { partsOf } from './slow-cifs.ts'

const BIO_VECS = 256
const BVEC_BYTES = 16
const SECTOR = 512
const INLINE_SG = 2
const CHUNK = 128

/** Bytes that follow each other in memory. */
export interface Vec {
  readonly page: Page
  readonly offset: number
  length: number
}

/** What a driver says of its requests: struct queue_limits. */
export interface Limits {
  readonly segments: number
  readonly bytes: number
  readonly segmentBytes: number
  readonly boundary: number
  readonly tags: number
}

/** What is undone when a request ends. */
export interface Described {
  /** Entries mapped for the driver's own, of lists and commands. */
  readonly mapped: number
  readonly allocations: number
  readonly mrs: number
}

export interface Driver {
  readonly limits: Limits
  /** An errno with nothing left of it. */
  describe(list: readonly Vec[], isWrite: boolean): Described | number
  release(described: Described): void
}

export type BlockCounts = ReturnType<typeof newBlockCounts>

export function newBlockCounts() {
  return {
    bios: 0,
    bvecs: 0,
    requests: 0,
    mergedBios: 0,
    gapSplits: 0,
    limitSplits: 0,
    sgEntries: 0,
    sgChunks: 0,
    sges: 0,
    mrs: 0,
    mrPages: 0,
    mrShort: 0,
    tagWaits: 0,
  }
}

/** A request in the plug. */
interface Request {
  readonly vecs: Vec[]
  segments: number
  readonly isMergeable: boolean
}

interface Issued {
  readonly described: Described
  readonly entries: number
  readonly chunks: number
}

/**
 * block/bio.c, block/blk-merge.c: direct I/O of whole blocks, its bios, requests and their scatterlists. All memory is
 * aligned, and nothing fails but the driver.
 */
export class SlowBlock implements Twin {
  private readonly world: World
  private readonly driver: Driver
  private readonly counts: BlockCounts
  private readonly outstanding = new Map<number, { issued: Issued[]; holds: Hold[] }>()
  private used = 0

  constructor(world: World, counts: BlockCounts, driver: Driver) {
    this.world = world
    this.counts = counts
    this.driver = driver
  }

  counters() {
    return this.counts
  }

  submit({ iter, row, number }: Operation): number {
    const bytes = iter.count
    if (bytes === 0) return 0
    const issued: Issued[] = []
    const holds: Hold[] = []
    const plug: Request[] = []
    let error = 0
    let done = 0
    const bios = iter.type === 'bvec' ? [this.adopt(iter)] : []
    while (error === 0 && done < bytes) {
      const vecs = bios.shift() ?? this.fill(iter, holds)
      if (typeof vecs === 'number') {
        error = vecs
        break
      }
      const length = vecs.reduce((sum, vec) => sum + vec.length, 0)
      this.counts.bios++
      this.counts.bvecs += vecs.length
      if (iter.type !== 'bvec') this.world.built(vecs.length, BVEC_BYTES)
      for (const request of this.split(vecs, plug)) plug.push(request)
      while (plug.length > 1 && error === 0) error = this.issue(plug.shift()!, issued, !iter.isDest)
      done += length
    }
    while (plug.length > 0 && error === 0) error = this.issue(plug.shift()!, issued, !iter.isDest)
    if (error < 0) {
      this.end(issued, holds)
      return error
    }
    this.world.reachedInPlace(bytes)
    this.outstanding.set(number, { issued, holds })
    return row.result === undefined || row.result < 0 ? bytes : Math.min(row.result, bytes)
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    this.end(outstanding.issued, outstanding.holds)
  }

  close(): void {}

  private end(issued: readonly Issued[], holds: readonly Hold[]): void {
    for (const { described, entries, chunks } of issued) {
      this.driver.release(described)
      this.world.unmapDma(entries)
      for (let i = 0; i < chunks; i++) this.world.free()
      this.used--
    }
    for (const hold of holds) this.world.drop(hold)
  }

  /** bio_iov_bvec_set */
  private adopt(iter: Iter): Vec[] {
    this.world.bare += iter.left().length
    return partsOf(iter).map(({ entry, length }) => ({ page: entry!.page, offset: entry!.offset, length }))
  }

  /** bio_iov_iter_get_pages: at most 256 bvecs; a piece in the page of the one before, right behind it, makes that longer. */
  private fill(iter: Iter, holds: Hold[]): Vec[] | number {
    const { world } = this
    const vecs: Vec[] = []
    while (iter.count > 0 && vecs.length < BIO_VECS) {
      const got = extract(world, iter, BIO_VECS - vecs.length, iter.count)
      if (typeof got === 'number') {
        if (vecs.length === 0) return got
        break
      }
      for (const entry of got.entries) {
        const last = vecs.at(-1)
        const end = last === undefined ? 0 : last.offset + last.length
        const isSame =
          last !== undefined && last.page === entry.page && end === entry.offset && world.setup.version !== 'mainline'
        const hold: Hold | null = got.hold === null ? null : { kind: got.hold.kind, pages: [entry.page] }
        if (isSame) {
          last.length += entry.length
          if (hold !== null) world.drop(hold)
          continue
        }
        vecs.push({ ...entry })
        if (hold !== null) holds.push(hold)
      }
    }
    return vecs
  }

  /** bio_split_rw: requests of a bio, the last of which the next bio may join. */
  private split(vecs: readonly Vec[], plug: Request[]): Request[] {
    const { limits } = this.driver
    const requests: Request[] = []
    let rest: Vec[] = vecs.map((vec) => ({ ...vec }))
    while (rest.length > 0) {
      const front = this.front(rest)
      if (front === null) break
      requests.push({ vecs: front.vecs, segments: front.segments, isMergeable: false })
      rest = front.rest
    }
    const whole: Request = { vecs: rest, segments: this.segmentsOf(rest), isMergeable: true }
    const last = plug.at(-1)
    if (requests.length === 0 && last !== undefined && last.isMergeable && this.fits(last, whole, limits)) {
      last.vecs.push(...rest)
      last.segments += whole.segments
      this.counts.mergedBios++
      return []
    }
    return [...requests, whole]
  }

  private segmentsOf(vecs: readonly Vec[]): number {
    return vecs.reduce((sum, { length }) => sum + Math.ceil(length / this.driver.limits.segmentBytes), 0)
  }

  private fits(request: Request, next: Request, limits: Limits): boolean {
    const bytes = (vecs: readonly Vec[]) => vecs.reduce((sum, { length }) => sum + length, 0)
    // bio_will_gap: nothing is added to a request that begins inside a page.
    const last = request.vecs.at(-1)!
    const edges = [request.vecs[0]!.offset, last.offset + last.length, next.vecs[0]!.offset]
    const gap = limits.boundary > 0 && edges.some((edge) => edge % limits.boundary !== 0)
    return (
      !gap &&
      request.segments + next.segments <= limits.segments &&
      bytes(request.vecs) + bytes(next.vecs) <= limits.bytes
    )
  }

  /** The first request of what is left, where it is not all of it. */
  private front(vecs: readonly Vec[]): { vecs: Vec[]; segments: number; rest: Vec[] } | null {
    const { limits } = this.driver
    let bytes = 0
    let segments = 0
    for (let i = 0; i < vecs.length; i++) {
      const vec = vecs[i]!
      const before = vecs[i - 1]
      const isGap =
        before !== undefined &&
        limits.boundary > 0 &&
        (vec.offset % limits.boundary !== 0 || (before.offset + before.length) % limits.boundary !== 0)
      if (isGap) {
        this.counts.gapSplits++
        return cut(vecs, bytes, segments)
      }
      let left = vec.length
      let at = vec.offset
      while (left > 0 && segments < limits.segments && bytes < limits.bytes) {
        const part = Math.min(left, limits.segmentBytes, limits.bytes - bytes)
        segments++
        bytes += part
        left -= part
        at += part
        if (limits.boundary > 0 && at % limits.boundary !== 0) break
      }
      if (left > 0) {
        this.counts.limitSplits++
        this.world.entries.limitHits++
        return cut(vecs, bytes - (bytes % SECTOR), segments)
      }
    }
    return null
  }

  /** __blk_rq_map_sg; blk_map_iter_next, since 6.16, joins bvecs that follow each other in memory. */
  private segmentsOfList(vecs: readonly Vec[]): Vec[] {
    const { segmentBytes } = this.driver.limits
    const list: Vec[] = []
    for (const vec of vecs) {
      const last = list.at(-1)
      const joins =
        last !== undefined &&
        since(this.world.setup.version, '6.18') &&
        addressOf(last) + last.length === addressOf(vec) &&
        last.length + vec.length <= segmentBytes
      if (joins) last.length += vec.length
      else list.push(...cutIntoSegments(vec, segmentBytes))
    }
    return list
  }

  private issue({ vecs, segments }: Request, issued: Issued[], isWrite: boolean): number {
    const { world, counts, driver } = this
    counts.requests++
    if (this.used >= driver.limits.tags) {
      counts.tagWaits++
      world.entries.limitHits++
    }
    const list = this.segmentsOfList(vecs)
    const chunks = chunksOf(segments)
    for (let i = 0; i < chunks; i++) world.allocate()
    counts.sgChunks += chunks
    counts.sgEntries += list.length
    world.built(list.length)
    world.mapDma(list.length)
    const described = driver.describe(list, isWrite)
    if (typeof described === 'number') {
      world.unmapDma(list.length)
      for (let i = 0; i < chunks; i++) world.free()
      return described
    }
    this.used++
    issued.push({ described, entries: list.length, chunks })
    return 0
  }
}

/** Chunks of a table behind the entries that the request has itself: each but the last gives one entry to a link. */
function chunksOf(entries: number): number {
  if (entries <= INLINE_SG) return 0
  let chunks = 0
  for (let left = entries - (INLINE_SG - 1); left > 0; left -= left > CHUNK ? CHUNK - 1 : left) chunks++
  return chunks
}

function cutIntoSegments({ page, offset, length }: Vec, most: number): Vec[] {
  const segments: Vec[] = []
  for (let at = 0; at < length; at += most)
    segments.push({ page, offset: offset + at, length: Math.min(most, length - at) })
  return segments
}

function cut(vecs: readonly Vec[], bytes: number, segments: number): { vecs: Vec[]; segments: number; rest: Vec[] } {
  const front: Vec[] = []
  const rest: Vec[] = []
  let left = bytes
  for (const { page, offset, length } of vecs) {
    const part = Math.min(left, length)
    if (part > 0) front.push({ page, offset, length: part })
    if (part < length) rest.push({ page, offset: offset + part, length: length - part })
    left -= part
  }
  return { vecs: front, segments, rest }
}

function addressOf({ page, offset }: Vec): number {
  return frameOf(page) * PAGE + offset
}

/** Sectors that no driver gets over. */
export function sectorsCap(world: World): number {
  return since(world.setup.version, '6.18') ? 8192 : 2560
}
