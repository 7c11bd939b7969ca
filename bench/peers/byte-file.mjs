// A file that is written through one buffer: digits go in without strings in between.
import { closeSync, openSync, writeSync } from 'node:fs'

const BUFFER_BYTES = 1 << 20
const ROW_BYTES_MAX = 4096
const HEX_DIGITS = Buffer.from('0123456789abcdef')

export class ByteFile {
  constructor(name) {
    this.fd = openSync(name, 'w')
    this.bytes = Buffer.alloc(BUFFER_BYTES)
    this.view = new DataView(this.bytes.buffer)
    this.at = 0
    this.digits = Buffer.alloc(32)
  }

  /** To be called before each row. */
  makeRoom() {
    if (this.at > BUFFER_BYTES - ROW_BYTES_MAX) this.flush()
  }

  text(text) {
    this.at += this.bytes.latin1Write(text, this.at)
  }

  byte(value) {
    this.bytes[this.at++] = value
  }

  decimal(value) {
    let count = 0
    let rest = value
    do {
      const tens = Math.floor(rest / 10)
      this.digits[count++] = 48 + (rest - tens * 10)
      rest = tens
    } while (rest > 0)
    while (count > 0) this.bytes[this.at++] = this.digits[--count]
  }

  hex(value) {
    let count = 0
    let rest = value
    do {
      const high = Math.floor(rest / 16)
      this.digits[count++] = HEX_DIGITS[rest - high * 16]
      rest = high
    } while (rest > 0)
    while (count > 0) this.bytes[this.at++] = this.digits[--count]
  }

  u32(value) {
    this.view.setUint32(this.at, value, true)
    this.at += 4
  }

  u64(value) {
    const high = Math.floor(value / 2 ** 32)
    this.u32(value - high * 2 ** 32)
    this.u32(high)
  }

  flush() {
    for (let from = 0; from < this.at; ) from += writeSync(this.fd, this.bytes, from, this.at - from)
    this.at = 0
  }

  close() {
    this.flush()
    closeSync(this.fd)
  }
}
