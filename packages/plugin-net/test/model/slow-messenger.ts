import type { Entry, Hold, World } from '../../../core/test/consumer-twin/slow-common.ts'

/** net/ceph/messenger_v1.c: write_partial_message_data(), read_partial_msg_data(). Connections that are not encrypted. */
export class SlowMessenger {
  private readonly world: World
  readonly counts = { messages: 0, sends: 0, splicedPieces: 0, joinedPieces: 0, copiedPieces: 0, receivedBytes: 0 }

  constructor(world: World) {
    this.world = world
  }

  /** What the socket has for its fragments until the reply; slab memory is copied. */
  send(entries: readonly Entry[], isSlab: boolean): Hold[] {
    const { counts, world } = this
    const holds: Hold[] = []
    counts.messages++
    counts.sends += entries.length
    if (isSlab) {
      counts.copiedPieces += entries.length
      world.data.copiedBytes += bytesOf(entries)
      return holds
    }
    counts.splicedPieces += entries.length
    let last: Entry | null = null
    for (const entry of entries) {
      if (last !== null && last.page === entry.page && last.offset + last.length === entry.offset) counts.joinedPieces++
      else holds.push(world.take('ref', [entry.page]))
      last = entry
    }
    world.reachedInPlace(bytesOf(entries))
    return holds
  }

  receive(bytes: number): void {
    if (bytes > 0) this.counts.messages++
    this.counts.receivedBytes += bytes
    this.world.reachedInPlace(bytes)
  }
}

export function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { length }) => sum + length, 0)
}
