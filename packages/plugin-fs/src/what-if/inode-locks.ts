import type { Operation } from '@pinscope/core'
import type { LayoutChange } from './layout-change.ts'

/** The other file of a reflink, which its row does not name. */
const OTHER_FILE = -1

/** A reflink has both inodes locked while it waits. @kernel fs/inode.c: lock_two_nondirectories */
export function lockInodes(io: Operation, change: LayoutChange): void {
  inRowOf(io, change, () => {
    io.audit?.tasks.files.lock(change.file, 0, 0)
    io.audit?.tasks.files.lock(OTHER_FILE, 0, 0)
  })
}

/** It has waited for `ns`, and unlocks them. */
export function unlockInodes(io: Operation, change: LayoutChange, ns: number): void {
  inRowOf(io, change, () => {
    if (ns > 0) io.audit?.tasks.wait('user', ns)
    io.audit?.tasks.files.unlock(change.file)
    io.audit?.tasks.files.unlock(OTHER_FILE)
  })
}

/** It still waits, and nothing bounds that: its locks are no leak. */
export function waitsForEver(io: Operation, change: LayoutChange): void {
  inRowOf(io, change, () => io.audit?.tasks.wait('user'))
  unlockInodes(io, change, 0)
}

/** An audit takes what is told as told of the row that asked for the change, and as its task's. */
function inRowOf(io: Operation, { row, line, task }: LayoutChange, tell: () => void): void {
  if (io.audit === null) return
  const { bus } = io.audit
  const before = [bus.row, bus.line, bus.task] as const
  ;[bus.row, bus.line, bus.task] = [row, line, task]
  tell()
  ;[bus.row, bus.line, bus.task] = before
}
