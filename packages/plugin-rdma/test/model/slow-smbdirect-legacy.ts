import {
  EAGAIN,
  EFAULT,
  type Entry,
  extract,
  type Hold,
  type Iter,
  isUser,
  type Operation,
  PAGE,
  type Page,
  type Row,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { type Agreed, agreed } from './slow-cifs.ts'
import { mapped, sgToPages } from './slow-device.ts'
import { payloadOf } from './slow-payload.ts'

const ECONNABORTED = -103
const SGE_BYTES = 16
const POINTER_BYTES = 8
const MR_PAGE_BYTES = 8
const MR_KLM_BYTES = 16
const BVEC_BYTES = 16
/** Transform header, SMB header, signature. */
const CIPHER_ENDS = 3
const TRANSFORM_HEADER = 52
const HEADER = 24
const EMPTY_HEADER = 20
const DESCRIPTOR = 16
const SGES_NEEDED = 6

/** struct cifs_writedata, struct cifs_readdata */
interface Request {
  readonly bytes: number
  readonly array: readonly Entry[]
  readonly holds: readonly Hold[]
  /** Pages of cifs itself. */
  readonly own: readonly Page[]
  mapped: number
}

/** What an operation has until the last answer. */
interface Outstanding {
  readonly requests: Request[]
  readonly context: Context | null
}

/** struct cifs_aio_ctx: bvecs over the caller's memory. */
interface Context {
  readonly bytes: number
  readonly bvecs: number
  /** 0: it has no array. */
  readonly room: number
  readonly holds: readonly Hold[]
}

/** fs/smb/client/file.c, smbdirect.c of 6.1: arrays of pages, and a scatterlist for each packet. consumers.md 3.1 to 3.3, 13. */
export class SlowSmbdirectLegacy implements Twin {
  private readonly world: World
  private readonly mount: Agreed
  private readonly outstanding = new Map<number, Outstanding>()
  /** Entries of each packet on its way. */
  private posted: number[] = []
  private registered = 0
  private isBeyond = false
  private readonly counts = {
    requests: 0,
    packets: 0,
    headerPackets: 0,
    sges: 0,
    pagePointers: 0,
    sgEntries: 0,
    mrs: 0,
    mrPages: 0,
    wireBytes: 0,
    bvecs: 0,
    creditStalls: 0,
    cryptFolios: 0,
    refused: 0,
    dirtiedPages: 0,
    beyondPage: 0,
    emptyPackets: 0,
    mrWaits: 0,
    mrErrors: 0,
  }

  constructor(world: World) {
    this.world = world
    this.mount = agreed(world, { registersAll: false, hasScatterlists: true })
  }

  counters() {
    return this.counts
  }

  submit({ iter, row, number }: Operation): number {
    const { mount, world } = this
    if (iter.count === 0) return 0
    if (mount.device.maxSendSge < SGES_NEEDED) return EAGAIN
    this.isBeyond = false
    const requests: Request[] = []
    const start = iter.position
    const context = (isUser(iter.type) || iter.type === 'discard') && this.isCopied ? this.contextOf(iter) : null
    const end = context === null ? iter.end : start + context.bytes
    iter.position = start
    let error = 0
    let done = 0
    const isEmpty = end === start
    while ((done < end - start || (isEmpty && requests.length === 0)) && error === 0) {
      iter.end = end
      iter.position = start + done
      const request = this.next(iter)
      if (typeof request === 'number') error = request
      else {
        iter.position = start + done + request.bytes
        error = this.send(request, iter.isDest)
        if (error < 0) this.release(request)
        else {
          requests.push(request)
          done += request.bytes
        }
      }
    }
    if (this.isBeyond) world.violations.push('beyond-page')
    if (requests.length === 0) {
      if (context !== null) this.releaseContext(context)
      return error
    }
    this.outstanding.set(number, { requests, context })
    const taken = row.result !== undefined && row.result >= 0 ? Math.min(row.result, done) : done
    return taken
  }

  complete({ number, iter, row, result }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    const { requests, context } = outstanding
    if (iter.isDest) this.receive(requests, row, result)
    for (const request of requests) this.release(request)
    if (context === null) return
    if (iter.isDest) this.counts.dirtiedPages += context.bvecs
    this.releaseContext(context)
  }

  close(): void {}

  private get isCopied(): boolean {
    return this.world.setup.options['non-direct'] === 1
  }

  /** setup_aio_ctx_iter */
  private contextOf(iter: Iter): Context {
    const { world } = this
    // No array has room for no page.
    if (iter.type === 'discard') return { bytes: 0, bvecs: 0, room: 0, holds: [] }
    world.allocate()
    world.allocate()
    const got = payloadOf(world, iter, iter.count)
    world.free()
    const { bytes, entries, holds } = typeof got === 'number' ? { bytes: 0, entries: [], holds: [] } : got
    this.pointers(entries.length)
    this.counts.bvecs += entries.length
    world.built(entries.length, BVEC_BYTES)
    return { bytes, bvecs: entries.length, room: 1, holds }
  }

  private releaseContext({ holds, room }: Context): void {
    for (const hold of holds) this.world.drop(hold)
    if (room > 0) this.world.free()
  }

  // --- what becomes a request

  private next(iter: Iter): Request | number {
    this.counts.requests++
    const isUsers = isUser(iter.type) || iter.type === 'discard'
    const isDirect = isUsers && !this.isCopied
    const got = isDirect ? this.direct(iter) : isUsers || iter.type === 'kvec' ? this.copied(iter) : this.cached(iter)
    if (typeof got === 'number') this.counts.requests--
    else this.pointers(got.array.length)
    return got
  }

  private pointers(pages: number): void {
    this.counts.pagePointers += pages
    this.world.built(pages, POINTER_BYTES)
  }

  private sizeOf(iter: Iter): number {
    return Math.min(iter.count, iter.isDest ? this.mount.rsize : this.mount.wsize)
  }

  /** iov_iter_get_pages_alloc2 */
  private direct(iter: Iter): Request | number {
    const { world } = this
    world.allocate()
    const got = extract(world, iter, Number.POSITIVE_INFINITY, this.sizeOf(iter))
    if (typeof got === 'number') {
      world.free()
      return got
    }
    const holds = got.hold === null ? [] : [got.hold]
    return { bytes: got.bytes, array: got.entries, holds, own: [], mapped: 0 }
  }

  /** wdata_alloc_and_fillpages: pages that follow each other in one array, each with a reference; listed only where the lane's policy is not 6.1's. */
  private cached(iter: Iter): Request | number {
    const { world } = this
    const room = Math.max(Math.floor((iter.isDest ? this.mount.rsize : this.mount.wsize) / PAGE), 1)
    world.allocate()
    const array: Entry[] = []
    for (const piece of iter.left()) {
      const last = array.at(-1)
      if (array.length === room) break
      if (last !== undefined && (last.offset + last.length !== PAGE || piece.offset !== 0)) break
      array.push(iter.toEntry(piece))
    }
    const pages = array.map(({ page }) => page)
    const takes = world.setup.policy === 'get-pages'
    if (!takes) world.bare += pages.length
    return { bytes: sum(array), array, holds: takes ? [world.take('ref', pages)] : [], own: [], mapped: 0 }
  }

  /** cifs_write_allocate_pages, wdata_fill_from_iovec; cifs_read_allocate_pages */
  private copied(iter: Iter): Request | number {
    const { world } = this
    const wanted = this.sizeOf(iter)
    if (wanted === 0 && !iter.isDest) return EFAULT
    if (wanted > 0) world.allocate()
    const own = Array.from({ length: Math.ceil(wanted / PAGE) }, () => world.allocPage())
    if (!iter.isDest && iter.copy(wanted) < wanted) throw new Error('memory of the kernel is always there')
    const array = own.map((page, i) => ({
      page,
      offset: 0,
      // Of a read the last page is a whole one too.
      length: iter.isDest ? PAGE : Math.min(PAGE, wanted - i * PAGE),
    }))
    return { bytes: wanted, array, holds: [], own, mapped: 0 }
  }

  // --- what becomes of it

  private send(request: Request, isRead: boolean): number {
    const { mount, world } = this
    const { bytes, array, own } = request
    const isRegistered = !mount.isSigned && !mount.isEncrypted && bytes >= mount.threshold
    if (isRegistered && !this.registerArray(request)) return EAGAIN
    let left = mount.smbHeader === 0 ? 0 : mount.smbHeader + (isRegistered ? DESCRIPTOR : isRead ? 1 : 0)
    const isEncrypted = mount.isEncrypted
    const copies = isEncrypted ? this.encrypt(isRead ? [] : array) : []
    if (left > 0) {
      if (isEncrypted) this.post(1, TRANSFORM_HEADER, true)
      this.post(1, left, true)
      left = 0
    }
    if (!isRead && !isRegistered) {
      if (mount.smbHeader + bytes > mount.maxFragmented) return ECONNABORTED
      this.sendPages(array, bytes)
    }
    for (const sges of this.posted) world.unmapDma(sges)
    this.posted = []
    this.freeCopies(copies)
    const inPlace = own.length === 0 && !isEncrypted && (isRegistered || !isRead)
    if (inPlace) world.reachedInPlace(bytes)
    return 0
  }

  /** smb3_init_transform_rq: a copy of each page, at the same offset; crypt_message: a list for the cipher. */
  private encrypt(array: readonly Entry[]): Page[] {
    const { world } = this
    const copies = this.pagesFor(array.length)
    world.data.copiedBytes += sum(array)
    this.crypt(array.length)
    return copies
  }

  private crypt(pages: number): void {
    this.world.allocate()
    this.world.built(CIPHER_ENDS + pages)
    this.counts.sgEntries += CIPHER_ENDS + pages
    this.world.free()
  }

  /** An array of pages of its own. */
  private pagesFor(pages: number): Page[] {
    if (pages === 0) return []
    this.world.allocate()
    this.pointers(pages)
    this.counts.cryptFolios += pages
    return Array.from({ length: pages }, () => this.world.allocPage())
  }

  private freeCopies(pages: readonly Page[]): void {
    for (const page of pages) this.world.putOwn(page)
    if (pages.length > 0) this.world.free()
  }

  /** receive_encrypted_read: out of packets into pages, decrypted there, and copied out of them through bvecs. */
  private decrypt(bytes: number): void {
    const { world } = this
    const pages = this.pagesFor(Math.ceil(bytes / PAGE))
    world.data.copiedBytes += bytes
    this.crypt(pages.length)
    world.allocate()
    world.built(pages.length, BVEC_BYTES)
    world.free()
    this.freeCopies(pages)
  }

  /** Each page by itself; with the quirk a packet is as long as what is left of the whole message allows. */
  private sendPages(array: readonly Entry[], bytes: number): void {
    const { mount, counts, world } = this
    const isWrong = world.setup.quirks['smbdirect-page-size'] ?? world.setup.version === '6.1'
    let left = bytes
    for (const { offset, length } of array) {
      for (let at = 0; at < length; at += mount.payload) {
        const size = Math.min(mount.payload, isWrong ? left : length - at)
        left -= size
        if (offset + at + size > PAGE) {
          counts.beyondPage++
          this.isBeyond = true
        }
        if (size === 0) counts.emptyPackets++
        this.post(1, size, false)
      }
    }
  }

  private post(entries: number, bytes: number, isHeader: boolean): void {
    const { world, counts, mount } = this
    if (this.posted.length >= mount.credits) {
      counts.creditStalls++
      world.entries.limitHits++
      world.unmapDma(this.posted.shift()!)
    }
    for (let i = 0; i < 1 + entries; i++) world.mapDma(1)
    this.posted.push(1 + entries)
    counts.sges += 1 + entries
    counts.sgEntries += entries
    world.built(entries)
    world.built(1 + entries, SGE_BYTES)
    counts.wireBytes += bytes + (bytes === 0 ? EMPTY_HEADER : HEADER)
    if (isHeader) counts.headerPackets++
    else counts.packets++
  }

  /** smbd_register_mr */
  private registerArray(request: Request): boolean {
    const { world, counts, mount } = this
    const { array } = request
    if (array.length > mount.depth) {
      world.entries.limitHits++
      counts.refused++
      return false
    }
    if (this.registered >= 2 * (world.setup.options['responder-resources'] ?? 32)) {
      counts.mrWaits++
      world.entries.limitHits++
    }
    counts.sgEntries += array.length
    world.built(array.length)
    world.mapDma(array.length)
    const region = mount.device.hasGaps
      ? { taken: array.length, pages: array }
      : sgToPages(array.map(mapped), mount.depth)
    if (typeof region === 'number' || region.taken < array.length) {
      world.unmapDma(array.length)
      counts.mrErrors++
      return false
    }
    counts.mrs++
    counts.mrPages += region.pages.length
    world.built(region.pages.length, mount.device.hasGaps ? MR_KLM_BYTES : MR_PAGE_BYTES)
    request.mapped = array.length
    this.registered++
    return true
  }

  /** What came in packets is copied out of them, and out of pages of cifs to the reader. */
  private receive(requests: readonly Request[], row: Row, taken: number): void {
    if ((row.result ?? 0) < 0) return
    let left = taken
    for (const { bytes, own, mapped: entries } of requests) {
      const came = Math.min(left, bytes)
      left -= came
      if (this.mount.isEncrypted && came > 0) this.decrypt(came)
      if (entries === 0) this.world.data.copiedBytes += came
      // Into the kernel's own memory, or pages that the context holds: both are there whatever the process unmaps.
      if (own.length > 0) this.world.data.copiedBytes += came
    }
  }

  private release({ array, holds, own, mapped: entries }: Request): void {
    const { world } = this
    if (entries > 0) {
      world.unmapDma(entries)
      this.registered--
    }
    for (const hold of holds) world.drop(hold)
    for (const page of own) world.putOwn(page)
    if (array.length > 0) world.free()
  }
}

function sum(entries: readonly Entry[]): number {
  return entries.reduce((total, { length }) => total + length, 0)
}
