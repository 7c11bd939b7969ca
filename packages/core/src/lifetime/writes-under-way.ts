import type { Audit } from './audit.ts'
import { BlockCount } from './block-count.ts'
import { BLOCK_HOLE, BLOCK_RESERVED } from './block-runs.ts'
import type { Since } from './finding.ts'

type TellBlocks = (blocks: number, since: Since | null) => void

/** A write that reserved space of a file, and has not ended. */
interface WriteUnderWay {
  readonly task: number
  /** Pages that were locked meanwhile, with their indices. */
  readonly indices: Map<number, number>
  /** Its task has allocated, and writeback has not begun since: it turns its reservation into blocks itself. */
  allocates: boolean
}

/**
 * The writes that have reserved and not ended, by file: what they copied in and have no block for yet. Of a file system that
 * allocates in writeback a write does not allocate by itself; the proposal of 2010 does, when the copy is done.
 */
export class WritesUnderWay {
  private readonly files = new Map<number, WriteUnderWay>()
  private readonly audit: Audit
  /** Of the last row about a range of a file: its pages, told one by one, were counted with the range. */
  private rangeRow = 0
  private readonly pending: BlockCount

  constructor(audit: Audit) {
    this.audit = audit
    const { space } = audit
    this.pending = new BlockCount(space, (run, blocks, file) => {
      const isOwn = run.isCopied && run.write === space.writeNumber(file)
      return isOwn && (run.state === BLOCK_HOLE || run.state === BLOCK_RESERVED) ? blocks : 0
    })
  }

  begin(file: number): void {
    if (this.files.has(file)) return
    this.files.set(file, { task: this.audit.bus.task, indices: new Map(), allocates: false })
  }

  lock(page: number, file: number, index: number): void {
    if (this.files.size > 0) this.files.get(file)?.indices.set(page, index)
  }

  /** The task of the write allocates blocks for what it reserved. */
  allocate(file: number): void {
    const write = this.files.get(file)
    if (write !== undefined && write.task === this.audit.bus.task) write.allocates = true
  }

  /** The write ends. True: it allocated blocks itself, and has to have done so for all that it copied. */
  end(file: number): boolean {
    const allocates = this.files.get(file)?.allocates === true
    this.files.delete(file)
    return allocates
  }

  /** Writeback of a range of a file begins: blocks that the write under way copied in and has not allocated. */
  fileWriteback(file: number, positionBytes: number, lengthBytes: number, tell: TellBlocks): void {
    const write = this.files.get(file)
    if (write === undefined) return
    this.rangeRow = this.audit.bus.row
    write.allocates = false
    const blocks = this.pending.in(file, positionBytes, lengthBytes)
    if (blocks > 0) tell(blocks, this.pending.since)
  }

  /** Writeback of a page begins: its block has to be allocated, whoever does that. */
  writeback(page: number, tell: (since: Since | null) => void): void {
    const { bus, space } = this.audit
    if (this.files.size === 0 || bus.row === this.rangeRow) return
    for (const [file, write] of this.files) {
      const index = write.indices.get(page)
      if (index === undefined) continue
      write.allocates = false
      const block = space.block(file, index)
      if (block === undefined || !block.isCopied || block.write !== space.writeNumber(file)) continue
      if (block.state !== BLOCK_HOLE && block.state !== BLOCK_RESERVED) continue
      const { row, what } = block
      tell(row === 0 ? null : { row, what })
    }
  }
}
