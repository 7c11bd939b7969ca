import { closeSync, openSync, readSync } from 'node:fs'
import type { ByteSource } from '@pinscope/core'

/** Big enough that reading costs nothing beside parsing, small enough to feel Ctrl-C at once. */
const CHUNK_BYTES = 1 << 18

/**
 * A regular file, read when it is asked for. What it reads is in the page cache, or on a disk that a replay has to wait for
 * either way: a thread for it only adds the way there and back.
 */
export class FileSource implements ByteSource, AsyncIterator<Uint8Array> {
  /** Bytes read so far. */
  readBytes = 0
  private readonly path: string
  private readonly errorOf: (error: unknown) => unknown
  private fd = -1
  private closed = false

  /** `errorOf`: what is thrown when the system reports an error. */
  constructor(path: string, errorOf: (error: unknown) => unknown) {
    this.path = path
    this.errorOf = errorOf
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this
  }

  async readInto(target: Uint8Array): Promise<number> {
    // Signals and timers have their turn.
    await new Promise(setImmediate)
    const bytes = this.closed ? 0 : this.read(target)
    this.readBytes += bytes
    if (bytes === 0 && target.length > 0) this.close()
    return bytes
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = new Uint8Array(CHUNK_BYTES)
    const bytes = await this.readInto(chunk)
    return bytes === 0 ? { done: true, value: undefined } : { done: false, value: chunk.subarray(0, bytes) }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.close()
    return { done: true, value: undefined }
  }

  private read(target: Uint8Array): number {
    try {
      if (this.fd < 0) this.fd = openSync(this.path, 'r')
      return readSync(this.fd, target)
    } catch (error) {
      throw this.errorOf(error)
    }
  }

  private close(): void {
    this.closed = true
    if (this.fd >= 0) closeSync(this.fd)
    this.fd = -1
  }
}
