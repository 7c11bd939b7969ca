import {
  EFAULT,
  EINVAL,
  ENOMEM,
  extract,
  type Hold,
  type Iter,
  type Operation,
  PAGE,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const SGLS_MAX = 2048
const UNALIGNED_MAX = 256
const SECTOR = 512
const TUPLE = 8
/** SG_CHUNK_SIZE */
const CHUNK = 128

interface Command {
  prot: Hold[]
  data: Hold[]
  /** Bytes in each page of the copy fallback; null when the scatterlist reaches guest memory. */
  bounce: number[] | null
  /** Where a bounced read is copied to in the end. */
  back: Iter | null
  /** Chunks of the scatterlists that came from the pools. */
  chunks: number
}

/**
 * drivers/vhost/scsi.c: vhost_scsi_mapal() of a command, vhost_scsi_complete_cmd_work() and vhost_scsi_release_cmd_res().
 * consumers.md 4.
 */
export class SlowVhostScsi implements Twin {
  private readonly world: World
  private readonly commands = new Map<number, Command>()

  constructor(world: World) {
    this.world = world
  }

  submit({ iter, number }: Operation): number {
    const { world } = this
    const bytes = iter.count
    if (iter.type !== 'ubuf' && iter.type !== 'iovec') return EINVAL
    if (bytes === 0) return 0
    if (this.commands.size >= (world.setup.options.tags ?? 128)) {
      world.entries.limitHits++
      return ENOMEM
    }
    const command: Command = { prot: [], data: [], bounce: null, back: null, chunks: 0 }
    const error = this.mapal(command, iter)
    if (error < 0) {
      this.release(command)
      return error
    }
    this.commands.set(number, command)
    return bytes
  }

  complete({ number }: Operation): void {
    const command = this.commands.get(number)
    if (command === undefined) return
    this.commands.delete(number)
    const { bounce, back } = command
    // A copy back that stops short makes the response an error; everything is released all the same.
    if (back !== null) for (const bytes of bounce ?? []) if (back.copy(bytes) !== bytes) break
    if (back !== null) this.freeIter()
    for (const _ of bounce ?? []) this.world.free()
    this.release(command)
  }

  /** Commands that never ended keep what they have. */
  close(): void {}

  private mapal(command: Command, iter: Iter): number {
    const { world } = this
    const total = iter.count
    const prot = world.setup.options['t10-pi'] === 1 ? TUPLE * Math.floor(total / (SECTOR + TUPLE)) : 0
    let protEntries = 0
    if (prot > 0) {
      const protIter = iter.dup()
      protIter.end = protIter.position + prot
      iter.position += prot
      protEntries = protIter.npages()
      this.allocChunks(command, protEntries)
      const error = this.map(command.prot, protIter, protEntries, true)
      if (error < 0) return error
    }
    const count = iter.npages()
    this.allocChunks(command, count)
    let error = this.map(command.data, iter, count, false)
    if (error === MISALIGNED) error = this.copy(command, iter, count)
    if (error < 0) return error
    world.built(protEntries + count)
    world.data.zeroCopyBytes += command.bounce === null ? total : prot
    return 0
  }

  /** Every get_pages2 call is one iovec. On an error everything taken is put, and since 6.12 the iterator goes back. */
  private map(holds: Hold[], iter: Iter, count: number, isProt: boolean): number {
    const { world } = this
    if (count > SGLS_MAX) {
      world.entries.limitHits++
      return EINVAL
    }
    const start = iter.position
    const refuses = !isProt && count > UNALIGNED_MAX && since(world.setup.version, '6.12')
    while (iter.count > 0) {
      const got = extract(world, iter, SGLS_MAX, iter.count)
      let error = typeof got === 'number' ? (got === 0 ? EFAULT : got) : 0
      if (typeof got !== 'number') {
        const bad = got.entries.findIndex(({ offset, length }) => offset % SECTOR !== 0 || length % SECTOR !== 0)
        const lost = refuses && bad >= 0 ? this.lost(got.entries.slice(bad)) : 0
        if (refuses && bad >= 0) error = MISALIGNED
        if (got.hold !== null) {
          const pages = got.hold.pages.slice(0, got.hold.pages.length - lost)
          holds.push({ kind: got.hold.kind, pages })
        }
      }
      if (error === 0) continue
      for (const hold of holds) world.drop(hold)
      holds.length = 0
      if (since(world.setup.version, '6.12')) iter.position = start
      return error
    }
    return 0
  }

  /** Pages that are never put: since 6.14 those without an entry are counted without the offset of the first of them. */
  private lost(entries: readonly { length: number }[]): number {
    const { version, quirks, policy } = this.world.setup
    // Runs of a folio would be put as such, not page by page.
    if (policy === 'folio') return 0
    if (!(quirks['vhost-scsi-revert-short'] ?? since(version, '6.18'))) return 0
    const bytes = entries.reduce((sum, { length }) => sum + length, 0)
    return entries.length - Math.ceil(bytes / PAGE)
  }

  /** A fresh page for each entry the scatterlist would have had, filled one after the other. */
  private copy(command: Command, iter: Iter, count: number): number {
    const { world } = this
    world.entries.limitHits++
    const left = iter.count
    const bounce = Array.from({ length: count }, (_, i) => Math.max(Math.min(PAGE, left - i * PAGE), 0))
    if (iter.isDest) {
      command.back = iter.dup()
      // The array of segments; since 6.15 the iterator itself too.
      world.allocate()
      if (this.allocatesIter()) world.allocate()
    }
    for (const [made, bytes] of bounce.entries()) {
      world.allocate()
      if (!iter.isDest && iter.copy(bytes) !== bytes) {
        for (let i = 0; i <= made; i++) world.free()
        return EFAULT
      }
    }
    command.bounce = bounce
    return 0
  }

  /** sg_alloc_table_chained: an array of one entry is none, and each chunk but the last gives an entry for the link. */
  private allocChunks(command: Command, count: number): void {
    const { version, options } = this.world.setup
    const inline = since(version, '6.18') ? (options['inline-sg-cnt'] ?? SGLS_MAX) : SGLS_MAX
    if (count <= inline && inline > 1) return
    let left = inline > 1 ? count - (inline - 1) : count
    while (left > 0) {
      left -= left > CHUNK ? CHUNK - 1 : left
      command.chunks++
      this.world.allocate()
    }
  }

  private allocatesIter(): boolean {
    return since(this.world.setup.version, '6.18')
  }

  private freeIter(): void {
    this.world.free()
    if (this.allocatesIter()) this.world.free()
  }

  private release(command: Command): void {
    for (const hold of [...command.data, ...command.prot]) this.world.drop(hold)
    for (; command.chunks > 0; command.chunks--) this.world.free()
  }
}

/** -EINVAL of a misaligned piece: the data is copied. That of a list too long is no such one. */
const MISALIGNED = -1000
