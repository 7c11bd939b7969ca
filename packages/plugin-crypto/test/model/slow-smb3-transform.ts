import {
  EFAULT,
  EIO,
  extract,
  type Hold,
  type Iter,
  isUser,
  type Operation,
  PAGE,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { extractToSg } from './slow-sg.ts'

const MAX_ORDER = 9

/** fs/smb/client/smb2ops.c: smb2_get_aead_req(), smb3_init_transform_rq(), decrypt_raw_data(). consumers.md 2.6. */
export class SlowSmb3Transform implements Twin {
  private readonly world: World
  /** 6.1: what direct I/O keeps until the answer: pages, and the arrays that they are listed in. */
  private readonly kept = new Map<number, { holds: Hold[]; arrays: number }>()

  constructor(world: World) {
    this.world = world
  }

  submit({ iter, number, row }: Operation): number {
    const { world } = this
    if (iter.count === 0) return 0
    const bytes =
      world.setup.policy === 'get-pages'
        ? this.pageArrays(iter, number)
        : iter.isDest
          ? this.decrypt(iter)
          : this.encrypt(iter)
    // A short transfer is not noticed before it is over.
    const { result = -1 } = row
    return bytes >= 0 && result >= 0 ? Math.min(bytes, result) : bytes
  }

  complete({ number }: Operation): void {
    const kept = this.kept.get(number)
    if (kept === undefined) return
    this.kept.delete(number)
    this.release(kept)
  }

  close(): void {}

  private release({ holds, arrays }: { holds: Hold[]; arrays: number }): void {
    for (const hold of holds) this.world.drop(hold)
    for (let i = 0; i < arrays; i++) this.world.free()
  }

  /** Headers, and the signature behind the data. */
  private get headers(): number {
    return this.world.setup.options.kvecs ?? 2
  }

  /** Decrypted where it is; nothing that would have to be let go of is listed. */
  private decrypt(iter: Iter): number {
    const { world } = this
    const bytes = iter.count
    if (isUser(iter.type)) return EIO
    const got = extractToSg(world, iter, bytes, iter.npages() + 1)
    // What could not be listed shows only when the headers and the signature are.
    const entries = typeof got === 'number' ? 0 : got.entries.length
    world.built(this.headers + entries + 1)
    if (typeof got === 'number' || got.bytes < bytes) return EIO
    world.data.zeroCopyBytes += bytes
    return bytes
  }

  /** Copied into folios, which are encrypted; the caller's data is never changed. */
  private encrypt(iter: Iter): number {
    const { world } = this
    const bytes = iter.count
    if (iter.copy(bytes) < bytes) return EIO
    world.built(this.headers + this.foliosOf(bytes) + 1)
    return bytes
  }

  /** 6.12: a page each; mainline: the largest folio that fits, each time. */
  private foliosOf(bytes: number): number {
    let pages = Math.ceil(bytes / PAGE)
    if (this.world.setup.version !== 'mainline') return pages
    let folios = 0
    for (; pages > 0; folios++) pages -= 2 ** Math.min(Math.floor(Math.log2(pages)), MAX_ORDER)
    return folios
  }

  /** 6.1: one message for each array of pages that one call gives. */
  private pageArrays(iter: Iter, number: number): number {
    const { world } = this
    if (iter.type === 'kvec') return this.throughOwnPages(iter, number)
    const kept = { holds: [] as Hold[], arrays: 0 }
    let bytes = 0
    let error = 0
    while (iter.count > 0 && error === 0) {
      const got = extract(world, iter, Number.POSITIVE_INFINITY, iter.count)
      if (typeof got === 'number') {
        error = got === 0 ? EFAULT : got
        continue
      }
      world.allocate()
      kept.arrays++
      if (got.hold !== null) kept.holds.push(got.hold)
      world.built(this.headers + got.entries.length + 1)
      if (iter.isDest) world.data.zeroCopyBytes += got.bytes
      else world.data.copiedBytes += got.bytes
      bytes += got.bytes
    }
    if (bytes === 0) {
      this.release(kept)
      return error
    }
    this.kept.set(number, kept)
    return bytes
  }

  /** 6.1: the pages of a kvec are not taken; what is written is copied a second time to be encrypted. */
  private throughOwnPages(iter: Iter, number: number): number {
    const { world } = this
    const bytes = iter.count
    // The array and its pages stay until the answer.
    const kept = { holds: [] as Hold[], arrays: 1 + Math.ceil(bytes / PAGE) }
    for (let i = 0; i < kept.arrays; i++) world.allocate()
    this.kept.set(number, kept)
    iter.copy(bytes)
    if (!iter.isDest) world.data.copiedBytes += bytes
    world.built(this.headers + Math.ceil(bytes / PAGE) + 1)
    return bytes
  }
}
