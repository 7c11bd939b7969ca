import {
  EAGAIN,
  EFAULT,
  type Entry,
  type Hold,
  Iter,
  isUser,
  type Operation,
  PAGE,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { type OwnMemory, SlowTcpFrags } from './slow-tcp-frags.ts'

const ESERVERFAULT = -526
const MARKER = 4
const ELEMENT_BYTES = 16

/** How a message is handed to TCP. */
export type WayName = 'kernel' | 'bvec' | 'kmap' | 'sends' | 'mixed'
const WAY_NAMES: readonly WayName[] = ['kernel', 'bvec', 'kmap', 'sends', 'mixed']

/** A part of a message: memory that a kvec names, or pages. */
interface Part {
  readonly kind: 'kvec' | 'pages'
  /** Of the row: its pieces. */
  readonly entries: readonly Entry[]
  /** Not of the row: head, tail, pages that data was copied into. */
  readonly own: readonly { readonly memory: OwnMemory; readonly offset: number; readonly length: number }[]
  readonly bytes: number
}

/** What an operation keeps until it is over. */
interface Kept {
  holds: readonly Hold[]
  allocations: number
}

/** net/sunrpc/svcsock.c, net/sunrpc/socklib.c, net/sunrpc/xprtsock.c; consumers.md 8.1. Kernel memory is pages, not slab. */
export class SlowSunrpc implements Twin {
  private readonly world: World
  private readonly way: WayName
  private readonly kept = new Map<number, Kept>()
  private readonly arrays = new Set<string>()
  private readonly counts = {
    messages: 0,
    calls: 0,
    iterators: 0,
    elements: 0,
    kmaps: 0,
    kmapsPeak: 0,
    bytesCopied: 0,
    bytesReferenced: 0,
    fragReferences: 0,
    skbFrags: 0,
    skbs: 0,
    improperPages: 0,
    notLinear: 0,
    bytesSkipped: 0,
    socketsClosed: 0,
    memoryWaits: 0,
    sparsePages: 0,
  }

  constructor(world: World, way: WayName | null) {
    this.world = world
    this.way = way ?? WAY_NAMES[this.option('way', 0)]!
  }

  counters() {
    return this.counts
  }

  private option(name: string, byDefault: number): number {
    return this.world.setup.options[name] ?? byDefault
  }

  private get isServer(): boolean {
    return this.option('side', 0) === 0
  }

  private get isSplice(): boolean {
    return since(this.world.setup.version, '6.12')
  }

  /** kernel_sendpage for each part: the server of 6.1. */
  private get isSendpage(): boolean {
    return this.way === 'kernel' && this.isServer && !this.isSplice
  }

  private get isOneCall(): boolean {
    const isKernelServer = this.way === 'kernel' && this.isServer && this.isSplice
    return isKernelServer || this.way === 'bvec' || this.way === 'kmap' || this.way === 'mixed'
  }

  /** Whether TCP refers to a part. */
  private refers(kind: Part['kind']): boolean {
    if (this.option('sg', 1) === 0 || this.way === 'kmap') return false
    if (this.way === 'kernel') return this.isServer
    return this.way === 'bvec' || kind === 'pages'
  }

  /** The marker is in a page fragment that a bvec names. */
  private get hasMarkerFrag(): boolean {
    return this.isOneCall && (this.way === 'bvec' || this.way === 'kernel')
  }

  private get blockBytes(): number {
    return Math.min(this.option('max-block', 1 << 20), since(this.world.setup.version, '6.18') ? 4 << 20 : 1 << 20)
  }

  private get messageMax(): number {
    return Math.ceil(this.blockBytes / PAGE) * PAGE + PAGE
  }

  /** Head and tail of what goes one way: replies of READ, or requests of WRITE. */
  private sizes(isReply: boolean, data: number): { head: number; tail: number } {
    const head = this.option('head', 0) || (isReply ? 104 : 188)
    const tail = this.option('tail', 0) || (isReply ? 0 : 16)
    return { head, tail: tail + ((4 - (data % 4)) % 4) }
  }

  submit(op: Operation): number {
    const { iter, row } = op
    if (row.result !== undefined && row.result < 0) return row.result
    if (row.result !== undefined) iter.end = Math.min(iter.end, iter.position + row.result)
    if (iter.count === 0) return 0
    const kept: Kept = { holds: [], allocations: 0 }
    this.kept.set(op.number, kept)
    const result = iter.isDest ? this.receive(op, kept) : this.send(op, kept)
    if (result < 0) this.complete(op)
    return result
  }

  // What is sent.

  private send(op: Operation, kept: Kept): number {
    const { world, counts } = this
    const { iter, row } = op
    const file = row.file ?? ''
    if (this.isOneCall && !this.arrays.has(file)) {
      this.arrays.add(file)
      world.allocate()
    }
    const tcp = new SlowTcpFrags(world)
    const isWhole = iter.type === 'mixed' || iter.type === 'kvec'
    if (!isWhole && iter.count > this.blockBytes) world.entries.limitHits++
    let sent = 0
    let error = 0
    let inPlace = 0
    const sources = iter.type === 'mixed' ? [] : [iter]
    while (error === 0 && (isWhole ? sent === 0 : iter.count > 0)) {
      const parts = isWhole ? this.wholeParts(op, sources) : this.dataParts(iter, kept)
      if (parts === null) {
        error = EFAULT
        break
      }
      error = this.transmit(parts, tcp, kept)
      if (error < 0) {
        // A client tries again.
        if (this.isServer) counts.socketsClosed++
        break
      }
      for (const { entries, kind } of parts) {
        const bytes = bytesOf(entries)
        sent += bytes
        if (this.refers(kind)) {
          inPlace += bytes
          world.borrow(entries, 'count', true)
        } else world.data.copiedBytes += bytes
      }
      if (isUser(iter.type)) {
        const data = parts.find(({ kind }) => kind === 'pages')!.bytes
        sent += data
        if (!this.refers('pages')) world.data.copiedBytes += data
      }
    }
    kept.holds = tcp.holds
    world.built(tcp.frags, ELEMENT_BYTES)
    counts.skbs += tcp.skbs
    counts.skbFrags += tcp.frags
    counts.fragReferences += tcp.fragReferences
    world.reachedInPlace(inPlace)
    return sent > 0 ? sent : error
  }

  /** A row that is a message: each kvec a part, the bvecs between two of them one. */
  private wholeParts({ row, iter }: Operation, sources: readonly Iter[]): Part[] {
    const iters = iter.type === 'mixed' ? Iter.parts(this.world, { ...row, len: iter.count }) : sources
    const parts: Part[] = []
    for (const one of iters) {
      const isKvec = one.type === 'kvec'
      while (one.count > 0) {
        const pieces = isKvec ? one.segment() : one.left()
        const entries = pieces.map((piece) => one.toEntry(piece))
        one.position += bytesOf(entries)
        parts.push({ kind: isKvec ? 'kvec' : 'pages', entries, own: [], bytes: bytesOf(entries) })
      }
    }
    return parts
  }

  /** The next block of data, with a head and a tail of the sender's; null where it cannot be read. */
  private dataParts(iter: Iter, kept: Kept): Part[] | null {
    const { world } = this
    const bytes = Math.min(iter.count, this.blockBytes)
    const { head, tail } = this.sizes(this.isServer, bytes)
    const pages: OwnMemory[] = []
    let data: Part
    if (isUser(iter.type)) {
      for (let i = 0; i < bytes / PAGE; i++) {
        pages.push({ references: 0 })
        world.allocPage()
        kept.allocations++
        const wanted = Math.min(PAGE, bytes - i * PAGE)
        if (iter.copy(wanted) < wanted) return null
      }
      const own = pages.map((memory, i) => ({ memory, offset: 0, length: Math.min(PAGE, bytes - i * PAGE) }))
      data = { kind: 'pages', entries: [], own, bytes }
    } else {
      const entries = iter.left(iter.position + bytes).map((piece) => iter.toEntry(piece))
      iter.position += bytes
      data = { kind: 'pages', entries, own: [], bytes }
    }
    // The server's first page, or a kmalloc'ed object of the client's.
    world.allocate()
    kept.allocations++
    const memory: OwnMemory = { references: 0 }
    const part = (offset: number, length: number): Part => ({
      kind: 'kvec',
      entries: [],
      own: [{ memory, offset, length }],
      bytes: length,
    })
    return [part(0, head), data, ...(tail > 0 ? [part(head, tail)] : [])]
  }

  /** svc_tcp_sendmsg, xprt_sock_sendmsg, or one of the mail's ways: 0, or -errno. */
  private transmit(parts: readonly Part[], tcp: SlowTcpFrags, kept: Kept): number {
    const { world, counts } = this
    const pages = parts
      .filter(({ kind }) => kind === 'pages')
      .reduce((sum, one) => sum + one.entries.length + one.own.length, 0)
    const kvecs = parts.filter(({ kind }) => kind === 'kvec').length
    if (this.hasMarkerFrag) this.keepMemory(kept)
    if (this.isOneCall && kvecs + pages > this.elementsMax) {
      world.entries.limitHits++
      return ESERVERFAULT
    }
    if (!this.isOneCall && pages > 0) {
      // xdr_alloc_bvec, xdr_free_bvec
      world.allocate()
      world.free()
    }
    const copied =
      parts.filter(({ kind }) => !this.refers(kind)).reduce((sum, { bytes }) => sum + bytes, 0) +
      (this.hasMarkerFrag && this.option('sg', 1) === 1 ? 0 : MARKER)
    if (copied > 0) this.keepMemory(kept)
    counts.messages++
    this.count(parts, kvecs, pages)
    tcp.beginMessage()
    if (this.hasMarkerFrag && this.option('sg', 1) === 1) tcp.referOwn({ references: 0 }, 0, MARKER)
    else tcp.copy(MARKER)
    counts.bytesCopied += copied + (this.hasMarkerFrag && this.option('sg', 1) === 1 ? MARKER : 0)
    for (const part of parts) {
      if (!this.refers(part.kind)) {
        tcp.copy(part.bytes)
        continue
      }
      counts.bytesReferenced += part.bytes
      if (this.isSendpage && part.kind === 'kvec' && part.entries.length > 0) {
        tcp.referRow({ ...part.entries[0]!, length: part.bytes })
      } else for (const entry of part.entries) tcp.referRow(entry)
      // rpc_malloc() takes a client's head from a slab cache.
      if (part.kind === 'kvec' && part.own.length > 0 && !this.isServer) counts.improperPages++
      for (const { memory, offset, length } of part.own) tcp.referOwn(memory, offset, length)
    }
    return 0
  }

  private keepMemory(kept: Kept): void {
    this.world.allocate()
    kept.allocations++
  }

  private get elementsMax(): number {
    return since(this.world.setup.version, '6.18') ? this.messageMax / PAGE + 3 : 259
  }

  private count(parts: readonly Part[], kvecs: number, pages: number): void {
    const { counts, world } = this
    const calls = this.isSendpage
      ? 1 + kvecs + pages
      : this.isOneCall
        ? 1
        : parts.length + (parts[0]!.kind === 'kvec' ? 0 : 1)
    const elements = this.isSendpage ? 1 + pages : 1 + kvecs + pages
    counts.calls += calls
    counts.iterators += this.isSendpage ? 1 : calls
    counts.elements += elements
    world.built(elements, ELEMENT_BYTES)
    if (this.way === 'kmap') {
      counts.kmaps += pages
      counts.kmapsPeak = Math.max(counts.kmapsPeak, pages)
    }
    // sock_no_sendpage() maps part after part.
    if (this.isSendpage && this.option('sg', 1) === 0) {
      counts.kmaps += kvecs + pages
      counts.kmapsPeak = Math.max(counts.kmapsPeak, 1)
    }
  }

  // What arrives.

  private receive(op: Operation, kept: Kept): number {
    const { world, counts } = this
    const { iter } = op
    const isWhole = iter.type === 'mixed' || iter.type === 'kvec'
    if (!isWhole && iter.count > this.blockBytes) world.entries.limitHits++
    let got = 0
    while (isWhole ? got === 0 : iter.count > 0) {
      const parts = isWhole ? this.wholeParts(op, [iter]) : this.arriving(iter)
      const wire = parts.reduce((sum, { bytes }) => sum + bytes, 0)
      if (this.isServer && wire > this.messageMax) {
        counts.socketsClosed++
        world.entries.limitHits++
        return got > 0 ? got : EAGAIN
      }
      const pages = parts.filter(({ kind }) => kind === 'pages').reduce((sum, { entries }) => sum + entries.length, 0)
      if (!this.isServer && pages > 0) {
        this.keepMemory(kept)
        if (this.option('sparse', 0) === 1) {
          counts.sparsePages += pages
          for (let i = 0; i < pages; i++) this.keepMemory(kept)
        }
      }
      counts.messages++
      // xs_read_xdr_buf: eight bytes came with the marker.
      const rest = parts.filter(({ bytes }, i) => i > 0 || bytes > 8)
      const calls = this.isServer ? 2 : 1 + rest.length
      const elements = this.isServer
        ? 1 + Math.ceil(wire / PAGE)
        : 1 + rest.reduce((sum, { kind, entries }) => sum + (kind === 'pages' ? entries.length : 1), 0)
      counts.calls += calls
      counts.iterators += calls
      counts.elements += elements
      world.built(elements, ELEMENT_BYTES)
      counts.bytesCopied += MARKER + wire
      const bytes = isWhole ? wire : parts.find(({ kind }) => kind === 'pages')!.bytes
      world.data.copiedBytes += bytes
      got += bytes
    }
    return got
  }

  private arriving(iter: Iter): Part[] {
    const bytes = Math.min(iter.count, this.blockBytes)
    const { head, tail } = this.sizes(!this.isServer, bytes)
    const entries = iter.type === 'discard' ? [] : iter.left(iter.position + bytes).map((piece) => iter.toEntry(piece))
    iter.position += bytes
    const own = (length: number): Part => ({ kind: 'kvec', entries: [], own: [], bytes: length })
    return [own(head), { kind: 'pages', entries, own: [], bytes }, ...(tail > 0 ? [own(tail)] : [])]
  }

  complete({ number }: Operation): void {
    const kept = this.kept.get(number)
    if (kept === undefined) return
    this.kept.delete(number)
    for (const hold of kept.holds) this.world.drop(hold)
    for (let i = 0; i < kept.allocations; i++) this.world.free()
  }

  close(): void {
    for (const _ of this.arrays) this.world.free()
  }
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { length }) => sum + length, 0)
}
