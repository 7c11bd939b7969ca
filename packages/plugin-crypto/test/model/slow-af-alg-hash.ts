import {
  EFAULT,
  EIO,
  extract,
  type Iter,
  type Operation,
  PAGE,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { copyFull } from './slow-af-alg.ts'
import { extractToSg } from './slow-sg.ts'

const MAX_PAGES = 16

/** crypto/algif_hash.c: hash_sendmsg(), hash_recvmsg(). consumers.md 2.3. */
export class SlowHashSocket implements Twin {
  private readonly world: World
  private readonly sockets = new Map<string, { more: boolean; hasResult: boolean }>()

  constructor(world: World) {
    this.world = world
  }

  submit({ iter, row }: Operation): number {
    const name = row.file ?? ''
    const socket = this.sockets.get(name) ?? { more: false, hasResult: false }
    this.sockets.set(name, socket)
    if (iter.isDest) return this.recvmsg(iter, socket)
    const isMore = row.flags?.includes('more') === true
    const isSpliced = row.flags?.includes('splice') === true && iter.type === 'bvec'
    if (isSpliced && this.world.setup.version === '6.1') return this.sendpages(iter, socket, isMore)
    return this.world.setup.policy === 'get-pages'
      ? this.sendOneSegmentAtATime(iter, socket, isMore)
      : this.sendChunks(iter, socket, isMore)
  }

  complete(): void {}

  close(): void {
    for (const socket of this.sockets.values()) this.freeResult(socket)
  }

  /** 6.1: hash_sendpage() for each spliced page, on which nothing is taken; all but the last say that more follows. */
  private sendpages(iter: Iter, socket: { more: boolean; hasResult: boolean }, isMore: boolean): number {
    const { world } = this
    const bytes = iter.count
    while (iter.count > 0) {
      const part = iter.segment()
      iter.position += part.reduce((sum, { length }) => sum + length, 0)
      const follows = isMore || iter.count > 0
      if (!follows) this.allocResult(socket)
      else if (!socket.more) this.freeResult(socket)
      world.bare += part.length
      world.built(1)
      socket.more = follows
    }
    world.data.zeroCopyBytes += bytes
    return bytes
  }

  /** 6.1: get_pages2, one segment and at most 16 pages an update. */
  private sendOneSegmentAtATime(iter: Iter, socket: { more: boolean; hasResult: boolean }, isMore: boolean): number {
    const { world } = this
    const { pages, bytes } = this.chunk()
    if (!socket.more && isMore) this.freeResult(socket)
    socket.more = false
    let hashed = 0
    while (iter.count > 0) {
      const got = extract(world, iter, pages, Math.min(iter.count, bytes))
      if (typeof got === 'number') return hashed > 0 ? hashed : got
      world.built(got.entries.length)
      world.data.zeroCopyBytes += got.bytes
      if (got.hold !== null) world.drop(got.hold)
      hashed += got.bytes
      if (got.entries.length === pages && iter.count > 0) world.entries.limitHits++
    }
    socket.more = isMore
    if (!isMore) this.allocResult(socket)
    return hashed
  }

  /** Since 6.3: extract_iter_to_sg, at most 16 pages of any number of segments. */
  private sendChunks(iter: Iter, socket: { more: boolean; hasResult: boolean }, isMore: boolean): number {
    const { world } = this
    const chunk = this.chunk()
    if (!socket.more) {
      this.freeResult(socket)
      if (iter.count === 0) return 0
    } else if (iter.count === 0) {
      if (!isMore) this.allocResult(socket)
      socket.more = isMore
      return 0
    }
    let hashed = 0
    while (iter.count > 0) {
      const pages = Math.min(iter.npages(), chunk.pages)
      const got = pages === 0 ? EIO : extractToSg(world, iter, Math.min(iter.count, chunk.bytes), pages)
      if (typeof got === 'number') {
        this.freeResult(socket)
        socket.more = false
        return hashed > 0 ? hashed : got
      }
      if (iter.count === 0) this.allocResult(socket)
      world.built(got.entries.length)
      world.data.zeroCopyBytes += got.bytes
      hashed += got.bytes
      for (const hold of got.holds) world.drop(hold)
      // 6.1 has a list of 16; later ones make it as long as there are pages.
      const room = since(world.setup.version, '6.12') ? pages : MAX_PAGES
      if (got.entries.length === room && iter.count > 0) world.entries.limitHits++
    }
    socket.more = isMore
    return hashed
  }

  /** Most pages and bytes of a chunk: 6.1 bounds it by bytes, later ones by pages. */
  private chunk(): { pages: number; bytes: number } {
    const { version, options } = this.world.setup
    const sndbuf = options.sndbuf ?? 212_992
    return since(version, '6.12')
      ? { pages: Math.min(MAX_PAGES, Math.ceil(sndbuf / PAGE)), bytes: Number.POSITIVE_INFINITY }
      : { pages: MAX_PAGES, bytes: Math.min(MAX_PAGES * PAGE, sndbuf) }
  }

  private recvmsg(iter: Iter, socket: { more: boolean; hasResult: boolean }): number {
    const bytes = Math.min(iter.count, this.world.setup.options.digestsize ?? 32)
    this.allocResult(socket)
    socket.more = false
    const isCopied = copyFull(iter, bytes)
    this.freeResult(socket)
    return isCopied ? bytes : EFAULT
  }

  private allocResult(socket: { hasResult: boolean }): void {
    if (!socket.hasResult) this.world.allocate()
    socket.hasResult = true
  }

  private freeResult(socket: { hasResult: boolean }): void {
    if (socket.hasResult) this.world.free()
    socket.hasResult = false
  }
}
