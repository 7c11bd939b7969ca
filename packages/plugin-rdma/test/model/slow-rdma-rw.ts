import {
  EAGAIN,
  EINVAL,
  EIO,
  type Entry,
  type Hold,
  type Operation,
  PAGE,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { deviceOf, type Mapped, mapped, type SlowDevice, sgToPages } from './slow-device.ts'
import { payloadOf } from './slow-payload.ts'

const SGE_BYTES = 16
const BVEC_BYTES = 16
const MR_PAGE_BYTES = 8
/** Pages of the largest transfer of an NVMe target. */
const TRANSFER_PAGES = 256

interface Mr {
  needsInval: boolean
}

/** struct rdma_rw_ctx */
interface Context {
  readonly mapped: number
  readonly mrs: readonly Mr[]
  readonly allocations: number
}

/** drivers/infiniband/core/rw.c: rdma_rw_ctx_init(), rdma_rw_ctx_init_bvec(), rdma_rw_ctx_destroy(). consumers.md 3.5. */
export class SlowRdmaRw implements Twin {
  private readonly world: World
  private readonly device: SlowDevice
  private readonly pagesPerMr: number
  /** The next to be taken is the first one. */
  private pool: Mr[]
  private readonly contexts = new Map<number, { context: Context; holds: readonly Hold[] }>()
  private readonly counts = {
    singleContexts: 0,
    multiContexts: 0,
    mrContexts: 0,
    iovaContexts: 0,
    sgEntries: 0,
    bvecs: 0,
    sges: 0,
    rdmaWrs: 0,
    regWrs: 0,
    invWrs: 0,
    mrs: 0,
    mrPages: 0,
    mrPoolEmpty: 0,
    mrFallbacks: 0,
    mrShort: 0,
    iovaUnaligned: 0,
  }

  constructor(world: World) {
    const { options } = world.setup
    this.world = world
    this.device = deviceOf(options)
    this.pagesPerMr = Math.min(this.device.maxFastReg, 256)
    const perRequest = Math.ceil(TRANSFER_PAGES / this.pagesPerMr)
    const canUseMr = this.device.isIwarp || this.device.maxSglRd > 0 || this.forcesMr
    const mrs = canUseMr ? (options['queue-size'] ?? 128) * perRequest : 0
    this.pool = Array.from({ length: mrs }, () => ({ needsInval: false }))
  }

  counters() {
    return this.counts
  }

  submit({ iter, number }: Operation): number {
    const { world } = this
    const isBvecs = this.usesBvecs && iter.type === 'bvec'
    if (iter.count === 0) return this.usesBvecs ? EINVAL : EIO
    const payload = payloadOf(world, iter, iter.count)
    if (typeof payload === 'number') return payload
    const { entries, holds, bytes } = payload
    if (this.usesBvecs) {
      this.counts.bvecs += entries.length
      if (!isBvecs) world.built(entries.length, BVEC_BYTES)
    } else {
      this.counts.sgEntries += entries.length
      world.built(entries.length)
    }
    const context = this.usesBvecs ? this.initBvec(entries, !iter.isDest) : this.init(entries, !iter.isDest)
    if (typeof context === 'number') {
      for (const hold of holds) world.drop(hold)
      return context
    }
    const sent = bytes - (world.setup.options.offset ?? 0)
    world.reachedInPlace(sent)
    this.contexts.set(number, { context, holds })
    return sent
  }

  complete({ number }: Operation): void {
    const done = this.contexts.get(number)
    if (done === undefined) return
    this.contexts.delete(number)
    const { context, holds } = done
    for (const mr of context.mrs) this.pool.unshift(mr)
    for (let i = 0; i < context.allocations; i++) this.world.free()
    this.world.unmapDma(context.mapped)
    for (const hold of holds) this.world.drop(hold)
  }

  close(): void {}

  private get forcesMr(): boolean {
    return this.world.setup.options['force-mr'] === 1
  }

  private get usesBvecs(): boolean {
    return this.world.setup.options.bvec === 1 && this.world.setup.version === 'mainline'
  }

  private maxSge(isWrite: boolean): number {
    const { maxSendSge, maxSgeRd } = this.device
    return isWrite ? maxSendSge : Math.min(maxSendSge, maxSgeRd)
  }

  /** rdma_rw_ctx_init */
  private init(entries: readonly Entry[], isWrite: boolean): Context | number {
    const { world, device } = this
    const count = entries.length
    world.mapDma(count)
    let offset = world.setup.options.offset ?? 0
    const list = entries.map(mapped)
    while (list.length > 0 && offset >= list[0]!.length) offset -= list.shift()!.length
    const undo = (error: number) => {
      world.unmapDma(count)
      return error
    }
    if (list.length === 0) return undo(EIO)
    const isOptimised = device.maxSglRd > 0 && list.length > device.maxSglRd
    if (this.forcesMr || (!isWrite && (device.isIwarp || isOptimised))) {
      const context = this.registerList(list, offset, isWrite, count, 1)
      if (typeof context !== 'number') return context
      if (context !== EAGAIN || device.isIwarp || this.forcesMr) return undo(context)
      this.counts.mrFallbacks++
    }
    if (list.length === 1) return this.single(count)
    // sges and work requests
    world.allocate()
    world.allocate()
    return this.multi(list.length, isWrite, count, 2)
  }

  /** rdma_rw_ctx_init_bvec */
  private initBvec(entries: readonly Entry[], isWrite: boolean): Context | number {
    const { world, device } = this
    const count = entries.length
    if (this.forcesMr || (!isWrite && device.isIwarp)) {
      world.allocate()
      world.allocate()
      world.built(count)
      this.counts.sgEntries += count
      world.mapDma(count)
      const context = this.registerList(entries.map(mapped), 0, isWrite, count, 2)
      if (typeof context === 'number') {
        world.unmapDma(count)
        world.free()
      }
      return context
    }
    if (count === 1) {
      world.mapDma(1)
      return this.single(1)
    }
    if (world.setup.options.iova === 1 && !device.isVirtual) {
      // dma_iova_link
      for (let i = 1; i < count; i++) {
        const { offset } = entries[i]!
        const before = entries[i - 1]!
        if (offset % PAGE === 0 && (before.offset + before.length) % PAGE === 0) continue
        this.counts.iovaUnaligned++
        return offset % PAGE !== 0 ? EIO : EINVAL
      }
      world.mapDma(count)
      world.built(1, SGE_BYTES)
      this.counts.iovaContexts++
      this.counts.sges++
      this.counts.rdmaWrs++
      return { mapped: count, mrs: [], allocations: 0 }
    }
    world.allocate()
    for (let i = 0; i < count; i++) world.mapDma(1)
    return this.multi(count, isWrite, count, 1)
  }

  private single(mappedEntries: number): Context {
    this.counts.singleContexts++
    this.counts.sges++
    this.counts.rdmaWrs++
    this.world.built(1, SGE_BYTES)
    return { mapped: mappedEntries, mrs: [], allocations: 0 }
  }

  private multi(sges: number, isWrite: boolean, mappedEntries: number, allocations: number): Context {
    this.counts.multiContexts++
    this.counts.sges += sges
    this.counts.rdmaWrs += Math.ceil(sges / this.maxSge(isWrite))
    this.world.built(sges, SGE_BYTES)
    return { mapped: mappedEntries, mrs: [], allocations }
  }

  /** rdma_rw_init_mr_wrs: an errno with the MRs given back, and one allocation freed. */
  private registerList(
    list: readonly Mapped[],
    firstOffset: number,
    isWrite: boolean,
    mappedEntries: number,
    allocations: number,
  ): Context | number {
    const { world, pagesPerMr, counts, device } = this
    if (allocations === 1) world.allocate()
    const mrs: Mr[] = []
    let invs = 0
    let error = 0
    for (let at = 0; at < list.length && error === 0; at += pagesPerMr) {
      const part = list.slice(at, at + pagesPerMr)
      const mr = this.pool.shift()
      if (mr === undefined) {
        counts.mrPoolEmpty++
        world.entries.limitHits++
        error = EAGAIN
        break
      }
      const region = sgToPages(part, pagesPerMr, at === 0 ? firstOffset : 0)
      if (typeof region === 'number' || region.taken < part.length) {
        this.pool.unshift(mr)
        counts.mrShort++
        error = EINVAL
        break
      }
      mrs.push(mr)
      counts.mrs++
      counts.mrPages += region.pages.length
      counts.sges++
      world.built(region.pages.length, MR_PAGE_BYTES)
      world.built(1, SGE_BYTES)
      if (mr.needsInval) invs++
    }
    if (error !== 0) {
      for (const mr of mrs.reverse()) this.pool.unshift(mr)
      world.free()
      return error
    }
    for (const mr of mrs) mr.needsInval = isWrite || !device.isIwarp
    counts.mrContexts++
    counts.regWrs += mrs.length
    counts.invWrs += invs
    counts.rdmaWrs += mrs.length
    return { mapped: mappedEntries, mrs, allocations }
  }
}
