import type { Kernel } from '../kernel/kernel.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Memory } from '../memory/memory.ts'
import type { Borrows } from './borrows.ts'
import { problemOfFound } from './check-found.ts'
import { Devices } from './devices.ts'
import { Doubts } from './doubts.ts'
import { EventBus } from './event-bus.ts'
import { FileSpace } from './file-space.ts'
import { FINDINGS_LISTED_MAX, type Finding, type FoundHazard, type Refusal } from './finding.ts'
import { historyOf } from './finding-history.ts'
import { FindingList } from './finding-list.ts'
import { FolioAsserts } from './folio-asserts.ts'
import { folioOrderings } from './folio-orderings.ts'
import { Folios } from './folios.ts'
import { isHandedToIo } from './handed-locks.ts'
import { Iterators } from './iterators.ts'
import { Leases } from './leases.ts'
import { eventCode } from './lifetime-event.ts'
import { ListedPieces } from './listed-pieces.ts'
import { Objects } from './objects.ts'
import { refusedTake } from './refused-take.ts'
import type { HazardRule } from './rule.ts'
import { Tasks } from './tasks.ts'
import { Tokens } from './tokens.ts'
import { severityOf } from './verdict.ts'
import { WhereReferencesGo } from './where-references-go.ts'

const COW = eventCode('cow')
const REFUSE = eventCode('refuse')

/** What an audit is of: one lane's world. */
export interface AuditedLane {
  readonly memory: Memory
  readonly ledger: Ledger
  /** What lists of operations in flight name. */
  readonly borrows: Borrows
  /** Tells of each page of [first, end) of a file: of the page cache, and of mappings of the file. Indices in the file. */
  readonly visitFile: (file: number, first: number, end: number, tell: (page: number, index: number) => void) => void
  /** A page as the trace names it; null where it does not. */
  readonly nameOf: (page: number) => string | null
  readonly kernel: Kernel
  readonly filesystem: string | null
  /** Stores to folios under writeback wait. @kernel AS_STABLE_WRITES */
  readonly stableWrites: boolean
  /** The trace ends in the midst of what it tells: what is in flight at its end goes on. */
  readonly isCutOff: boolean
  /** The same of one page's file, where that is told. */
  readonly stableOf: (page: number) => boolean | undefined
  /** The trace was recorded by another program: it may begin in the middle of things. */
  readonly isImported: boolean
}

/**
 * The hazard rules of one lane at work: state of folios, tokens, objects, iterators, file space, leases and tasks; the
 * rules hear what happens to them, and tell what they find. Replaying without one costs a look at a null field.
 */
export class Audit {
  readonly bus = new EventBus()
  readonly folios: Folios
  readonly tokens: Tokens
  readonly objects: Objects
  readonly devices: Devices
  readonly iterators: Iterators
  readonly space: FileSpace
  readonly leases: Leases
  readonly tasks: Tasks
  readonly references: WhereReferencesGo
  /** States of folios that the kernel asserts never come. */
  readonly asserts: FolioAsserts
  /** Rows that make sense only if something came before the trace. */
  readonly doubts = new Doubts()
  /** What the operation at work has listed. */
  readonly listed = new ListedPieces()
  readonly lane: AuditedLane
  /** Forks so far: before the first no page is shared by one. */
  forks = 0
  /** Steps at which the kernel refused what a rule forbids, or pages that a row asks for: the first ones, and how many. */
  readonly refusals: Refusal[] = []
  refusalsTotal = 0
  /** `MAPPING_*` flags because of which get_user_pages refused the row at work; 0: it did not. */
  refusedMapping = 0
  /** Row of the last refusal. */
  private refusedRow = 0
  private readonly list = new FindingList()
  /** By id: those that listen. */
  private readonly rules: ReadonlyMap<string, HazardRule>

  constructor(lane: AuditedLane, rules: readonly HazardRule[]) {
    const { bus } = this
    const { ledger, memory } = lane
    this.lane = lane
    this.folios = new Folios(bus, memory.pages, ledger.mappingReferences)
    this.folios.stableWrites = lane.stableWrites
    this.folios.stableOf = lane.stableOf
    this.tokens = new Tokens(bus, ledger, this.folios)
    this.objects = new Objects(bus, this.tokens, this.folios)
    this.devices = new Devices(bus, this.folios, this.tokens)
    this.iterators = new Iterators(bus)
    this.space = new FileSpace(bus)
    this.leases = new Leases(bus)
    this.tasks = new Tasks(bus, this.folios, (lock) => isHandedToIo(this, lock))
    this.references = new WhereReferencesGo(ledger)
    this.asserts = new FolioAsserts(lane.kernel.version, lane.filesystem)
    const { asserts, doubts, folios } = this
    bus.listen(folioOrderings({ bus, folios, borrows: lane.borrows, asserts, doubts }))
    this.listenForReferences()
    memory.spaces.observer = {
      copied: (mm, page) => this.tellSpace(COW, mm, page, 0),
      refused: (mm, met) => {
        this.refusedMapping = met
        this.tellSpace(REFUSE, mm, -1, met)
      },
    }
    this.rules = new Map(rules.map((rule) => [rule.id, rule]))
    for (const rule of rules) bus.listen(rule.watch(this))
  }

