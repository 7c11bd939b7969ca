import { biosOf } from '../../../core/test/consumer-twin/slow-bios.ts'
import type { Entry, Hold, Operation, Twin, World } from '../../../core/test/consumer-twin/slow-common.ts'
import { SlowMessenger } from './slow-messenger.ts'

const BVEC_BYTES = 16
const VECS = 256
const SECTOR = 512

interface Extent {
  readonly object: number
  readonly offset: number
  length: number
  readonly pieces: Entry[]
}

interface Outstanding {
  readonly holds: readonly Hold[]
  readonly arrays: number
  readonly dirtied: number
}

/** drivers/block/rbd.c: rbd_img_fill_request(), rbd_osd_setup_data(); net/ceph/striper.c. No clone. consumers.md 10.3. */
export class SlowRbd implements Twin {
  private readonly world: World
  private readonly messenger: SlowMessenger
  private readonly outstanding = new Map<number, Outstanding>()
  private readonly counts = { requests: 0, objectRequests: 0, ownBvecArrays: 0, dirtiedPages: 0 }

  constructor(world: World) {
    this.world = world
    this.messenger = new SlowMessenger(world)
  }

  counters() {
    return { ...this.messenger.counts, ...this.counts }
  }

  submit({ iter, row, number }: Operation): number {
    const { world, counts } = this
    const { objectBytes, unit, count: stripes } = this.layout
    const { result = iter.end } = row
    iter.end = Math.min(iter.end, Math.ceil(Math.max(result, 0) / SECTOR) * SECTOR)
    const { count } = iter
    if (count === 0) return 0
    const pieces = iter.left().length
    const entries = iter.left().map((piece) => iter.toEntry(piece))
    const made = biosOf(world, iter, VECS)
    if (typeof made === 'number') return made
    if (made.pages === 0) world.bare += pieces
    world.borrow(entries, made.pages === 0 ? 'lock' : 'count', !iter.isDest)
    const data = made.bios.flat().flatMap(({ pages }) => pages)
    const holds = [...made.holds]
    let position = row.offset ?? 0
    let arrays = 0
    for (let start = 0; start < count; start += objectBytes * stripes) {
      const bytes = Math.min(count - start, objectBytes * stripes)
      counts.requests++
      const extents = this.extents(cut(data, start, bytes), position)
      position += bytes
      counts.objectRequests += extents.length
      for (const extent of extents) {
        if (unit < objectBytes) {
          counts.ownBvecArrays++
          arrays++
          world.allocate()
          world.built(extent.pieces.length, BVEC_BYTES)
        } else {
          world.avoided.entries += extent.pieces.length
          world.avoided.allocations++
        }
        if (iter.isDest) this.messenger.receive(extent.length)
        else holds.push(...this.messenger.send(extent.pieces, false))
      }
    }
    this.outstanding.set(number, { holds, arrays, dirtied: iter.isDest ? made.pages : 0 })
    return Math.min(count, result)
  }

  private get layout() {
    const { options } = this.world.setup
    const objectBytes = options['object-size'] ?? 4 << 20
    return {
      objectBytes,
      unit: Math.min(options['stripe-unit'] ?? objectBytes, objectBytes),
      count: options['stripe-count'] ?? 1,
    }
  }

  /** ceph_file_to_extents: by object, in the order in which they are met. */
  private extents(data: readonly Entry[], position: number): Extent[] {
    const { objectBytes, unit, count } = this.layout
    const total = data.reduce((sum, { length }) => sum + length, 0)
    const extents: Extent[] = []
    for (let at = 0; at < total; ) {
      const where = position + at
      const block = Math.floor(where / unit)
      const stripe = Math.floor(block / count)
      const perObject = objectBytes / unit
      const object = Math.floor(stripe / perObject) * count + (block % count)
      const offset = (stripe % perObject) * unit + (where % unit)
      const bytes = Math.min(total - at, unit - (where % unit))
      const pieces = cut(data, at, bytes)
      const known = extents.find((one) => one.object === object && one.offset + one.length === offset)
      if (known === undefined) extents.push({ object, offset, length: bytes, pieces })
      else {
        known.length += bytes
        known.pieces.push(...pieces)
      }
      at += bytes
    }
    return extents
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    this.counts.dirtiedPages += outstanding.dirtied
    for (const hold of outstanding.holds) this.world.drop(hold)
    for (let i = 0; i < outstanding.arrays; i++) this.world.free()
  }

  close(): void {}
}

/** `bytes` bytes of the pieces from `start` on. */
function cut(data: readonly Entry[], start: number, bytes: number): Entry[] {
  const part: Entry[] = []
  let at = 0
  for (const { page, offset, length } of data) {
    const from = Math.max(start - at, 0)
    const until = Math.min(length, start + bytes - at)
    if (until > from) part.push({ page, offset: offset + from, length: until - from })
    at += length
  }
  return part
}
