import {
  EFAULT,
  ENOSPC,
  extract,
  type Hold,
  type Iter,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

export const FRAGS_MAX = 17
const FRAG_BYTES = 32_768
/** A frag with less room than this is given up. */
const ROOM_MIN = 32

/** Eight pages with one reference count. */
export interface Frag {
  references: number
}

export interface Element {
  /** Null for memory of the iterator. */
  readonly frag: Frag | null
  /** What was taken on a page of the iterator. */
  readonly hold: Hold | null
  readonly offset: number
  length: number
}

/** struct sk_msg, or the frags of a record that a device seals. */
export type Message = Element[]

export function sizeOf(message: Message): number {
  return message.reduce((sum, { length }) => sum + length, 0)
}

/** net/core/skmsg.c, and the page frag of the task out of which messages are made. */
export class SlowSkMsg {
  private readonly world: World
  private pool: { frag: Frag; offset: number } | null = null

  constructor(world: World) {
    this.world = world
  }

  /** skb_page_frag_refill: a frag that nobody else refers to begins anew. */
  refill(room = ROOM_MIN): { frag: Frag; offset: number; room: number } {
    let { pool } = this
    if (pool !== null) {
      if (pool.frag.references === 1) pool.offset = 0
      if (pool.offset + room > FRAG_BYTES) {
        this.put(pool.frag)
        pool = null
      }
    }
    if (pool === null) {
      this.world.allocate()
      pool = { frag: { references: 1 }, offset: 0 }
    }
    this.pool = pool
    return { ...pool, room: FRAG_BYTES - pool.offset }
  }

  /** Bytes left in the task's frag. */
  get room(): number {
    return this.pool === null ? 0 : FRAG_BYTES - this.pool.offset
  }

  /** The next bytes of the task's frag: the last element grows where they follow it, else there is one more. */
  append(message: Message, bytes: number): void {
    const pool = this.pool!
    const last = message.at(-1)
    if (last !== undefined && last.frag === pool.frag && last.offset + last.length === pool.offset) last.length += bytes
    else {
      pool.frag.references++
      message.push({ frag: pool.frag, hold: null, offset: pool.offset, length: bytes })
    }
    pool.offset += bytes
  }

  /** The next bytes would be one more element. */
  private isApart(message: Message): boolean {
    const { frag, offset } = this.pool!
    const last = message.at(-1)
    return last === undefined || last.frag !== frag || last.offset + last.length !== offset
  }

  /** sk_msg_alloc: -ENOSPC where the elements do not reach. */
  alloc(message: Message, size: number): number {
    let left = size - sizeOf(message)
    while (left > 0) {
      const bytes = Math.min(left, this.refill().room)
      if (message.length === FRAGS_MAX && this.isApart(message)) return ENOSPC
      this.append(message, bytes)
      left -= bytes
    }
    return 0
  }

  /** sk_msg_clone: names `bytes` bytes of the frags of another message, from byte `skip` on. */
  clone(to: Message, from: Message, skip: number, bytes: number): number {
    let off = skip
    let left = bytes
    for (const element of from) {
      if (left === 0) break
      if (off >= element.length) {
        off -= element.length
        continue
      }
      const part = Math.min(element.length - off, left)
      const at = element.offset + off
      const last = to.at(-1)
      if (last !== undefined && last.frag === element.frag && last.offset + last.length === at) last.length += part
      else {
        if (to.length === FRAGS_MAX) return ENOSPC
        element.frag!.references++
        to.push({ frag: element.frag, hold: null, offset: at, length: part })
      }
      off = 0
      left -= part
    }
    return left > 0 ? ENOSPC : 0
  }

  /** sk_msg_zerocopy_from_iter: an element a page, none merged; what was added before a failure stays. */
  zeroCopy(message: Message, iter: Iter, bytes: number): boolean {
    const { world } = this
    const start = iter.position
    while (iter.position - start < bytes) {
      const room = FRAGS_MAX - message.length
      if (room === 0) world.entries.limitHits++
      const got = room === 0 ? EFAULT : extract(world, iter, room, bytes - (iter.position - start))
      if (typeof got === 'number') {
        iter.position = start
        return false
      }
      for (const { page, offset, length } of got.entries) {
        const hold = got.hold === null ? null : { kind: got.hold.kind, pages: [page] }
        message.push({ frag: null, hold, offset, length })
      }
    }
    return true
  }

  /** sk_msg_trim: cuts down to so many bytes. */
  trim(message: Message, size: number): void {
    let excess = sizeOf(message) - size
    while (excess > 0) {
      const last = message.at(-1)!
      if (excess < last.length) {
        last.length -= excess
        return
      }
      excess -= last.length
      message.pop()
      if (last.frag !== null) this.put(last.frag)
      if (last.hold !== null) this.world.drop(last.hold)
    }
  }

  /** The task exits. */
  dispose(): void {
    if (this.pool !== null) this.put(this.pool.frag)
    this.pool = null
  }

  private put(frag: Frag): void {
    if (--frag.references === 0) this.world.free()
  }
}
