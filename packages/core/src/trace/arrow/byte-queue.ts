/** A stream of bytes that is taken in pieces of any length. Memory is used for bytes that have come, not for those asked for. */
export class ByteQueue {
  /** Bytes given out so far. */
  takenBytes = 0
  private readonly source: AsyncIterator<Uint8Array>
  private chunks: Uint8Array[] = []
  private heldBytes = 0

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source[Symbol.asyncIterator]()
  }

  /** The next bytes, in memory of their own; fewer at the end of the stream. */
  async take(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const taken = await this.peek(bytes)
    this.drop(taken.length)
    this.takenBytes += taken.length
    return taken
  }

  /** What {@link take} will give. */
  async peek(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.heldBytes < bytes) {
      const next = await this.source.next()
      if (next.done === true) break
      // The source may use its buffer again.
      if (next.value.length > 0) this.chunks.push(next.value.slice())
      this.heldBytes += next.value.length
    }
    const piece = new Uint8Array(Math.min(bytes, this.heldBytes))
    let at = 0
    for (const chunk of this.chunks) {
      if (at === piece.length) break
      const part = chunk.subarray(0, piece.length - at)
      piece.set(part, at)
      at += part.length
    }
    return piece
  }

  async close(): Promise<void> {
    await this.source.return?.()
  }

  private drop(bytes: number): void {
    let rest = bytes
    let whole = 0
    while (rest > 0 && rest >= this.chunks[whole]!.length) rest -= this.chunks[whole++]!.length
    this.chunks = this.chunks.slice(whole)
    if (rest > 0) this.chunks[0] = this.chunks[0]!.subarray(rest)
    this.heldBytes -= bytes
  }
}
