import { biosOf, segmentsOf } from '../../../core/test/consumer-twin/slow-bios.ts'
import type { Hold, Operation, Twin, World } from '../../../core/test/consumer-twin/slow-common.ts'

const BVEC_BYTES = 16
const VECS = 256
const SECTOR = 512

interface Outstanding {
  readonly holds: readonly Hold[]
  readonly hasArray: boolean
  readonly dirtied: number
}

/** drivers/block/loop.c: lo_rw_aio(), lo_read_simple(), lo_write_simple(), for operations of one request. consumers.md 10.4. */
export class SlowLoop implements Twin {
  private readonly world: World
  private readonly outstanding = new Map<number, Outstanding>()
  private readonly counts = {
    bios: 0,
    requests: 0,
    singleBioRequests: 0,
    copiedArrays: 0,
    bvecs: 0,
    lowerCalls: 0,
    dirtiedPages: 0,
  }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit({ iter, row, number }: Operation): number {
    const { world, counts } = this
    const { options, version } = world.setup
    // The layer above ends with the file: the last request is of whole sectors.
    const { result = iter.end } = row
    iter.end = Math.min(iter.end, Math.ceil(Math.max(result, 0) / SECTOR) * SECTOR)
    if (iter.count === 0) return 0
    const pieces = iter.left().length
    const entries = iter.left().map((piece) => iter.toEntry(piece))
    const { count } = iter
    const made = biosOf(world, iter, options['bio-vecs'] ?? VECS)
    if (typeof made === 'number') return made
    const { bios, holds, pages } = made
    if (holds.length === 0 && pages === 0) world.bare += pieces
    world.borrow(entries, pages === 0 ? 'lock' : 'count', !iter.isDest)
    const bvecs = bios.flat()
    const isDirect = options['direct-io'] !== 0
    counts.bios += bios.length
    counts.requests++
    let hasArray = false
    if (!isDirect && version === '6.1') {
      // An iterator of one bvec for each page.
      const calls = segmentsOf(bvecs)
      counts.lowerCalls += calls
      counts.bvecs += calls
      world.built(calls, BVEC_BYTES)
    } else {
      counts.lowerCalls++
      counts.bvecs += bvecs.length
      if (bios.length === 1) {
        counts.singleBioRequests++
        world.avoided.entries += bvecs.length
        world.avoided.allocations++
      } else {
        counts.copiedArrays++
        hasArray = true
        world.allocate()
        world.built(bvecs.length, BVEC_BYTES)
      }
    }
    if (isDirect) world.reachedInPlace(count)
    else world.data.copiedBytes += count
    this.outstanding.set(number, { holds, hasArray, dirtied: iter.isDest ? pages : 0 })
    return Math.min(count, result)
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    this.counts.dirtiedPages += outstanding.dirtied
    for (const hold of outstanding.holds) this.world.drop(hold)
    if (outstanding.hasArray) this.world.free()
  }

  close(): void {}
}