  /** Names the row at work; `task`: the pid that runs. */
  at(row: number, line: number, operation: number, task: number): void {
    const { bus } = this
    bus.row = row
    bus.line = line
    bus.operation = operation
    bus.task = task
    this.refusedMapping = 0
  }

  /** Findings with their detail: of each rule and verdict the first {@link FINDINGS_LISTED_MAX}. */
  get findings(): readonly Finding[] {
    return this.list.listed
  }

  /** Findings in all, listed or not, by rule. */
  get counts(): ReadonlyMap<HazardRule, number> {
    return this.list.counts
  }

  /** A rule was found broken. The same finding in the same row is told once, with the pages of all. */
  find(told: HazardRule, found: FoundHazard): void {
    const rule = this.listening(told)
    const problem = problemOfFound(this.lane, found)
    if (problem !== null) throw new RangeError(`audit.find: ${problem}`)
    const { token = 0, page = -1, detail, since = null } = found
    const row = found.row ?? this.bus.row
    const pages = found.pages ?? (page < 0 ? 0 : 1)
    const { verdict = rule.verdict } = found
    if (!this.list.count({ rule, verdict, row, detail, pages }, this.bus.row)) return
    const takenRow = token === 0 ? (found.takenRow ?? 0) : this.tokens.rowOf(token)
    const holder = token === 0 ? (found.holder ?? null) : (this.tokens.holders[token] ?? null)
    const line = found.line ?? (row === this.bus.row ? this.bus.line : 0)
    const pageName = page < 0 ? null : this.lane.nameOf(page)
    const history = historyOf(this, found, takenRow, holder)
    const severity = found.verdict === undefined ? rule.severity : severityOf(verdict)
    const what = { rule, verdict, severity, detail }
    this.list.list({ ...what, row, line, page, pages, pageName, holder, takenRow, since, history })
  }

  /** The kernel refused what the rule forbids: nothing is wrong, but a user will want to know why. */
  refused(told: HazardRule, detail: string): void {
    const rule = this.listening(told)
    if (typeof detail !== 'string' || detail === '') throw new RangeError('audit.refused: it says nothing in detail')
    this.refuse(rule, detail)
  }

  /** A row asked for pages, and got `errno` after `pages` of them. Said once a row: a rule may have said it. */
  takeRefused(errno: number, pages = 0): void {
    if (this.refusedRow === this.bus.row) return
    this.refuse(null, `${this.tokens.holder}: ${refusedTake(this.refusedMapping, errno, pages)}`)
  }

  private refuse(rule: HazardRule | null, detail: string): void {
    const { row, line } = this.bus
    this.refusedRow = row
    this.refusalsTotal++
    if (this.refusals.length < FINDINGS_LISTED_MAX) this.refusals.push({ rule, row, line, detail })
  }

  /** The rule of that id, if it listens: what another says could be neither counted nor judged. */
  private listening(told: HazardRule): HazardRule {
    const rule = this.rules.get(told?.id)
    if (rule === undefined)
      throw new RangeError(`the rule ${String(told?.id)} does not listen: its findings are nobody's`)
    return rule
  }

  private tellSpace(code: number, mm: number, page: number, amount: number): void {
    const event = this.bus.next()
    event.object = mm
    event.page = page
    event.pages = page < 0 ? 0 : 1
    event.amount = amount
    this.bus.tell(code)
  }

  private listenForReferences(): void {
    const { iterators, references, tokens, doubts, lane } = this
    tokens.onSplit = (from, to) => references.split(from, to)
    this.bus.listen({
      acquire: ({ token }) => references.taken(token, tokens.holder),
      release: ({ token, pages, as }) => {
        if (as === tokens.retention(token)) references.dropped(token, pages)
      },
      end: ({ token, pages }) => references.left(token, pages),
      init: ({ object }) => {
        if (this.bus.operation === 0) tokens.calls.began(object, iterators.of(object).mm)
      },
      violation: ({ detail, pages }) => {
        if (detail !== 'unknown-release' || (pages > 0 && !lane.isImported)) return
        doubts.add(
          this.bus.line,
          'a release',
          'of what no row took: taken before the trace began, or under another name',
        )
      },
      return: ({ object, result }) => {
        if (this.bus.operation === 0) tokens.callReturned(object, result, iterators.of(object).row)
      },
    })
  }
}
