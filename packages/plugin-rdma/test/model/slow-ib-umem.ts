import {
  EFAULT,
  EINVAL,
  ENOMEM,
  frameOf,
  type Hold,
  type Iter,
  isUser,
  type Operation,
  PAGE,
  type Page,
  type Piece,
  type Registration,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { DEVICE, deviceOf } from './slow-device.ts'

const BATCH = 512
const SG_CHUNK = 128
const SGE_BYTES = 16
const POINTER_BYTES = 8
const DEVICE_ENTRY_BYTES = 8
const ACCESS = { write: 0, read: 1, direction: 2 }

/** struct ib_umem */
interface Umem {
  readonly address: number
  readonly length: number
  readonly writable: boolean
  readonly pages: Page[]
  /** Pages of each entry of its scatterlist. */
  readonly entries: number[]
  /** Rooms of the chunks of that list, and how much of them is used. */
  readonly chunks: { readonly room: number; used: number }[]
}

interface Pins {
  readonly umems: readonly Umem[]
  readonly holds: readonly Hold[]
}

/** drivers/infiniband/core/umem.c: ib_umem_get(), ib_umem_release(). consumers.md 3.6. */
export class SlowIbUmem implements Twin {
  private readonly world: World
  private readonly inFlight = new Map<number, Pins>()
  private readonly registered = new Map<string, readonly Umem[]>()
  private readonly dirty = new Set<Page>()
  private pinnedVm = 0
  private readonly counts = {
    registrations: 0,
    deregistrations: 0,
    transientRegistrations: 0,
    batches: 0,
    sgEntries: 0,
    deviceEntries: 0,
    unpinCalls: 0,
    memlockPagesPeak: 0,
    undone: 0,
    refusedMemlock: 0,
    refusedPages: 0,
    refusedPageSize: 0,
    workRequests: 0,
    sges: 0,
    protectionErrors: 0,
  }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit({ iter, row, number }: Operation): number {
    if (iter.count === 0) return 0
    const bytes = iter.count
    const access = this.option('access')
    if (row.flags?.includes('fixed') === true) {
      const umems = this.registered.get(row.id!)!
      if (iter.isDest && umems.some(({ writable }) => !writable)) return this.protectionError()
      this.post(iter)
      return bytes
    }
    if (!isUser(iter.type)) return EINVAL
    const writable = access === ACCESS.direction ? iter.isDest : access === ACCESS.write
    const pins = this.getAll(iter, writable)
    if (typeof pins === 'number') return pins
    if (iter.isDest && !writable) {
      this.releaseAll(pins)
      return this.protectionError()
    }
    this.counts.transientRegistrations += pins.umems.length
    this.post(iter)
    this.inFlight.set(number, pins)
    return bytes
  }

  complete({ number }: Operation): void {
    const pins = this.inFlight.get(number)
    if (pins === undefined) return
    this.inFlight.delete(number)
    this.releaseAll(pins)
  }

  close(): void {}

  register({ row, iter }: Registration): readonly Hold[] | number {
    const pins = this.getAll(iter, this.option('access') !== ACCESS.read)
    if (typeof pins === 'number') return pins
    this.registered.set(row.id!, pins.umems)
    return pins.holds
  }

  unregister({ row }: Registration, holds: readonly Hold[]): void {
    this.releaseAll({ umems: this.registered.get(row.id!)!, holds })
    this.registered.delete(row.id!)
  }

  private option(name: string): number {
    return this.world.setup.options[name] ?? 0
  }

  private protectionError(): number {
    this.counts.protectionErrors++
    return EFAULT
  }

  /** An element for each segment, as many in a work request as the device takes. */
  private post(iter: Iter): void {
    const segments = new Set(iter.left().map(({ segment }) => segment)).size
    this.counts.sges += segments
    const { maxSendSge, maxSgeRd } = deviceOf(this.world.setup.options)
    this.counts.workRequests += Math.ceil(segments / (iter.isDest ? Math.min(maxSendSge, maxSgeRd) : maxSendSge))
    this.world.built(segments, SGE_BYTES)
    this.world.reachedInPlace(iter.count)
  }

  /** A range for each segment; those before one that fails are released as a program does. */
  private getAll(iter: Iter, writable: boolean): Pins | number {
    const umems: Umem[] = []
    const holds: Hold[] = []
    const all = iter.left()
    for (const segment of new Set(all.map((piece) => piece.segment))) {
      const got = this.get(
        all.filter((piece) => piece.segment === segment),
        iter,
        writable,
      )
      if (typeof got === 'number') {
        this.releaseAll({ umems, holds })
        return got
      }
      umems.push(got.umem)
      holds.push(got.hold)
    }
    return { umems, holds }
  }

  /** ib_umem_get, and what the driver does with it. */
  private get(pieces: readonly Piece[], iter: Iter, writable: boolean): { umem: Umem; hold: Hold } | number {
    const { world, counts } = this
    const memlock = this.option('memlock')
    world.allocate()
    // The page that lists a batch.
    world.allocate()
    const npages = pieces.length
    if (memlock > 0 && this.pinnedVm + npages > Math.floor(memlock / PAGE)) {
      counts.refusedMemlock++
      world.entries.limitHits++
      world.free()
      world.free()
      return ENOMEM
    }
    this.pinnedVm += npages
    counts.memlockPagesPeak = Math.max(counts.memlockPagesPeak, this.pinnedVm)
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const address = Number(pieces[0]!.key.slice('user '.length)) * PAGE + pieces[0]!.offset
    const umem: Umem = { address, length, writable, pages: [], entries: [], chunks: [] }
    const holds: Hold[] = []
    let error = 0
    while (umem.pages.length < npages && error === 0) {
      if (npages - umem.pages.length > BATCH) world.entries.limitHits++
      const batch: Page[] = []
      for (const piece of pieces.slice(umem.pages.length, umem.pages.length + BATCH)) {
        if (!this.canPin(piece, iter, writable)) break
        batch.push(iter.toEntry(piece).page)
      }
      if (batch.length === 0) error = EFAULT
      else {
        holds.push(world.take('pin', batch))
        counts.batches++
        this.append(umem, batch, npages - umem.pages.length - batch.length)
      }
    }
    world.free()
    const undo = () => {
      for (const hold of holds) world.drop(hold)
      counts.unpinCalls += umem.entries.length
      for (const _ of umem.chunks) world.free()
      this.pinnedVm -= npages
      world.free()
      return error
    }
    if (error !== 0) {
      counts.refusedPages++
      if (umem.pages.length > 0) counts.undone++
      return undo()
    }
    world.mapDma(umem.entries.length)
    counts.registrations++
    const shift = this.bestShift(umem)
    if (shift < 0) {
      counts.refusedPageSize++
      this.releaseAll({ umems: [umem], holds })
      return EINVAL
    }
    world.built(npages, POINTER_BYTES)
    world.built(umem.entries.length)
    counts.sgEntries += umem.entries.length
    const size = 2 ** shift
    const listed = Math.ceil((address + length) / size) - Math.floor(address / size)
    counts.deviceEntries += listed
    world.built(listed, DEVICE_ENTRY_BYTES)
    return { umem, hold: { kind: 'pin', pages: umem.pages } }
  }

  /** 6.1 asks for writing, whatever it is for: private memory that the process may only read then gets a copy. */
  private canPin(piece: Piece, iter: Iter, writable: boolean): boolean {
    if (!iter.canRead(piece)) return false
    if (!writable) return true
    return this.world.accessOf(piece.key) === 'write'
  }

  /** sg_alloc_append_table_from_pages: contiguous pages are one entry, the last one of the batch before goes on. */
  private append(umem: Umem, batch: readonly Page[], leftPages: number): void {
    const maxPages = Math.floor((this.option('max-segment') || this.deviceSegment) / PAGE)
    let at = 0
    const goesOn = (page: Page) => umem.pages.length > 0 && follows(umem.pages.at(-1)!, page)
    while (at < batch.length && goesOn(batch[at]!) && umem.entries.at(-1)! < maxPages) {
      umem.entries[umem.entries.length - 1]!++
      umem.pages.push(batch[at++]!)
    }
    const chunks: number[] = []
    for (let i = at; i < batch.length; i++) {
      const isNew = i === at || !follows(batch[i - 1]!, batch[i]!) || chunks.at(-1)! === maxPages
      if (isNew) chunks.push(1)
      else chunks[chunks.length - 1]!++
    }
    chunks.forEach((pages, i) => {
      this.nextEntry(umem, chunks.length - i + leftPages)
      umem.entries.push(pages)
    })
    umem.pages.push(...batch.slice(at))
  }

  /** get_next_sg: the last place of a chunk is kept for the chain, unless nothing else comes. */
  private nextEntry(umem: Umem, needed: number): void {
    const last = umem.chunks.at(-1)
    if (last !== undefined && (last.used + 1 < last.room || needed === 1)) {
      last.used++
      return
    }
    this.world.allocate()
    umem.chunks.push({ room: Math.min(needed, SG_CHUNK), used: 1 })
  }

  private get deviceSegment(): number {
    return this.option('device') === DEVICE.mlx5 ? 2 ** 31 : 2 ** 32 - 1
  }

  /** log2 of the page size that ib_umem_find_best_pgsz gives; -1: none fits. rxe and siw list every page. */
  private bestShift({ address, length, entries, pages }: Umem): number {
    const device = this.option('device')
    if (device === DEVICE.rxe || device === DEVICE.siw) return 12
    const bitmap = BigInt(
      this.option('page-size-bitmap') || (device === DEVICE.mlx5 ? 2 ** 32 - 2 ** 12 : 2 ** 12 + 2 ** 21 + 2 ** 30),
    )
    const virt = BigInt(address)
    let bits = 0n
    while ((virt ^ (virt + BigInt(length) - 1n)) >> bits > 0n) bits++
    let mask = (bitmap >> bits) << bits
    let va = virt
    let at = 0
    entries.forEach((count, i) => {
      const page = pages[at]!
      const goesOn = at > 0 && follows(pages[at - 1]!, page)
      // How an order-0 page's frame continues above its 12 bits nobody knows.
      if (!goesOn) {
        const folioBits = page.head === undefined ? 12n : 21n
        const base = BigInt(page.head === undefined ? 0 : frameOf(page) - frameOf(page.head)) * BigInt(PAGE)
        const known = (1n << folioBits) - 1n
        mask |= ((base + (i === 0 ? va % BigInt(PAGE) : 0n)) ^ va) & known
        mask |= 1n << folioBits
        if (i !== 0) mask |= va
      }
      va += BigInt(count * PAGE) - (i === 0 ? va % BigInt(PAGE) : 0n)
      at += count
    })
    let best = -1
    for (let shift = 0; shift < 53; shift++) {
      if ((bitmap >> BigInt(shift)) & 1n) best = shift
      if ((mask >> BigInt(shift)) & 1n) break
    }
    return best
  }

  private releaseAll({ umems, holds }: Pins): void {
    for (const umem of umems) {
      this.world.unmapDma(umem.entries.length)
      this.counts.unpinCalls += umem.entries.length
      this.counts.deregistrations++
      if (umem.writable) for (const page of umem.pages) this.dirty.add(page.head ?? page)
      for (const _ of umem.chunks) this.world.free()
      this.world.free()
      this.pinnedVm -= umem.pages.length
    }
    for (const hold of holds) this.world.drop(hold)
  }
}

/** One page is behind the other in memory. */
function follows(before: Page, page: Page): boolean {
  return frameOf(page) === frameOf(before) + 1
}
