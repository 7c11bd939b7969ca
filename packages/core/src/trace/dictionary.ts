import { grown } from '../grown.ts'
import { NAME_BYTES_MAX, NAMES_BYTES_MAX, NAMES_MAX } from './limits.ts'
import { COMMA, LINE_FEED } from './text-cell.ts'

/** The strings of one column, each with the small integer that stands for it in the columns. */
export interface Dictionary {
  /** Distinct strings so far. */
  readonly size: number
  /** The string of an id. */
  text(id: number): string
  /** The bytes of an id's string. They hold until the next name is added: a copy keeps them longer. */
  bytes(id: number): Uint8Array
}

/** {@link NameTable.matchLast}: some other name. */
export const NAME_UNKNOWN = -1
/** {@link NameTable.intern}: longer than {@link NAME_BYTES_MAX}. */
export const NAME_TOO_LONG = -2
/** {@link NameTable.intern}: {@link NAMES_MAX} names or {@link NAMES_BYTES_MAX} bytes are there already. */
export const NAME_TABLE_FULL = -3

/**
 * A dictionary filled from bytes: an open-addressing hash over one arena. A name that is known costs no allocation.
 * Names are compared as bytes; what is not UTF-8 reads as U+FFFD in {@link text} but keeps its own id.
 */
export class NameTable implements Dictionary {
  size = 0
  private arena = new Uint8Array(1024)
  /** Name `id` is `arena[ends[id]..ends[id + 1])`. */
  private ends = new Int32Array(65)
  private hashes = new Int32Array(64)
  /** id + 1, or 0 for a free slot; twice as many slots as names at least. */
  private slots = new Int32Array(128)
  private readonly texts: string[] = []
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  private last = NAME_UNKNOWN

  text(id: number): string {
    const known = this.texts[id]
    if (known !== undefined) return known
    const text = this.decoder.decode(this.bytes(id))
    this.texts[id] = text
    return text
  }

  bytes(id: number): Uint8Array {
    if (id < 0 || id >= this.size) throw new RangeError(`no name has the id ${id}`)
    return this.arena.subarray(this.ends[id], this.ends[id + 1])
  }

  /** The next {@link matchLast} finds nothing. */
  forgetLast(): void {
    this.last = NAME_UNKNOWN
  }

  /** Bytes of a name. */
  lengthOf(id: number): number {
    return this.ends[id + 1]! - this.ends[id]!
  }

  /**
   * The name found last, if it is the whole cell at `at`; else {@link NAME_UNKNOWN}. Names come in runs, and a run
   * costs one pass over its bytes: no search for the end of the cell and no hash.
   */
  matchLast(bytes: Uint8Array, at: number): number {
    const last = this.last
    if (last < 0) return NAME_UNKNOWN
    const arena = this.arena
    const end = this.ends[last + 1]!
    let next = at
    for (let from = this.ends[last]!; from < end; from++, next++) if (arena[from] !== bytes[next]) return NAME_UNKNOWN
    const byte = bytes[next]
    return byte === COMMA || byte === LINE_FEED ? last : NAME_UNKNOWN
  }

  /** Id of `bytes[from..to)`, which is added when new; or {@link NAME_TOO_LONG}, {@link NAME_TABLE_FULL}. */
  intern(bytes: Uint8Array, from: number, to: number): number {
    const hash = hashOf(bytes, from, to)
    const slot = this.slotOf(hash, bytes, from, to)
    const id = this.slots[slot]! - 1
    if (id >= 0) {
      this.last = id
      return id
    }
    if (to - from > NAME_BYTES_MAX) return NAME_TOO_LONG
    if (this.size === NAMES_MAX || this.ends[this.size]! + (to - from) > NAMES_BYTES_MAX) return NAME_TABLE_FULL
    return this.add(hash, slot, bytes, from, to)
  }

  /** The slot that holds the name, else the free one where it belongs. */
  private slotOf(hash: number, bytes: Uint8Array, from: number, to: number): number {
    const slots = this.slots
    const mask = slots.length - 1
    let slot = hash & mask
    for (;;) {
      const id = slots[slot]! - 1
      if (id < 0 || (this.hashes[id] === hash && this.equals(id, bytes, from, to))) return slot
      slot = (slot + 1) & mask
    }
  }

  private equals(id: number, bytes: Uint8Array, from: number, to: number): boolean {
    const arena = this.arena
    let at = this.ends[id]!
    if (this.ends[id + 1]! - at !== to - from) return false
    for (let next = from; next < to; next++) if (arena[at++] !== bytes[next]) return false
    return true
  }

  private add(hash: number, slot: number, bytes: Uint8Array, from: number, to: number): number {
    const id = this.size++
    const start = this.ends[id]!
    while (start + (to - from) > this.arena.length) this.arena = grown(this.arena, 2 * this.arena.length)
    if (id + 1 === this.ends.length) this.ends = grown(this.ends, 2 * this.ends.length)
    if (id === this.hashes.length) this.hashes = grown(this.hashes, 2 * this.hashes.length)
    for (let next = from; next < to; next++) this.arena[start + next - from] = bytes[next]!
    this.ends[id + 1] = start + (to - from)
    this.hashes[id] = hash
    this.slots[slot] = id + 1
    this.last = id
    if (this.size * 2 > this.slots.length) this.rehash()
    return id
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * 2)
    const mask = slots.length - 1
    for (let id = 0; id < this.size; id++) {
      let slot = this.hashes[id]! & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = id + 1
    }
    this.slots = slots
  }
}

/** FNV-1a, with the high bits folded in: the slot is taken from the low ones. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5 | 0
  for (let next = from; next < to; next++) hash = Math.imul(hash ^ bytes[next]!, 0x01000193)
  return hash ^ (hash >>> 15)
}
