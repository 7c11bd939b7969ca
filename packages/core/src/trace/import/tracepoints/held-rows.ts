import { NONE } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { foldStack } from './stack-text.ts'
import type { TracepointHead } from './tracepoint.ts'

/** Lines that a row is held for. Rows behind it wait to be put in order for longer than that (REORDER_ROWS_MAX). */
const LINES_MAX = 512
/** Frames of one stack that are remembered at all. */
const FRAMES_MAX = 1024

/** Rows of one event, to which the lines that follow may add. */
interface HeldEvent {
  readonly made: ImportRow[]
  /** Line of the event. */
  readonly heldAt: number
  /** No other event of the task has come: a stack that comes now is the row's. */
  isLast: boolean
}

/**
 * The last reference event of each task, held until it is known what the next lines say about it: the stack that it was
 * recorded at, the second half of a pin, the frames of the pages that it pinned.
 */
export class HeldRows {
  private readonly rows: ImportRows
  /** Oldest first. */
  private readonly held = new Map<number, HeldEvent>()
  private stackOf: HeldEvent | null = null
  private readonly frames: string[] = []

  constructor(rows: ImportRows) {
    this.rows = rows
  }

  /** Holds a row of the event at work; what was held of an earlier event of the task is put. */
  hold(head: TracepointHead, row: ImportRow): void {
    const key = keyOf(head)
    const held = this.held.get(key)
    if (held !== undefined && held.heldAt === this.rows.line) {
      held.made.push(row)
      return
    }
    if (held !== undefined) this.put(key, held)
    this.held.set(key, { made: [row], heldAt: this.rows.line, isLast: true })
  }

  /** The row that is held for the task: the last one of its last reference event. */
  peek(head: TracepointHead): ImportRow | undefined {
    return this.held.get(keyOf(head))?.made.at(-1)
  }

  /** Puts what is held for the task. */
  release(head: TracepointHead): void {
    const held = this.held.get(keyOf(head))
    if (held !== undefined) this.put(keyOf(head), held)
  }

  /** Another event of the task begins: a stack behind it is that event's. Puts rows that were held for too long. */
  eventBegins(head: TracepointHead): void {
    this.stackEnds()
    const own = this.held.get(keyOf(head))
    if (own !== undefined) own.isLast = false
    for (const [key, held] of this.held) {
      if (this.rows.line - held.heldAt < LINES_MAX) break
      this.put(key, held)
    }
  }

  /** Frames that come now, innermost first, are those of the task's last event; null: of nobody's. */
  stackBegins(head: TracepointHead | null): void {
    this.stackEnds()
    const held = head === null ? undefined : this.held.get(keyOf(head))
    if (held?.isLast !== true) return
    this.stackOf = held
    held.isLast = false
  }

  /** A frame of the stack that has begun. False where nobody wants it. */
  frame(name: string): boolean {
    if (this.stackOf === null) return false
    if (this.frames.length < FRAMES_MAX) this.frames.push(name)
    return true
  }

  /** Puts all rows. */
  end(): void {
    this.stackEnds()
    for (const [key, held] of this.held) this.put(key, held)
  }

  private stackEnds(): void {
    if (this.stackOf === null) return
    const text = foldStack(this.frames)
    if (text !== '') for (const row of this.stackOf.made) row.stack = this.rows.stackName(text)
    this.stackOf = null
    this.frames.length = 0
  }

  private put(key: number, { made }: HeldEvent): void {
    this.held.delete(key)
    for (const row of made) this.rows.put(row)
  }
}

/** Every CPU has an idle task of its own, and all of them are thread 0. */
function keyOf({ tid, cpu }: TracepointHead): number {
  return tid === 0 && cpu !== NONE ? -1 - cpu : tid
}
