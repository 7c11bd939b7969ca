import { closeSync, openSync, readSync } from 'node:fs'
import type { ByteRange, ByteSource } from '@pinscope/core'
import { readError } from './input.ts'

const CHUNK_BYTES = 1 << 18

/** Ranges of a regular file as one stream, read when asked for. */
export class RangeSource implements ByteSource, AsyncIterator<Uint8Array> {
  /** Bytes read so far. */
  readBytes = 0
  private readonly path: string
  private readonly ranges: ByteRange[]
  /** Null once it was asked. */
  private more: (() => Promise<readonly ByteRange[]>) | null
  private readonly onBytes: (bytes: Uint8Array) => void
  private fd = -1
  private at = 0

  /** `more`: asked once, at the end of the ranges, for further ones. `onBytes`: shown all that is read. */
  constructor(
    path: string,
    ranges: readonly ByteRange[],
    more: () => Promise<readonly ByteRange[]>,
    onBytes: (bytes: Uint8Array) => void,
  ) {
    this.path = path
    this.ranges = [...ranges]
    this.more = more
    this.onBytes = onBytes
    this.at = this.ranges[0]?.from ?? 0
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this
  }

  async readInto(target: Uint8Array): Promise<number> {
    // Signals and messages have their turn.
    await new Promise(setImmediate)
    if (target.length === 0) return 0
    for (;;) {
      if (this.ranges.length === 0 && (await this.further()) === undefined) return this.end()
      const bytes = this.fill(target)
      if (bytes > 0) return bytes
    }
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = new Uint8Array(CHUNK_BYTES)
    const bytes = await this.readInto(chunk)
    return bytes === 0 ? { done: true, value: undefined } : { done: false, value: chunk.subarray(0, bytes) }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.end()
    return { done: true, value: undefined }
  }

  /** Beyond the end of a range too: how a trace is read depends on how much of it comes at first. */
  private fill(target: Uint8Array): number {
    let filled = 0
    for (let range = this.ranges[0]; range !== undefined && filled < target.length; range = this.ranges[0]) {
      const bytes = this.read(target.subarray(filled, filled + range.to - this.at))
      filled += bytes
      if (bytes > 0 && this.at < range.to) continue
      this.ranges.shift()
      this.at = this.ranges[0]?.from ?? 0
    }
    return filled
  }

  private async further(): Promise<ByteRange | undefined> {
    const { more } = this
    this.more = null
    if (more !== null) this.ranges.push(...(await more()))
    this.at = this.ranges[0]?.from ?? 0
    return this.ranges[0]
  }

  /** The next bytes of the range at work; 0 at its end, or the file's. */
  private read(target: Uint8Array): number {
    if (target.length === 0) return 0
    const bytes = this.readAt(target)
    this.at += bytes
    this.readBytes += bytes
    this.onBytes(target.subarray(0, bytes))
    return bytes
  }

  private readAt(target: Uint8Array): number {
    try {
      if (this.fd < 0) this.fd = openSync(this.path, 'r')
      return readSync(this.fd, target, 0, target.length, this.at)
    } catch (error) {
      throw readError(this.path, error)
    }
  }

  private end(): number {
    if (this.fd >= 0) closeSync(this.fd)
    this.fd = -1
    this.ranges.length = 0
    return 0
  }
}
