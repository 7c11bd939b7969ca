const OFFSET_BYTES = 4

/** A vector: where its first element lies, and how many there are. All of it is inside the buffer. */
export interface FlatVector {
  readonly at: number
  readonly length: number
}

/**
 * A table of a FlatBuffer, the encoding of Arrow's metadata, with every position checked: outside the buffer is a RangeError.
 * The library that decodes it afterwards trusts what it finds. https://flatbuffers.dev/internals
 */
export class FlatTable {
  private readonly view: DataView
  private readonly at: number
  private readonly vtable: number
  private readonly slots: number

  constructor(view: DataView, at: number) {
    this.view = view
    this.at = at
    this.vtable = at - view.getInt32(at, true)
    if (this.vtable < 0) throw new RangeError('a table lies outside its buffer')
    this.slots = view.getUint16(this.vtable, true) / 2 - 2
    if (this.slots > 0) view.getUint16(this.vtable + 2 + 2 * Math.floor(this.slots), true)
  }

  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return new FlatTable(view, view.getUint32(0, true))
  }

  uint8(slot: number): number {
    const at = this.position(slot)
    return at === 0 ? 0 : this.view.getUint8(at)
  }

  int16(slot: number): number {
    const at = this.position(slot)
    return at === 0 ? 0 : this.view.getInt16(at, true)
  }

  int32(slot: number): number {
    const at = this.position(slot)
    return at === 0 ? 0 : this.view.getInt32(at, true)
  }

  /** A text; null where there is none. */
  text(slot: number): string | null {
    const { at, length } = this.vector(slot, 1)
    if (at === 0) return null
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, this.view.byteOffset + at, length))
  }

  /** A whole number from 0 to 2^53 - 1. */
  count(slot: number): number {
    const at = this.position(slot)
    return at === 0 ? 0 : this.countAt(at)
  }

  countAt(at: number): number {
    const value = this.view.getInt32(at + 4, true) * 2 ** 32 + this.view.getUint32(at, true)
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('a count is negative or above 2^53')
    return value
  }

  table(slot: number): FlatTable | null {
    const at = this.position(slot)
    return at === 0 ? null : new FlatTable(this.view, this.target(at))
  }

  vector(slot: number, elementBytes: number): FlatVector {
    const at = this.position(slot)
    if (at === 0) return { at: 0, length: 0 }
    const start = this.target(at)
    const length = this.view.getUint32(start, true)
    if (start + OFFSET_BYTES + length * elementBytes > this.view.byteLength) {
      throw new RangeError('a vector runs past its buffer')
    }
    return { at: start + OFFSET_BYTES, length }
  }

  /** The tables of a vector. */
  *tables(slot: number): Generator<FlatTable> {
    const { at, length } = this.vector(slot, OFFSET_BYTES)
    for (let index = 0; index < length; index++) {
      yield new FlatTable(this.view, this.target(at + index * OFFSET_BYTES))
    }
  }

  private position(slot: number): number {
    if (slot >= this.slots) return 0
    const distance = this.view.getUint16(this.vtable + 4 + 2 * slot, true)
    return distance === 0 ? 0 : this.at + distance
  }

  /** What is pointed to lies behind the pointer, so that there are no circles. */
  private target(at: number): number {
    const distance = this.view.getUint32(at, true)
    if (distance === 0) throw new RangeError('a pointer points to itself')
    return at + distance
  }
}
