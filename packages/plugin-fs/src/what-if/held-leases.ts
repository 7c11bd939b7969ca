/** A layout lease. */
export interface HeldLease {
  readonly file: number
  readonly holder: number
  /** When its holder was asked to give it back, ns; null: nobody has asked. @kernel fs/locks.c: FL_UNLOCK_PENDING */
  askedNs: number | null
}

/** Layout leases that the trace's tasks hold, one a task and file. @kernel fs/locks.c: FL_LAYOUT */
export class HeldLeases {
  private open: HeldLease[] = []

  /** A holder that has one keeps it. False: refused, since one of another holder is asked back. @kernel fs/locks.c: generic_add_lease */
  take(file: number, holder: number): boolean {
    if (this.against(file, holder).some(({ askedNs }) => askedNs !== null)) return false
    if (this.of(file, holder) === undefined) this.open.push({ file, holder, askedNs: null })
    return true
  }

  of(file: number, holder: number): HeldLease | undefined {
    return this.open.find((lease) => lease.file === file && lease.holder === holder)
  }

  drop(file: number, holder: number): void {
    this.open = this.open.filter((lease) => lease.file !== file || lease.holder !== holder)
  }

  /** Those on a file that a task has to break: its own is none. */
  against(file: number, task: number): readonly HeldLease[] {
    return this.open.filter((lease) => lease.file === file && lease.holder !== task)
  }

  /** Those that somebody has asked back. */
  asked(): readonly HeldLease[] {
    return this.open.filter(({ askedNs }) => askedNs !== null)
  }
}
