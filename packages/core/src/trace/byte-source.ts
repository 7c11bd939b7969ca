/**
 * The bytes of a trace, as a stream of chunks. A regular file can put them where its reader wants them besides: into memory
 * that is used again and again, without a chunk in between. Both go on from one place: bytes come once.
 */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** Puts the next bytes at the start of `target`: how many, 0 at the end. Not while a chunk is being waited for. */
  readonly readInto?: ((target: Uint8Array) => Promise<number>) | undefined
}

/** A source of which some bytes were taken already, as if they were not. */
export class ResumedSource implements ByteSource, AsyncIterator<Uint8Array> {
  readonly readInto: ((target: Uint8Array) => Promise<number>) | undefined
  private taken: Uint8Array[]
  private readonly rest: AsyncIterator<Uint8Array>

  /** `taken`: the bytes that were taken, which must stay as they are. `source`: the same as `rest`, where it is at hand. */
  constructor(
    taken: readonly Uint8Array[],
    rest: AsyncIterator<Uint8Array>,
    source: Pick<ByteSource, 'readInto'> = {},
  ) {
    this.taken = taken.filter(({ length }) => length > 0)
    this.rest = rest
    this.readInto =
      source.readInto === undefined ? undefined : (target) => this.readTaken(target) ?? source.readInto!(target)
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const value = this.taken.shift()
    return value === undefined ? this.rest.next() : { done: false, value }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.taken = []
    await this.rest.return?.()
    return { done: true, value: undefined }
  }

  private readTaken(target: Uint8Array): Promise<number> | null {
    const first = this.taken[0]
    if (first === undefined) return null
    const part = first.subarray(0, target.length)
    target.set(part)
    if (part.length === first.length) this.taken.shift()
    else this.taken[0] = first.subarray(part.length)
    return Promise.resolve(part.length)
  }
}
