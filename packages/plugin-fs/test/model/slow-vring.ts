import {
  EFAULT,
  EINVAL,
  isUser,
  type Operation,
  PAGE,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const ELOOP = -40
/** IOTLB_IOV_STRIDE */
const MAPS = 16
const ELEMENT_BYTES = 16

/** drivers/vhost/vringh.c: vringh_iov_xfer(), copy_from_iotlb(), copy_to_iotlb(), iotlb_translate(). consumers.md 11.3. */
export class SlowVring implements Twin {
  private readonly world: World
  /** Room in the arrays of descriptors, by ring and direction. */
  private readonly arrays = new Map<string, number>()
  private readonly counts = { descriptors: 0, lookups: 0, copyCalls: 0, fullStrides: 0 }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit({ iter, row }: Operation): number {
    const { world, counts } = this
    const { options, version } = world.setup
    if (iter.count === 0) return 0
    const segments = segmentsOf(row.segs, iter.end)
    if (segments.length > (options['ring-entries'] ?? 256)) {
      world.entries.limitHits++
      return ELOOP
    }
    this.gather(`${row.file ?? ''} ${row.op}`, segments.length)
    counts.descriptors += segments.length
    // No map is of user addresses.
    if (isUser(iter.type) && (!since(version, '6.12') || options['use-va'] === 0)) return EINVAL
    for (const [base, length] of segments) {
      for (let at = 0; at < length; ) {
        const lengths = this.translate(base! + at, length - at)
        const bytes = lengths.reduce((sum, one) => sum + one, 0)
        counts.copyCalls++
        if (at + bytes < length) {
          counts.fullStrides++
          world.entries.limitHits++
        }
        world.built(lengths.length, ELEMENT_BYTES)
        const pieces = iter.left(iter.position + bytes)
        if (!isUser(iter.type)) {
          const entries = pieces.map((piece) => iter.toEntry(piece))
          world.bare += entries.length
          world.borrow(entries, 'none', !iter.isDest)
        }
        if (iter.copy(bytes) < bytes) return EFAULT
        at += bytes
      }
    }
    return iter.position
  }

  /** Bytes in each map, at most 16 of them. */
  private translate(address: number, length: number): number[] {
    const size = this.world.setup.options['map-bytes'] ?? 2 << 20
    const lengths: number[] = []
    for (let at = 0; at < length && lengths.length < MAPS; at += lengths.at(-1)!) {
      lengths.push(Math.min(length - at, size - ((address + at) % size)))
    }
    this.counts.lookups += lengths.length
    return lengths
  }

  /** resize_iovec */
  private gather(key: string, count: number): void {
    let room = this.arrays.get(key) ?? 0
    while (room < count) {
      this.world.allocate()
      if (room > 0) this.world.free()
      room = Math.max(room * 2, 8)
    }
    this.arrays.set(key, room)
  }

  complete(): void {}

  close(): void {
    for (const _ of this.arrays) this.world.free()
  }
}

/** First byte and length of each descriptor; of frames the physical address. */
function segmentsOf(segs: readonly (readonly number[])[], end: number): number[][] {
  const all: number[][] = []
  let left = end
  for (const seg of segs) {
    const length = Math.min(seg.at(-1)!, left)
    if (length > 0) all.push([seg.length === 3 ? seg[0]! * PAGE + seg[1]! : seg[0]!, length])
    left -= length
  }
  return all
}
