import { PAGE_SIZE } from '../../units.ts'
import type { Audit } from '../audit.ts'
import { BLOCK_HOLE } from '../block-runs.ts'
import type { Since } from '../finding.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { ANOTHER_LOCKED, LOCKED } from '../since.ts'
import type { HeldLock } from '../tasks.ts'
import { severityOf } from '../verdict.ts'

const TWICE = 'the task locks a folio that it has locked: it waits for itself'
const ORDER =
  'the task locks a folio of the file while it holds the lock of a later one: another task locks them in order'
const NESTED = 'the task holds the locks of several folios of the file that it prepares for one write'

export const h30 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-30',
  name: 'nested folio locks',
  precondition: 'a task holds the lock of a folio of a file',
  event: 'it locks the same folio, an earlier one, or another one while it prepares the first for a write',
  verdict: 'DEADLOCK',
  severity: severityOf('DEADLOCK'),
  advice:
    'Hold one folio lock at a time in a copy loop: reserve for the whole range first, then lock, copy and unlock folio by folio. Who must hold several takes them by index.',
  kernel:
    'mm/filemap.c: __folio_lock, generic_perform_write; fs/iomap/buffered-io.c: iomap_write_iter (one at a time); fs/remap_range.c: vfs_lock_two_folios (by index)',
  diagram: `
  task A, write              task B, readahead or writeback
  lock folio 1
  allocate its block         lock folio 0
  lock folio 0   waits ...   lock folio 1   waits ...
       |                          |
       +--- for B's folio 0       +--- for A's folio 1`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,segs,backing,file,offset,len
0,map,1,0x10000+8192,file,f,0,
1,load,1,0x10000+8192,,,,
2,lock,1,,,f,4096,4096
3,lock,1,,,f,0,4096
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,mm,segs,backing,file,offset,len
0,map,1,0x10000+8192,file,f,0,
1,load,1,0x10000+8192,,,,
2,lock,1,,,f,0,4096
3,lock,1,,,f,4096,4096
4,unlock,1,,,f,0,8192
`,
  },
  watch: (audit) => {
    const nesting = new Nesting(audit)
    return {
      lock: ({ page, file, positionBytes, amount }) =>
        nesting.lock(page, file, positionBytes / PAGE_SIZE, amount === 0),
      unlock: ({ page }) => nesting.unlock(page),
      reserve: ({ file }) => nesting.prepare(file),
      allocate: ({ file, positionBytes, lengthBytes }) => nesting.allocate(file, positionBytes, lengthBytes),
      copy_in: ({ file }) => nesting.prepare(file),
    }
  },
})

/** Locked folios that a write prepares; what tasks were told of, until they hold no lock. */
class Nesting {
  /** Head pages of locked folios for which space was reserved or allocated, or into which was copied. */
  private readonly prepared = new Set<number>()
  private readonly told = new Set<number>()
  private readonly audit: Audit

  constructor(audit: Audit) {
    this.audit = audit
  }

  /** `waits` false: a trylock, by which no two tasks ever wait for each other. */
  lock(page: number, file: number, index: number, waits: boolean): void {
    const held = this.audit.tasks.held()
    if (held.length === 0) {
      this.told.delete(this.audit.bus.task)
      return
    }
    if (!waits) return
    for (const lock of held) {
      const detail = this.breaks(lock, page, file, index)
      if (detail === null) continue
      this.tell(page, detail, { row: lock.row, what: detail === TWICE ? LOCKED : ANOTHER_LOCKED })
      return
    }
  }

  unlock(page: number): void {
    this.prepared.delete(this.audit.folios.headOf(page))
  }

  /** The task at work reserves or allocates space of the file, or copies into its page cache. */
  prepare(file: number): void {
    const held = this.audit.tasks.held()
    if (held.length === 0) return
    let other: HeldLock | null = null
    for (const lock of held) {
      if (lock.file !== file) continue
      this.mark(lock)
      if (other !== null && other.index !== lock.index)
        this.tell(lock.page, NESTED, { row: other.row, what: ANOTHER_LOCKED })
      other ??= lock
    }
  }

  /** Writeback allocates under the locks of several folios, in order: blocks that were reserved, or dirty. */
  allocate(file: number, position: number, length: number): void {
    if (this.audit.tasks.held().length === 0) return
    let isHole = false
    this.audit.space.eachRun(file, position, length, ({ state, isCopied }) => {
      if (state === BLOCK_HOLE && !isCopied) isHole = true
    })
    if (isHole) this.prepare(file)
    else for (const lock of this.audit.tasks.held()) if (lock.file === file) this.mark(lock)
  }

  private mark(lock: HeldLock): void {
    this.prepared.add(this.audit.folios.headOf(lock.page))
  }

  /** What is wrong with taking this lock while holding that one; null: nothing. */
  private breaks(lock: HeldLock, page: number, file: number, index: number): string | null {
    const { folios, bus } = this.audit
    if (folios.headOf(lock.page) === folios.headOf(page)) return TWICE
    if (file < 0 || lock.file !== file) return null
    // One row may name a page of a file by its page cache and by a mapping of it.
    if (lock.index === index) return lock.row === bus.row ? null : TWICE
    if (lock.index > index) return ORDER
    return this.prepared.has(folios.headOf(lock.page)) ? NESTED : null
  }

  private tell(page: number, detail: string, since: Since): void {
    const { task } = this.audit.bus
    if (this.told.has(task)) return
    this.told.add(task)
    this.audit.find(h30, { page, since, detail })
  }
}
