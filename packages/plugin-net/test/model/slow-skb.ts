import {
  EFAULT,
  EIO,
  type Entry,
  extract,
  type Guard,
  type Hold,
  type Iter,
  PAGE,
  type Page,
  since,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import type { SlowUbufs, Ubuf } from './slow-ubuf.ts'

export const EMSGSIZE = -90
export const FRAGS_MAX = 17
const POINTER_BYTES = 8
const FRAG_BYTES = 16
const PAGE_FRAG_BYTES = 32_768
const REFILL_BYTES = 32

type FragKind = 'ref' | 'pin' | 'bare' | 'own'

interface Frag {
  readonly page: Page | PageFrag
  readonly offset: number
  size: number
  kind: FragKind
  hold: Hold | null
}

/** Eight pages with one count; the first has it. */
export class PageFrag {
  references = 1
  readonly pages: readonly Page[]
  constructor(pages: readonly Page[]) {
    this.pages = pages
  }
}

export interface Skb {
  len: number
  /** Bytes that are in no frag. */
  linear: number
  /** Bytes that are sent from where they lie. */
  inPlaceBytes: number
  frags: Frag[]
  isPure: boolean
  isManaged: boolean
  isEor: boolean
  ubuf: Ubuf | null
  /** Of which operations in flight it has data. */
  readonly operations: Set<number>
  readonly copies: Page[]
}

export interface SkbCounts {
  skbs: number
  pureSkbs: number
  pureDowngrades: number
  pagesJoined: number
  mergesRefused: number
  managedFrags: number
  downgrades: number
  downgradeRefs: number
  splicedPages: number
  slabPages: number
}

/** net/core/skbuff.c, net/core/datagram.c, net/core/sock.c */
export class SlowSkbs {
  private readonly world: World
  private readonly ubufs: SlowUbufs
  private readonly counts: SkbCounts
  /** current->task_frag */
  private task: { frag: PageFrag; offset: number } | null = null
  /** Those that are not freed. */
  readonly live = new Set<Skb>()
  /** What was in the skbs that it adds to. */
  private readonly parts = new Map<Skb, { frags: number; lastSize: number }>()
  /** What the call at work sends from where it lies. */
  inPlace: { entry: Entry; guard: Guard }[] = []

  constructor(world: World, ubufs: SlowUbufs, counts: SkbCounts) {
    this.world = world
    this.ubufs = ubufs
    this.counts = counts
  }

  private get isLegacy(): boolean {
    return this.world.setup.policy === 'get-pages'
  }

  alloc(): Skb {
    this.world.allocate()
    this.counts.skbs++
    const flags = { isPure: false, isManaged: false, isEor: false }
    const skb: Skb = {
      len: 0,
      linear: 0,
      inPlaceBytes: 0,
      frags: [],
      ...flags,
      ubuf: null,
      operations: new Set(),
      copies: [],
    }
    this.live.add(skb)
    return skb
  }

  /** skb_zcopy_set */
  attach(skb: Skb, ubuf: Ubuf): void {
    if (skb.ubuf !== null) return
    ubuf.refs++
    skb.ubuf = ubuf
  }

  /** kfree_skb: whoever waits for its pages is told, then they go. */
  free(skb: Skb): void {
    this.parts.delete(skb)
    this.live.delete(skb)
    if (skb.ubuf !== null) this.ubufs.put(skb.ubuf, true, true)
    this.putFrags(skb)
    for (const page of skb.copies) this.world.putOwn(page)
    this.world.free()
  }

  putFrags(skb: Skb): void {
    const skipsUnref = skb.isManaged && this.isLegacy
    for (const frag of skb.frags) if (!skipsUnref || frag.kind === 'own') this.unref(frag)
    skb.frags = []
  }

  private unref(frag: Frag): void {
    if (frag.page instanceof PageFrag) this.putPageFrag(frag.page)
    else if (frag.hold !== null) this.world.drop(frag.hold)
  }

  // Data that is copied.

  /** sk_page_frag_refill, skb_copy_to_page_nocache: how many of `bytes` fit, or -EMSGSIZE, or -EFAULT. */
  appendCopied(skb: Skb, iter: Iter, bytes: number): number {
    const task = this.refill()
    const last = skb.frags.at(-1)
    const isJoined = skb.ubuf === null && last?.page === task.frag && last.offset + last.size === task.offset
    if (!isJoined && skb.frags.length >= FRAGS_MAX) {
      this.world.entries.limitHits++
      return EMSGSIZE
    }
    const most = Math.min(bytes, PAGE_FRAG_BYTES - task.offset)
    this.downgradePure(skb)
    this.downgradeManaged(skb)
    if (!copyAll(iter, most)) return EFAULT
    if (isJoined) last.size += most
    else {
      task.frag.references++
      task.frag.pages[0]!.held++
      this.addFrag(skb, { page: task.frag, offset: task.offset, size: most, kind: 'own', hold: null })
    }
    task.offset += most
    skb.len += most
    return most
  }

  private refill(): { frag: PageFrag; offset: number } {
    const { task, world } = this
    if (task !== null) {
      if (task.frag.references === 1) task.offset = 0
      if (task.offset + REFILL_BYTES <= PAGE_FRAG_BYTES) return task
      this.putPageFrag(task.frag)
    }
    const pages = Array.from({ length: PAGE_FRAG_BYTES / PAGE }, () => world.allocPage())
    this.task = { frag: new PageFrag(pages), offset: 0 }
    return this.task
  }

  private putPageFrag(frag: PageFrag): void {
    frag.references--
    if (frag.references > 0) frag.pages[0]!.held--
    else for (const page of frag.pages) this.world.putOwn(page)
  }

  /** The task exits. */
  close(): void {
    if (this.task !== null) this.putPageFrag(this.task.frag)
  }

  // Data that stays where it is.

  /**
   * __zerocopy_sg_from_iter, with io_uring's io_sg_from_iter (`fixed`) and io_sg_from_iter_iovec (`user`): 0, or an errno
   * with what was put there in it.
   */
  fill(skb: Skb, iter: Iter, bytes: number, from: 'msg' | 'fixed' | 'user'): number {
    if (from === 'user') this.downgradeManaged(skb)
    if (from !== 'fixed') return this.fillPages(skb, iter, bytes, false)
    if (skb.frags.length === 0) skb.isManaged = true
    return skb.isManaged ? this.fillManaged(skb, iter, bytes) : this.fillPages(skb, iter, bytes, true)
  }

  /** Since 6.12 a bvec of a registered buffer is a folio; 6.1 has one for each page. */
  private fillManaged(skb: Skb, iter: Iter, bytes: number): number {
    const { world, counts } = this
    const hasFolios = since(world.setup.version, '6.12')
    let lastHead: Page | null = null
    for (const piece of iter.left(iter.position + Math.min(bytes, iter.count))) {
      const entry = iter.toEntry(piece)
      const { page, offset, length } = entry
      if (hasFolios && page.head !== undefined && page.head === lastHead) skb.frags.at(-1)!.size += length
      else {
        if (skb.frags.length === FRAGS_MAX) {
          world.entries.limitHits++
          return EMSGSIZE
        }
        const place = hasFolios ? placeOf(entry) : { page, offset }
        this.addFrag(skb, { ...place, size: length, kind: 'bare', hold: null })
        counts.managedFrags++
      }
      lastHead = page.head ?? null
      world.bare++
      skb.len += length
      iter.position += length
      this.inPlace.push({ entry, guard: 'count' })
    }
    return 0
  }

  private fillPages(skb: Skb, iter: Iter, bytes: number, isFixed: boolean): number {
    const { world, counts } = this
    let left = Math.min(bytes, iter.count)
    while (left > 0) {
      const room = FRAGS_MAX - skb.frags.length
      if (room === 0) {
        world.entries.limitHits++
        return EMSGSIZE
      }
      const got = isFixed ? this.extractFixed(iter, room, left) : extract(world, iter, room, left)
      if (typeof got === 'number') return EFAULT
      world.built(got.entries.length, POINTER_BYTES)
      left -= got.bytes
      skb.len += got.bytes
      const kind: FragKind = got.hold === null ? 'bare' : got.hold.kind
      for (const entry of got.entries) {
        const place = placeOf(entry)
        const hold: Hold | null = got.hold === null ? null : { kind: got.hold.kind, pages: [entry.page] }
        this.inPlace.push({ entry, guard: hold === null ? 'none' : 'count' })
        const last = skb.frags.at(-1)
        const isNext = last?.page === place.page && last.offset + last.size === place.offset
        if (isNext && last.kind === kind) {
          last.size += entry.length
          if (hold !== null) {
            counts.pagesJoined++
            world.drop(hold)
          }
          continue
        }
        if (isNext) counts.mergesRefused++
        this.addFrag(skb, { ...place, size: entry.length, kind, hold })
      }
    }
    return 0
  }

  /** A registered buffer is a bvec iterator; the policy `folio` lists folios whole. */
  private extractFixed(iter: Iter, pagesMax: number, bytesMax: number) {
    const { world } = this
    const pieces = iter.segment(bytesMax).map((piece) => iter.toEntry(piece))
    const listed: Entry[] = []
    let pages = 0
    for (const entry of pieces) {
      if (pages === pagesMax) break
      const last = listed.at(-1)
      const { head } = entry.page
      if (world.setup.policy === 'folio' && last !== undefined && head !== undefined && head === last.page.head) {
        listed[listed.length - 1] = { ...last, length: last.length + entry.length }
      } else listed.push(entry)
      pages++
    }
    const bytes = listed.reduce((sum, { length }) => sum + length, 0)
    iter.position += bytes
    if (!this.isLegacy) world.bare += pages
    return {
      entries: listed,
      bytes,
      hold: this.isLegacy
        ? world.take(
            'ref',
            listed.map(({ page }) => page),
          )
        : null,
    }
  }

  /** skb_splice_from_iter: bytes, -EMSGSIZE or -EIO. Kernel memory of these tests is slab memory, all of it. */
  splice(skb: Skb, iter: Iter, bytes: number): number {
    const { world, counts } = this
    if (iter.type === 'kvec') {
      const room = Math.max(1, Math.min(FRAGS_MAX - skb.frags.length, 8))
      const skipped = iter.segment(bytes).slice(0, room)
      world.built(skipped.length, POINTER_BYTES)
      counts.slabPages++
      iter.position += skipped.reduce((sum, { length }) => sum + length, 0)
      return EIO
    }
    let spliced = 0
    while (iter.count > 0 && spliced < bytes) {
      const pagesMax = Math.max(1, Math.min(FRAGS_MAX - skb.frags.length, 8))
      const pieces = iter.segment(bytes - spliced).slice(0, pagesMax)
      world.built(pieces.length, POINTER_BYTES)
      for (const piece of pieces) {
        if (!this.attachPage(skb, iter.toEntry(piece))) return spliced > 0 ? spliced : EMSGSIZE
        iter.position += piece.length
        spliced += piece.length
      }
    }
    return spliced
  }

  /** skb_append_pagefrags; 6.1: tcp_build_frag */
  attachPage(skb: Skb, entry: Entry): boolean {
    const { world, counts } = this
    const isManagedKept = !since(world.setup.version, '6.12') && world.setup.quirks['tcp-sendpage-managed'] !== false
    const last = skb.frags.at(-1)
    const isNext = last?.page === entry.page && last.offset + last.size === entry.offset
    if (isNext && skb.ubuf === null && last.kind === 'ref') last.size += entry.length
    else {
      if (isNext && last.kind !== 'ref') counts.mergesRefused++
      if (skb.frags.length >= FRAGS_MAX) {
        world.entries.limitHits++
        return false
      }
      if (!isManagedKept) this.downgradeManaged(skb)
      const { page, offset, length: size } = entry
      this.addFrag(skb, { page, offset, size, kind: 'ref', hold: world.take('ref', [page]) })
    }
    counts.splicedPages++
    skb.len += entry.length
    this.inPlace.push({ entry, guard: 'count' })
    return true
  }

  /** ___pskb_trim, back to `before`. */
  trim(skb: Skb, before: { frags: number; lastSize: number; len: number }): void {
    for (const frag of skb.frags.slice(before.frags)) this.unref(frag)
    skb.frags.length = before.frags
    if (before.frags > 0) skb.frags.at(-1)!.size = before.lastSize
    skb.len = before.len
  }

  /** tcp_downgrade_zcopy_pure */
  downgradePure(skb: Skb): void {
    if (!skb.isPure) return
    skb.isPure = false
    this.counts.pureDowngrades++
  }

  /** skb_zcopy_downgrade_managed */
  downgradeManaged(skb: Skb): void {
    if (!skb.isManaged || !this.isLegacy) return
    skb.isManaged = false
    this.counts.downgrades++
    for (const frag of skb.frags) {
      if (frag.page instanceof PageFrag) continue
      frag.hold = this.world.take('ref', [frag.page])
      frag.kind = 'ref'
      this.counts.downgradeRefs++
    }
  }

  /** skb_copy_ubufs: pages of the receiver. */
  copyUbufs(skb: Skb): void {
    if (skb.frags.length === 0) return
    const bytes = skb.len - skb.linear
    let pages = 1
    while (pages * PAGE * FRAGS_MAX < bytes) pages *= 2
    const count = Math.ceil(bytes / (pages * PAGE)) * pages
    for (let i = 0; i < count; i++) skb.copies.push(this.world.allocPage())
    this.world.data.copiedBytes += bytes
    // It was not sent from where it lies after all.
    this.world.reachedInPlace(-skb.inPlaceBytes)
    skb.inPlaceBytes = 0
  }

  /** Data of the call is in frags of its own pages. */
  sentInPlace(skb: Skb, bytes: number): void {
    skb.inPlaceBytes += bytes
    this.world.reachedInPlace(bytes)
  }

  /** The call is over: its list names these bytes until the operation is. */
  borrowAll(): void {
    for (const { entry, guard } of this.inPlace) this.world.borrow([entry], guard, true)
  }

  private addFrag(skb: Skb, frag: Frag): void {
    skb.frags.push(frag)
  }

  /** The call at work adds to this skb. */
  begin(skb: Skb): void {
    if (this.parts.has(skb)) return
    this.parts.set(skb, { frags: skb.frags.length, lastSize: skb.frags.at(-1)?.size ?? 0 })
  }

  /** It went well: its frags, and what the one before them grew by. */
  endParts(): void {
    for (const [skb, { frags, lastSize }] of this.parts) {
      const hasGrown = frags > 0 && (skb.frags[frags - 1]?.size ?? lastSize) > lastSize
      this.world.built(Math.max(0, skb.frags.length - frags) + (hasGrown ? 1 : 0), FRAG_BYTES)
    }
    this.parts.clear()
  }

  /** It failed. */
  forgetParts(): void {
    this.parts.clear()
    this.inPlace = []
  }
}

/** All of `bytes` or none (copy_from_iter_full); what was copied before the fault the CPU has copied all the same. */
export function copyAll(iter: Iter, bytes: number): boolean {
  const { position } = iter
  if (iter.copy(bytes) === bytes) return true
  iter.position = position
  return false
}

/** The head of the folio, and where in it. */
function placeOf({ page, offset }: Entry): { page: Page; offset: number } {
  const { head } = page
  return head === undefined ? { page, offset } : { page: head, offset: (page.frame! - head.frame!) * PAGE + offset }
}
