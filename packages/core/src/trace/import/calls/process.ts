import { ITER_DEST } from '../../../iter/iter-type.ts'
import { FLAG_PROT_READ } from '../../../iter/row-flags.ts'
import { BACKING_NAMES, EVENT_FORK, EVENT_MAP, NONE } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import type { Mapping, Mappings, Range } from './mappings.ts'
import type { OpenFiles } from './open-files.ts'

/** End of user memory. @kernel arch/x86/include/asm/page_64_types.h: TASK_SIZE_MAX, with four levels of page tables */
export const USER_END = 0x7fff_ffff_f000
const BACKING_ANON = BACKING_NAMES.indexOf('anon')

const TOUCHED =
  'private anonymous memory is taken as touched before its first I/O, and as readable and writable: mprotect(2) is not followed'

/** Tasks with one address space. */
export interface Process {
  /** Number of the address space: the process. */
  mm: number
  files: OpenFiles
  mappings: Mappings
  /** Rows name addresses of it. */
  hasAddresses: boolean
  /** The address space that its memory is a copy of, until a row names an address of it; else NONE. */
  copyOf: number
  /** What `map` rows told of memory that is anonymous now. */
  stale: Range[]
}

/** A process of which no row has told yet. */
export function newProcess(mm: number, files: OpenFiles, mappings: Mappings, copyOf: number): Process {
  return { mm, files, mappings, hasAddresses: false, copyOf, stale: [] }
}

/**
 * Puts the rows that must stand before an operation on addresses of a process: that it is a copy of another one, and what the
 * mappings are that the operation reaches, where they are more than private anonymous memory.
 */
export function tellMemory(rows: ImportRows, row: ImportRow, process: Process): void {
  tellFork(rows, row, process)
  process.hasAddresses = true
  for (const { start, end } of process.stale.splice(0)) rows.put(mapRow(rows, row, start, end, BACKING_ANON))
  for (let i = 0; i < row.segmentCount; i++) {
    const start = row.segmentAddress[i]!
    for (const mapping of process.mappings.untold(start, start + row.segmentLength[i]!)) {
      tellMapping(rows, row, mapping)
    }
  }
  rows.assume(TOUCHED)
}

function tellFork(rows: ImportRows, row: ImportRow, process: Process): void {
  const parent = process.copyOf
  process.copyOf = NONE
  if (parent === NONE || parent === process.mm) return
  const fork = rows.draft()
  fork.line = row.line
  fork.tsNs = row.tsNs
  fork.event = EVENT_FORK
  fork.mm = parent
  fork.resultBytes = process.mm
  rows.put(fork)
}

function tellMapping(rows: ImportRows, row: ImportRow, mapping: Mapping): void {
  const map = mapRow(rows, row, mapping.start, mapping.end, mapping.backing)
  // What the kernel wrote to was writable, whatever mmap(2) said: mprotect(2) is not followed.
  const isWritten = row.direction === ITER_DEST && row.resultBytes > 0
  map.flags = isWritten ? mapping.flags & ~FLAG_PROT_READ : mapping.flags
  map.file = mapping.file
  if (mapping.file !== NONE) map.offsetBytes = mapping.offsetBytes
  rows.put(map)
}

function mapRow(rows: ImportRows, row: ImportRow, start: number, end: number, backing: number): ImportRow {
  const map = rows.draft()
  map.line = row.line
  map.tsNs = row.tsNs
  map.event = EVENT_MAP
  map.mm = row.mm
  map.backing = backing
  map.hasBacking = true
  map.addSegment(start, end - start)
  return map
}
