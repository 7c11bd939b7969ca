import {
  EAGAIN,
  EIO,
  type Entry,
  type Iter,
  isUser,
  PAGE,
  type Piece,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { extractToSg } from '../../../plugin-crypto/test/model/slow-sg.ts'
import { type Agreed, type CifsCounts, partsOf } from './slow-cifs.ts'
import { mapped, sgToPages } from './slow-device.ts'

const MR_PAGE_BYTES = 8
const MR_KLM_BYTES = 16

/** smbd_register_mr(), smbd_deregister_mr(). consumers.md 3.2, 3.4. */
export class SlowMrs {
  private readonly world: World
  private readonly mount: Agreed
  private readonly counts: CifsCounts
  private readonly hasScatterlists: boolean
  /** Entries mapped, of each region that an operation has. */
  private readonly used = new Map<number, number[]>()
  /** Regions of each registered request, its last one behind. */
  private last = 0

  constructor(world: World, mount: Agreed, counts: CifsCounts, hasScatterlists: boolean) {
    this.world = world
    this.mount = mount
    this.counts = counts
    this.hasScatterlists = hasScatterlists
  }

  /** The bytes that the server can reach (fewer than the request's where the quirk lists too little), or an errno with nothing of it left. */
  register(operation: number, iter: Iter): number {
    const { world, mount } = this
    this.last = 0
    const isArrays = world.setup.policy === 'get-pages' && this.hasScatterlists
    const pages = iter.left()
    // 6.1 has no way to tell such memory.
    if (isArrays && (isUser(iter.type) || iter.type === 'discard')) {
      if (isUser(iter.type)) this.counts.refused++
      return EIO
    }
    if (!isArrays && pages.length > mount.depth) {
      world.entries.limitHits++
      this.counts.refused++
      return EAGAIN
    }
    const lists = isArrays ? this.arrays(iter) : [this.list(iter)]
    for (const list of lists) {
      if (!this.registerList(operation, list, isArrays)) {
        while (this.last > 0) this.undoLast(operation)
        return EAGAIN
      }
      this.last++
    }
    if (!isArrays) this.avoid(pages, lists[0]!.length, !isUser(iter.type))
    return lists.flat().reduce((sum, { length }) => sum + length, 0)
  }

  /** Against 6.1: its array of pages, unless an array of bvecs took its place, and an entry for each page. */
  private avoid(pages: readonly Piece[], entries: number, isKernel: boolean): void {
    const { avoided } = this.world
    const isKernelMemory = isKernel && pages.every(({ page }) => page === undefined)
    if (!this.hasScatterlists) avoided.entries += entries
    else avoided.entries += pages.length - entries + (isKernelMemory ? pages.length : 0)
    if (this.hasScatterlists && isKernelMemory) avoided.allocations++
  }

  undoLast(operation: number): void {
    const entries = this.used.get(operation)?.pop()
    if (entries === undefined) return
    this.last--
    if (this.world.setup.options['local-invalidate'] === 1) this.counts.localInvalidations++
    this.world.unmapDma(entries)
  }

  undoAll(operation: number): void {
    for (const entries of this.used.get(operation) ?? []) {
      if (this.world.setup.options['local-invalidate'] === 1) this.counts.localInvalidations++
      this.world.unmapDma(entries)
    }
    this.used.delete(operation)
  }

  close(): void {}

  /** smbd_iter_to_mr: an entry a bvec, a page of a kvec, a folio. */
  private list(iter: Iter): Entry[] {
    const isOwn = iter.left().some(({ page }) => page !== undefined)
    if (isOwn || !this.hasScatterlists) {
      if (!isOwn) this.world.bare += iter.left().length
      return partsOf(iter).map(({ entry, length }) => ({ ...entry!, length }))
    }
    const got = extractToSg(this.world, iter, iter.count, this.mount.depth)
    return typeof got === 'number' ? [] : [...got.entries]
  }

  /** 6.1: pages, an offset into the first, a size of the last; all others are whole. */
  private arrays(iter: Iter): Entry[][] {
    const isOwn = iter.left().some(({ page }) => page !== undefined)
    const entries = iter.left().map((piece) => iter.toEntry(piece))
    if (!isOwn) this.world.bare += entries.length
    const arrays: Entry[][] = []
    for (const entry of entries) {
      const last = arrays.at(-1)?.at(-1)
      if (last !== undefined && last.offset + last.length === PAGE && entry.offset === 0) arrays.at(-1)!.push(entry)
      else arrays.push([entry])
    }
    iter.position = iter.end
    return arrays
  }

  private registerList(operation: number, list: readonly Entry[], isArray: boolean): boolean {
    const { world, counts, mount } = this
    if (list.length > mount.depth && isArray) {
      world.entries.limitHits++
      counts.refused++
      return false
    }
    const regions = 2 * (world.setup.options['responder-resources'] ?? 32)
    if ([...this.used.values()].reduce((sum, { length }) => sum + length, 0) >= regions) {
      counts.mrWaits++
      world.entries.limitHits++
    }
    if (this.hasScatterlists) {
      world.built(list.length)
      counts.sgEntries += list.length
    }
    if (list.length === 0) {
      counts.mrErrors++
      return false
    }
    const region = mount.device.hasGaps
      ? { taken: Math.min(list.length, mount.depth), pages: list.slice(0, mount.depth) }
      : sgToPages(list.map(mapped), mount.depth)
    const isShort = typeof region === 'number' || region.taken < list.length
    // Without a scatterlist each piece is mapped before it is listed, up to the first that is not.
    const pieces = !isShort ? list.length : typeof region === 'number' ? 1 : region.taken + 1
    if (this.hasScatterlists) world.mapDma(list.length)
    else for (let i = 0; i < pieces; i++) world.mapDma(1)
    if (isShort) {
      world.unmapDma(this.hasScatterlists ? list.length : pieces)
      counts.mrErrors++
      return false
    }
    counts.mrs++
    counts.mrPages += region.pages.length
    world.built(region.pages.length, mount.device.hasGaps ? MR_KLM_BYTES : MR_PAGE_BYTES)
    this.used.set(operation, [...(this.used.get(operation) ?? []), list.length])
    return true
  }
}
