import type { Operation } from '@pinscope/core'
import { VRING_DESC_BYTES } from './p9-sizes.ts'

/**
 * The ring between guest and device: requests share its entries until the device gives them back. With indirect
 * descriptors a request takes one entry, and a table of its own that is allocated.
 * @kernel drivers/virtio/virtio_ring.c: virtqueue_add_split, detach_buf_split
 */
export class Virtqueue {
  /** Requests that found no room. */
  waits = 0
  /** Bytes of the table of the last request added; 0 for none. */
  indirectBytes = 0
  private readonly size: number
  private readonly hasIndirect: boolean
  private used = 0

  constructor(size: number, hasIndirect: boolean) {
    this.size = size
    this.hasIndirect = hasIndirect
  }

  /**
   * Adds a request of `entries` entries; returns what it takes of the ring. Where there is no room the request waits for
   * an answer to another one and is added then: the trace's clock says that it was.
   */
  add(io: Operation, entries: number): number {
    const room = this.size - this.used
    // Without a free entry no table is tried for, and where none can be had the entries go into the ring.
    let isIndirect = room > 0 && this.takesTable(io, entries)
    if (!io.fits(isIndirect ? 1 : entries, room)) {
      this.waits++
      isIndirect = isIndirect || this.takesTable(io, entries)
    }
    this.indirectBytes = isIndirect ? entries * VRING_DESC_BYTES : 0
    const slots = isIndirect ? 1 : entries
    this.used += slots
    return slots
  }

  /** The device gives a request back. */
  detach(io: Operation, slots: number, indirectBytes: number): void {
    this.used -= slots
    if (indirectBytes > 0) io.free(indirectBytes)
  }

  private takesTable(io: Operation, entries: number): boolean {
    return this.hasIndirect && entries > 1 && io.allocate(entries * VRING_DESC_BYTES)
  }
}
