/** A layout lease. */
export interface HeldLease {
  readonly file: number
  readonly holder: number
}

/** Layout leases that the trace's tasks hold. @kernel fs/locks.c: FL_LAYOUT */
export class HeldLeases {
  private open: HeldLease[] = []

  take(file: number, holder: number): void {
    this.open.push({ file, holder })
  }

  drop(file: number, holder: number): void {
    this.open = this.open.filter((lease) => lease.file !== file || lease.holder !== holder)
  }

  /** Those on a file that a task has to break: its own are none. */
  against(file: number, task: number): readonly HeldLease[] {
    return this.open.filter((lease) => lease.file === file && lease.holder !== task)
  }
}
