/** The task of lines that name none: the only one, or the first. */
const FIRST = 0

/**
 * Which task a line is of. strace leaves the number out while it traces one task only, so the first one's number is known only
 * when there is a second, and is {@link FIRST} all through.
 */
export class TasksOfLines {
  private firstTid: number | null = null
  /** Tasks under way, but for the first. */
  private readonly others = new Set<number>()
  private isFirstGone = false
  private isFirstUnnamed = false

  /** Task of a line whose head names `tid`, or none. */
  of(tid: number | null): number {
    if (tid === null) {
      this.isFirstUnnamed = true
      if (!this.isFirstGone || this.others.size !== 1) return FIRST
      return this.others.values().next().value ?? FIRST
    }
    if (!this.isFirstUnnamed) return tid
    if (tid === this.firstTid) return FIRST
    if (this.firstTid === null && !this.others.has(tid)) {
      this.firstTid = tid
      return FIRST
    }
    return tid
  }

  /** strace says that it traces a further task. */
  attached(tid: number): void {
    if (this.others.size < OTHERS_MAX) this.others.add(tid)
  }

  /** The task, as {@link of} gave it, is gone. */
  exited(task: number): void {
    if (task === FIRST) this.isFirstGone = true
    this.others.delete(task)
  }
}

/** Tasks at a time that are told apart. */
const OTHERS_MAX = 1 << 16
