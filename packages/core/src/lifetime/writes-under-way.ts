import type { Audit } from './audit.ts'
import { BLOCK_HOLE, BLOCK_RESERVED, type FileBlock } from './block-runs.ts'

/** A write that reserved space of a file, and has not ended. */
interface WriteUnderWay {
  readonly file: number
  /** Its task has allocated, and writeback has not begun since: it turns its reservation into blocks itself. */
  allocates: boolean
}

/**
 * The writes that have reserved and not ended, by number: what they copied in and have no block for yet. Of a file system that
 * allocates in writeback a write does not allocate by itself; the proposal of 2010 does, when the copy is done.
 */
export class WritesUnderWay {
  private readonly writes = new Map<number, WriteUnderWay>()
  private readonly audit: Audit

  constructor(audit: Audit) {
    this.audit = audit
  }

  begin(file: number): void {
    const write = this.audit.space.writeNumber(file)
    if (!this.writes.has(write)) this.writes.set(write, { file, allocates: false })
  }

  /** The task of a write allocates blocks for what it reserved. */
  allocate(file: number): void {
    if (this.writes.size === 0) return
    const write = this.writes.get(this.audit.space.writeNumber(file))
    if (write !== undefined) write.allocates = true
  }

  /** The write at work ends. True: it allocated blocks itself, and has to have done so for all that it copied. */
  end(file: number): boolean {
    const write = this.audit.space.writeNumber(file)
    const allocates = this.writes.get(write)?.allocates === true
    this.writes.delete(write)
    return allocates
  }

  /** Writeback of a part of a file begins: it allocates what it finds, so that the writes of the file need not. */
  writeback(file: number): void {
    for (const write of this.writes.values()) if (write.file === file) write.allocates = false
  }

  /** A write under way copied the block in. */
  isOfOne({ isCopied, write }: FileBlock): boolean {
    return isCopied && this.writes.has(write)
  }

  /** A write under way copied the block in, and neither it nor anybody else has allocated it. */
  isUnallocated(block: FileBlock): boolean {
    return (block.state === BLOCK_HOLE || block.state === BLOCK_RESERVED) && this.isOfOne(block)
  }
}
