/** On a terminal strace tells of a task in the middle of a line, which goes on in the next. */
const ATTACHED_WITHIN = /strace: Process (\d{1,10}) attached$/
/** Breaks of one line. */
const BREAKS_MAX = 16

/** Puts lines together that strace broke to tell of a task that it attached to. */
export class BrokenLines {
  /** How much of the line that {@link whole} returned last stood in lines before. */
  joinedAt = 0
  private readonly attached: (tid: number) => void
  private before = ''
  private breaks = 0

  /** `attached` hears of the tasks. */
  constructor(attached: (tid: number) => void) {
    this.attached = attached
  }

  /** The line with what stood before it; null when it goes on in the next. */
  whole(text: string): string | null {
    const cut = ATTACHED_WITHIN.exec(text)
    const isBroken = cut !== null && (cut.index > 0 || this.before !== '') && this.breaks < BREAKS_MAX
    if (!isBroken) {
      const line = this.before + text
      this.joinedAt = this.before.length
      this.before = ''
      this.breaks = 0
      return line
    }
    this.attached(Number(cut[1]))
    this.before += text.slice(0, cut.index)
    this.breaks++
    return null
  }
}
