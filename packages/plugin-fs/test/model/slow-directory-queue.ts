import { PAGE, type World } from '../../../core/test/consumer-twin/slow-common.ts'

const SLOTS = 31
const ORDER_MAX = 9
const POINTER_BYTES = 8

/** The folio queues of directories: netfs_alloc_folioq_buffer, netfs_read_single. */
export class SlowDirectoryQueue {
  foliosMade = 0
  private readonly world: World
  private readonly buffers = new Map<string, { bytes: number; folios: number }>()

  constructor(world: World) {
    this.world = world
  }

  /** Makes the buffer long enough, and a request with its one subrequest. */
  fetch(file: string, size: number): void {
    const { world } = this
    const buffer = this.buffers.get(file) ?? { bytes: 0, folios: 0 }
    this.buffers.set(file, buffer)
    const wanted = Math.ceil(size / PAGE) * PAGE
    while (buffer.bytes < wanted) {
      if (buffer.folios % SLOTS === 0) world.allocate()
      const rest = wanted - buffer.bytes
      const order = Math.min(Math.floor(Math.log2(rest / PAGE)), ORDER_MAX)
      world.allocate()
      world.built(1, POINTER_BYTES)
      this.foliosMade++
      buffer.folios++
      buffer.bytes += PAGE * 2 ** order
    }
    world.allocate()
    world.allocate()
  }

  endFetch(): void {
    this.world.free()
    this.world.free()
  }

  /** netfs_free_folioq_buffer */
  free(): void {
    for (const { folios } of this.buffers.values()) {
      for (let i = 0; i < folios + Math.ceil(folios / SLOTS); i++) this.world.free()
    }
  }
}
