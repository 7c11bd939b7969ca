import { type Operation, type Scatterlists, SG_NONE, SgCopy } from '@pinscope/core'

/**
 * Stands for the cipher where pages have contents: what goes in comes out as it is. The cipher itself is not modelled, but
 * that its lists lead from the bytes sent to the memory received into is. No copying of the kernel's: it counts nothing.
 */
export class PassThrough {
  private readonly lists: Scatterlists
  private copy: SgCopy | null = null

  constructor(lists: Scatterlists) {
    this.lists = lists
  }

  /** Moves the first `bytes` bytes of a source list to a destination list; nothing where pages have no contents. */
  run(io: Operation, src: number, dst: number, bytes: number): void {
    const contents = io.memory.bytes
    if (contents === null || bytes === 0 || src === SG_NONE || dst === SG_NONE) return
    this.copy ??= new SgCopy(this.lists, io.memory.pages, contents)
    const buffer = new Uint8Array(bytes)
    this.copy.copyToBuffer(src, this.lists.nents(src), buffer)
    this.copy.copyFromBuffer(dst, this.lists.nents(dst), buffer)
  }
}
