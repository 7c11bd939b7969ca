import type { KernelVersion } from '../kernel/version.ts'
import { FINDINGS_LISTED_MAX } from './finding.ts'
import type { Severity } from './verdict.ts'

/** What a kernel does in a state that it asserts never comes: stops, stops in debug builds only, warns, or takes no notice. */
export const ASSERT_OUTCOMES = ['bug', 'debug', 'warn', 'none'] as const
/** One of {@link ASSERT_OUTCOMES}. */
export type AssertOutcome = (typeof ASSERT_OUTCOMES)[number]

/** The severity of an outcome, for whoever asks how bad a trace is. */
export const ASSERT_SEVERITY: Readonly<Record<AssertOutcome, Severity>> = {
  bug: 'critical',
  debug: 'medium',
  warn: 'low',
  none: 'info',
}

/** The legal orderings of a folio, lifetime.md 3.3, by what breaks each. */
export const FOLIO_CHECKS = {
  'start-under-writeback': 'writeback begins while it is under way',
  'start-unlocked': 'writeback begins, and nobody has the folio locked',
  'start-dirty': 'writeback begins on a folio that is dirty again: its blocks are mapped for what it held before',
  'end-without-start': 'writeback ends that is not under way',
  'unlock-unlocked': 'the folio is unlocked, and is not locked',
  'clean-unlocked': 'its mappings are write-protected, and nobody has the folio locked',
} as const
/** One of {@link FOLIO_CHECKS}. */
export type FolioCheck = keyof typeof FOLIO_CHECKS

/** A state that the kernel asserts never comes, and a row brought about. */
export interface Asserted {
  readonly check: FolioCheck
  readonly outcome: AssertOutcome
  readonly row: number
  readonly line: number
  /** Page row of the first folio. */
  readonly page: number
  /** Folios concerned: each once, however many pages the row names of it. */
  folios: number
}

/** File systems that write back through iomap, in all modelled versions. @kernel fs/iomap/buffered-io.c: iomap_writepages */
const IOMAP_FILESYSTEMS: readonly string[] = ['xfs', 'gfs2', 'zonefs']

/**
 * What the modelled kernel does about each check.
 *
 * @kernel mm/page-writeback.c: __folio_start_writeback (6.1 takes no notice; VM_BUG_ON_FOLIO on PG_writeback in 6.12, on the
 *   lock as well since 6.15), folio_end_writeback (mm/filemap.c; 6.1: BUG, then VM_BUG_ON_FOLIO); mm/filemap.c: folio_unlock
 *   (VM_BUG_ON_FOLIO in all); mm/rmap.c: folio_mkclean (BUG_ON in all); fs/iomap/buffered-io.c: iomap_writepage_map, since
 *   6.17 iomap_writeback_folio (WARN_ON_ONCE of lock, dirty and writeback in all)
 */
export function assertOutcome(check: FolioCheck, kernel: KernelVersion, filesystem: string | null): AssertOutcome {
  const warns = IOMAP_FILESYSTEMS.includes(filesystem ?? '') ? 'warn' : 'none'
  switch (check) {
    case 'start-under-writeback':
      return kernel === '6.1' ? warns : 'debug'
    case 'start-unlocked':
      return kernel === '6.1' || kernel === '6.12' ? warns : 'debug'
    case 'start-dirty':
      return warns
    case 'end-without-start':
      return kernel === '6.1' ? 'bug' : 'debug'
    case 'unlock-unlocked':
      return 'debug'
    case 'clean-unlocked':
      return 'bug'
  }
}

/** What was asserted in a lane, listed and counted. */
export class FolioAsserts {
  readonly told: Asserted[] = []
  /** In all: each folio once a row. */
  count = 0
  private readonly kernel: KernelVersion
  private readonly filesystem: string | null
  /** Row of the last one, and its folios. */
  private row = 0
  private readonly heads = new Set<number>()
  /** Of each check the first {@link FINDINGS_LISTED_MAX} are listed, so that one that warns hides none that stops. */
  private readonly listed = new Map<FolioCheck, number>()

  constructor(kernel: KernelVersion, filesystem: string | null) {
    this.kernel = kernel
    this.filesystem = filesystem
  }

  /** File systems without iomap map blocks of a folio that may be dirty. */
  get looksAtDirty(): boolean {
    return assertOutcome('start-dirty', this.kernel, this.filesystem) !== 'none'
  }

  /** A folio came into such a state; of several in one row the first is told, since a kernel may go no further. */
  tell(check: FolioCheck, head: number, row: number, line: number): void {
    if (row !== this.row) this.heads.clear()
    this.row = row
    if (this.heads.has(head)) return
    this.heads.add(head)
    this.count++
    const last = this.told.at(-1)
    if (last !== undefined && last.row === row && last.check === check) {
      last.folios++
      return
    }
    const listed = this.listed.get(check) ?? 0
    if (listed >= FINDINGS_LISTED_MAX) return
    this.listed.set(check, listed + 1)
    const outcome = assertOutcome(check, this.kernel, this.filesystem)
    this.told.push({ check, outcome, row, line, page: head, folios: 1 })
  }
}
