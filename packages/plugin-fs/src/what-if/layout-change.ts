import { type Operation, PAGE_SIZE, type PageEvent } from '@pinscope/core'

/** Rows that change the layout of a file. */
export const LAYOUT_CHANGES: readonly string[] = ['reflink', 'truncate', 'allocate', 'layout']

/** A change of the layout of a file that a task asked for: kept while it waits. */
export interface LayoutChange {
  /** One of {@link LAYOUT_CHANGES}. */
  readonly name: string
  readonly task: number
  readonly file: number
  readonly positionBytes: number
  readonly lengthBytes: number
  /** When it was asked for, ns, and in which row and line. */
  readonly sinceNs: number
  readonly row: number
  readonly line: number
}

/** The change that the row at work asks for. */
export function layoutChangeOf(io: Operation, event: PageEvent): LayoutChange {
  const positionBytes = Math.max(event.offsetBytes, 0)
  const isToEnd = event.name === 'truncate' || event.lengthBytes < 0
  return {
    name: event.name,
    task: event.mm,
    file: event.file,
    positionBytes,
    lengthBytes: isToEnd ? Number.MAX_SAFE_INTEGER - positionBytes : event.lengthBytes,
    sinceNs: event.nowNs[0],
    row: event.row,
    line: io.audit?.bus.line ?? 0,
  }
}

/** It happens now, to `pages` of its range. */
export function happen(io: Operation, change: LayoutChange, pages: readonly number[]): void {
  const { name, file, positionBytes, lengthBytes } = change
  const { audit } = io
  asTask(io, change.task, () => audit?.leases.changeLayout(file, positionBytes, lengthBytes, pages))
  if (name === 'reflink') for (const page of pages) audit?.folios.reflink(page)
  if (name === 'allocate') audit?.space.allocate(file, positionBytes, lengthBytes)
  if (name !== 'truncate') return
  // Once a folio; one that begins before the end of the file stays in it.
  for (const page of pages) if (audit?.folios.headOf(page) === page) audit.folios.truncate(page)
  const { files } = io.memory.spaces
  files.truncate(file, Math.ceil(positionBytes / PAGE_SIZE), (head) => io.ledger.mappingReferences.put(head))
}

/** An audit takes what is done as done by `task`: it may be late, in a row of another. */
export function asTask(io: Operation, task: number, act: () => void): void {
  const bus = io.audit?.bus
  const before = bus?.task ?? 0
  if (bus !== undefined) bus.task = task
  act()
  if (bus !== undefined) bus.task = before
}
