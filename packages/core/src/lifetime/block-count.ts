import type { BlockRun } from './block-runs.ts'
import type { FileSpace } from './file-space.ts'
import type { Since } from './finding.ts'
import { sinceBlock } from './since.ts'

/** How many of the `blocks` blocks of a run that lie in a range of bytes of a file are of the kind that is counted. */
export type CountRun = (
  run: BlockRun,
  blocks: number,
  file: number,
  positionBytes: number,
  lengthBytes: number,
) => number

/** Counts blocks of one kind in ranges of files: made once for a rule, so that an event costs no new object. */
export class BlockCount {
  private first: BlockRun | null = null
  private blocks = 0
  private file = 0
  private positionBytes = 0
  private lengthBytes = 0
  private readonly space: FileSpace
  private readonly count: CountRun
  private readonly tell = (run: BlockRun, blocks: number): void => this.add(run, blocks)

  constructor(space: FileSpace, count: CountRun) {
    this.space = space
    this.count = count
  }

  /** Blocks of the kind in the range. */
  in(file: number, positionBytes: number, lengthBytes: number): number {
    this.first = null
    this.blocks = 0
    this.file = file
    this.positionBytes = positionBytes
    this.lengthBytes = lengthBytes
    this.space.eachRun(file, positionBytes, lengthBytes, this.tell)
    return this.blocks
  }

  /** Of the last range: the row that made the first of them what it is; null: it had none, or no row is known. */
  get since(): Since | null {
    return this.first === null ? null : sinceBlock(this.first)
  }

  private add(run: BlockRun, blocks: number): void {
    const counted = this.count(run, blocks, this.file, this.positionBytes, this.lengthBytes)
    if (counted === 0) return
    this.blocks += counted
    if (this.first === null || this.first.row === 0) this.first = run
  }
}
