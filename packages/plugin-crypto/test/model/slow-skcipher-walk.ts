import {
  EINVAL,
  type Entry,
  type Hold,
  type Operation,
  PAGE,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { extractToSg, getPagesToSg } from './slow-sg.ts'

interface Sizes {
  readonly block: number
  readonly stride: number
  readonly alignmask: number
}

/** A byte of a list by its place: which entry, and where in its pages. */
interface Place {
  readonly page: object
  /** From the start of that page; an entry of many pages goes on beyond one. */
  readonly offset: number
  /** Bytes to the end of the entry. */
  readonly left: number
}

/** crypto/skcipher.c: a walk over the scatterlist of an iterator. consumers.md 2.4. */
export class SlowSkcipherWalk implements Twin {
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  submit({ iter }: Operation): number {
    const { world } = this
    const { options, policy } = world.setup
    const bytes = iter.count
    if (bytes === 0) return 0
    const pages = Math.max(iter.npages(), 1)
    const got = policy === 'get-pages' ? getPagesToSg(world, iter, bytes) : extractToSg(world, iter, bytes, pages)
    if (typeof got === 'number') return got
    const isInPlace = options['in-place'] !== 0
    const own = isInPlace ? [] : this.ownPages(got.bytes)
    world.built(got.entries.length)
    if (!isInPlace) world.built(own.length)
    const user = got.entries
    const result = isInPlace
      ? this.walk(user, user, got.bytes)
      : iter.isDest
        ? this.walk(own, user, got.bytes)
        : this.walk(user, own, got.bytes)
    for (const hold of got.holds as readonly Hold[]) world.drop(hold)
    return result < 0 ? result : got.bytes
  }

  complete(): void {}

  close(): void {}

  private ownPages(bytes: number): Entry[] {
    const first = this.world.setup.options['dst-offset'] ?? 0
    const entries: Entry[] = []
    for (let left = bytes, offset = first; left > 0; offset = 0) {
      const length = Math.min(left, PAGE - offset)
      entries.push({ page: { owned: 1, held: 0 }, offset, length })
      left -= length
    }
    return entries
  }

  private sizes(): Sizes {
    const { options } = this.world.setup
    const block = options['block-size'] ?? 16
    return { block, stride: Math.max(options['walk-size'] ?? 1, block), alignmask: options.alignmask ?? 0 }
  }

  /** 0, or -EINVAL with what was worked on before. */
  private walk(src: readonly Entry[], dst: readonly Entry[], bytes: number): number {
    const { block, stride, alignmask } = this.sizes()
    let done = 0
    while (done < bytes) {
      const left = bytes - done
      const from = placeOf(src, done)
      const to = placeOf(dst, done)
      const wanted = Math.min(stride, Math.max(left, block))
      const reach = Math.min(left, this.clamp(from), this.clamp(to))
      if (reach < wanted) {
        if (left < block) return EINVAL
        // Gathered, worked on, scattered.
        const worked = left < stride ? wholeOf(wanted, block) : wanted
        this.world.data.copiedBytes += wanted
        if (worked < wanted) return EINVAL
        this.world.data.copiedBytes += wanted
        done += wanted
        continue
      }
      // The cipher leaves what is no whole stride; of the last step, what is no whole block.
      const worked = wholeOf(reach, reach < left ? stride : block)
      if (((from.offset | to.offset) & alignmask) !== 0) this.world.data.copiedBytes += reach + worked
      else this.world.data.zeroCopyBytes += worked
      done += worked
    }
    return 0
  }

  /** To the end of the entry, and of the page; since 6.15 over a page end, but no more than a page. */
  private clamp({ offset, left }: Place): number {
    const limit = since(this.world.setup.version, '6.18') ? PAGE : PAGE - (offset % PAGE)
    return Math.min(left, limit)
  }
}

function wholeOf(bytes: number, unit: number): number {
  return bytes - (bytes % unit)
}

function placeOf(list: readonly Entry[], at: number): Place {
  let start = 0
  for (const { page, offset, length } of list) {
    if (at < start + length) return { page, offset: offset + at - start, left: start + length - at }
    start += length
  }
  throw new Error('a walk beyond its list')
}
