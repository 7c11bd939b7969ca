import { type Entry, since, type World } from '../../../core/test/consumer-twin/slow-common.ts'
import type { Agreed, CifsCounts } from './slow-cifs.ts'

const SGE_BYTES = 16
const HEADER = 24
/** Behind that of the header. */
const DATA_SGES = 5

/** smbd_send(), smbd_post_send_iter(); mainline: smbdirect_connection_send_single_iter(). consumers.md 3.1. */
export class SlowPackets {
  private readonly world: World
  private readonly mount: Agreed
  private readonly counts: CifsCounts
  /** Entries of each packet that is on its way. */
  private posted: number[] = []

  constructor(world: World, mount: Agreed, counts: CifsCounts) {
    this.world = world
    this.mount = mount
    this.counts = counts
  }

  /** All of `parts`, as many of them in a packet as it has entries and bytes for. */
  send(parts: readonly { readonly entry: Entry | null; readonly length: number }[], isHeader: boolean): void {
    const rest = parts.map(({ length }) => length)
    while (rest.length > 0) {
      let bytes = 0
      let sges = 0
      while (rest.length > 0 && sges < DATA_SGES && bytes < this.mount.payload) {
        const part = Math.min(rest[0]!, this.mount.payload - bytes)
        bytes += part
        sges++
        if (part === rest[0]) rest.shift()
        else rest[0]! -= part
      }
      this.post(1 + sges, bytes, isHeader)
    }
  }

  /** A packet whose data cannot be listed: its header was mapped before, or is never. */
  fail(): void {
    this.waitForCredit()
    if (!since(this.world.setup.version, '6.18')) return
    this.world.mapDma(1)
    this.world.unmapDma(1)
  }

  /** wait_event(wait_send_pending) */
  end(): void {
    for (const sges of this.posted) this.world.unmapDma(sges)
    this.posted = []
  }

  private post(sges: number, bytes: number, isHeader: boolean): void {
    const { world, counts } = this
    this.waitForCredit()
    for (let i = 0; i < sges; i++) world.mapDma(1)
    world.built(sges, SGE_BYTES)
    counts.sges += sges
    counts.wireBytes += HEADER + bytes
    if (isHeader) counts.headerPackets++
    else counts.packets++
    this.posted.push(sges)
  }

  private waitForCredit(): void {
    if (this.posted.length < this.mount.credits) return
    this.counts.creditStalls++
    this.world.entries.limitHits++
    this.world.unmapDma(this.posted.shift()!)
  }
}
