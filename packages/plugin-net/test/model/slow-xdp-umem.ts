import {
  EFAULT,
  EINVAL,
  ENOMEM,
  type Hold,
  type Operation,
  PAGE,
  type Registration,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const ENOBUFS = -105
const CHUNK_MIN = 2048

/** net/xdp/xdp_umem.c: xdp_umem_reg(), xdp_umem_release(). */
export class SlowXdpUmem implements Twin {
  readonly defersUnregister = true
  private readonly world: World
  private locked = 0
  private readonly areas = new Map<readonly Hold[], readonly number[]>()
  private readonly counts = {
    registrations: 0,
    releases: 0,
    umemPages: 0,
    refusedShape: 0,
    refusedMemlock: 0,
    refusedPages: 0,
    undone: 0,
    lockedPagesPeak: 0,
  }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  register({ row, iter }: Registration): readonly Hold[] | number {
    const holds: Hold[] = []
    const sizes: number[] = []
    for (let segment = 0; segment < row.segs.length; segment++) {
      const [at, length] = row.segs[segment] as [number, number]
      const got = this.area(
        iter.left().filter((piece) => piece.segment === segment),
        at,
        length,
        iter,
      )
      if (typeof got === 'number') {
        this.undo(holds, sizes)
        return got
      }
      holds.push(got)
      sizes.push(got.pages.length)
    }
    this.areas.set(holds, sizes)
    return holds
  }

  unregister(_: Registration, holds: readonly Hold[]): void {
    this.undo(holds, this.areas.get(holds)!)
  }

  /** xdp_umem_create */
  private area(
    pieces: ReturnType<Registration['iter']['left']>,
    at: number,
    length: number,
    iter: Registration['iter'],
  ) {
    const { world, counts } = this
    const { options } = world.setup
    const chunk = options['chunk-size'] ?? PAGE
    world.allocate()
    const isBadChunk = chunk < CHUNK_MIN || chunk > PAGE
    const isUneven = options.unaligned !== 1 && (!Number.isInteger(Math.log2(chunk)) || length % chunk !== 0)
    if (isBadChunk || isUneven || at % PAGE !== 0 || length < chunk) {
      counts.refusedShape++
      world.free()
      return EINVAL
    }
    const npages = Math.ceil(length / PAGE)
    if (options.memlock && this.locked + npages > Math.floor(options.memlock / PAGE)) {
      counts.refusedMemlock++
      world.entries.limitHits++
      world.free()
      return ENOBUFS
    }
    world.allocate()
    const bad = pieces.findIndex((piece) => !iter.canHave(piece))
    if (bad === 0) {
      counts.refusedPages++
      world.free()
      world.free()
      return EFAULT
    }
    const entries = (bad < 0 ? pieces : pieces.slice(0, bad)).map((piece) => iter.toEntry(piece))
    const hold = world.take(
      'pin',
      entries.map(({ page }) => page),
    )
    if (bad > 0) {
      counts.refusedPages++
      counts.undone++
      // xdp_umem_pin_pages: umem->npgs = npgs, and only so many are given back.
      if (world.setup.quirks['xdp-umem-account-short'] !== false) this.locked += npages - entries.length
      world.drop(hold)
      world.free()
      world.free()
      return ENOMEM
    }
    world.built(npages, 8)
    // vmap
    world.allocate()
    if (options.mode !== 1) {
      world.allocate()
      for (let i = 0; i < npages; i++) world.mapDma(1)
    }
    this.locked += npages
    // Of areas that were registered: every other is accounted for a moment.
    counts.lockedPagesPeak = Math.max(counts.lockedPagesPeak, this.locked)
    counts.registrations++
    counts.umemPages += npages
    return hold
  }

  private undo(holds: readonly Hold[], sizes: readonly number[]): void {
    const { world, counts } = this
    const { options } = world.setup
    holds.forEach((hold, i) => {
      counts.releases++
      this.locked -= sizes[i]!
      if (options.mode !== 1) {
        world.free()
        world.unmapDma(sizes[i]!)
      }
      world.drop(hold)
      for (let n = 0; n < 3; n++) world.free()
    })
  }

  /** Packets: nothing is taken of frames, and the program copies what lies in none. */
  submit({ iter, row }: Operation): number {
    const { world } = this
    if (iter.count === 0) return 0
    if (row.flags?.includes('fixed') === true) {
      if (world.setup.options.mode === 1) world.data.copiedBytes += iter.count
      else {
        world.bare += iter.left().length
        world.reachedInPlace(iter.count)
      }
      return iter.count
    }
    if (iter.type === 'bvec') return EINVAL
    const { count } = iter
    const copied = iter.copy(count)
    return copied < count ? EFAULT : copied
  }

  complete(): void {}

  close(): void {}
}
