/** Bytes handed on at a time. */
const CHUNK_BYTES = 1 << 18

const ZERO = 48
const MINUS = 45
const LETTER_A = 97

/** Text in the making: numbers and pieces of bytes, put into chunks. */
export class ByteSink {
  private chunk = new Uint8Array(CHUNK_BYTES)
  private at = 0
  private readonly full: Uint8Array[] = []
  /** Bytes put in so far. */
  private before = 0

  get writtenBytes(): number {
    return this.before + this.at
  }

  /** Takes what is complete out; with `all`, what is begun too. */
  take(all: boolean): Uint8Array[] {
    if (all && this.at > 0) this.closeChunk(0)
    return this.full.splice(0)
  }

  byte(value: number): void {
    if (this.at === this.chunk.length) this.closeChunk(0)
    this.chunk[this.at++] = value
  }

  bytes(piece: Uint8Array): void {
    const { length } = piece
    if (this.at + length > this.chunk.length) this.closeChunk(length)
    const chunk = this.chunk
    if (length > 32) chunk.set(piece, this.at)
    else for (let index = 0, to = this.at; index < length; index++, to++) chunk[to] = piece[index]!
    this.at += length
  }

  /** A whole number of either sign, below 2^53. */
  decimal(value: number): void {
    if (this.at + 20 > this.chunk.length) this.closeChunk(0)
    let rest = value
    if (rest < 0) {
      this.chunk[this.at++] = MINUS
      rest = -rest
    }
    if (rest <= 0x7fffffff) this.small(rest | 0)
    else {
      const billions = Math.floor(rest / 1e9)
      this.small(billions | 0)
      this.padded((rest - billions * 1e9) | 0, 9)
    }
  }

  /** A whole number from 0 to 2^53 - 1 in hexadecimal, without 0x. */
  hex(value: number): void {
    if (this.at + 16 > this.chunk.length) this.closeChunk(0)
    const high = Math.floor(value / 0x10000000)
    const low = value - high * 0x10000000
    let digits = 1
    if (high > 0) {
      for (let rest = high; rest > 15; rest = rest >>> 4) digits++
      this.hexDigits(high, digits)
      digits = 7
    } else for (let rest = low; rest > 15; rest = rest >>> 4) digits++
    this.hexDigits(low, digits)
  }

  private hexDigits(value: number, digits: number): void {
    const chunk = this.chunk
    let rest = value
    for (let to = this.at + digits - 1; to >= this.at; to--) {
      const digit = rest & 15
      chunk[to] = digit < 10 ? ZERO + digit : LETTER_A - 10 + digit
      rest = rest >>> 4
    }
    this.at += digits
  }

  private small(value: number): void {
    let digits = 1
    for (let rest = value; rest > 9; rest = (rest / 10) | 0) digits++
    this.padded(value, digits)
  }

  private padded(value: number, digits: number): void {
    const chunk = this.chunk
    let rest = value
    for (let to = this.at + digits - 1; to >= this.at; to--) {
      const tenth = (rest / 10) | 0
      chunk[to] = ZERO + rest - tenth * 10
      rest = tenth
    }
    this.at += digits
  }

  /** Puts the chunk aside and begins one that has room for `bytes`. */
  private closeChunk(bytes: number): void {
    if (this.at > 0) this.full.push(this.chunk.subarray(0, this.at))
    this.before += this.at
    this.chunk = new Uint8Array(Math.max(CHUNK_BYTES, bytes))
    this.at = 0
  }
}
