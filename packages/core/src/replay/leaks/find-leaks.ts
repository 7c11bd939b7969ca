import { ITER_BVEC, ITER_FOLIOQ, ITER_XARRAY } from '../../iter/iter-type.ts'
import { type HeldKind, LEAKS_SCHEMA, type LeakGroup, type LeaksReport } from '../../report/leaks-report.ts'
import { EVENT_IO, EVENT_NAMES, type EventName, NONE, type OpBatch } from '../../trace/op-batch.ts'
import { TraceError } from '../../trace/trace-error.ts'
import type { TraceReader } from '../../trace/trace-reader.ts'
import { PAGE_SIZE, pageOffsetOf, pagesSpanned } from '../../units.ts'
import { TraceSpan } from '../trace-span.ts'
import { CallSites } from './call-sites.ts'
import { type OpenReference, OpenReferences } from './open-references.ts'

/** References open at one time. */
const OPEN_MAX = 1 << 22
/** Examples of what a call site leaks. */
const EXAMPLES_MAX = 5

/** What an event does: it takes, or lets go, a reference of a kind. */
interface Effect {
  readonly kind: HeldKind
  readonly takes: boolean
}

const EFFECTS: Partial<Readonly<Record<EventName, Effect>>> = {
  pin: { kind: 'pin', takes: true },
  get: { kind: 'ref', takes: true },
  unpin: { kind: 'pin', takes: false },
  put: { kind: 'ref', takes: false },
  alloc: { kind: 'object', takes: true },
  share: { kind: 'object', takes: true },
  drop: { kind: 'object', takes: false },
}
const EFFECT_OF_EVENT = EVENT_NAMES.map((name) => EFFECTS[name] ?? null)

/** Options of {@link findLeaks}. */
export interface LeakOptions {
  /** References taken later than this before the end of the trace are left out, ns: they may be let go yet. */
  readonly olderThanNs: number
  readonly onProgress?: (progress: { rows: number; bytesRead: number; pinsOpen: number }) => void
}

/**
 * Matches the recorded reference events of a trace with each other, without a model, and tells what was never let go: by
 * call site, oldest first. Throws a TraceError for a bad trace, or one with more than 4,194,304 references open at once.
 * @kernel include/trace/events/page_ref.h: page_ref_mod, page_ref_mod_and_test; include/trace/events/netfs.h: netfs_rreq_ref
 */
export async function findLeaks(trace: TraceReader, options: LeakOptions): Promise<LeaksReport> {
  const matcher = new Matcher(trace)
  for await (const batch of trace.batches()) {
    matcher.add(batch)
    options.onProgress?.({ rows: matcher.span.rows, bytesRead: trace.bytesRead, pinsOpen: matcher.open.size })
  }
  return matcher.report(options)
}

class Matcher {
  readonly span = new TraceSpan()
  readonly open = new OpenReferences()
  private readonly trace: TraceReader
  private readonly sites = new CallSites()
  private readonly events = new Float64Array(EVENT_NAMES.length)
  private lastNs = 0
  private taken = 0
  private sawFrames = false
  private sawAddresses = false

  constructor(trace: TraceReader) {
    this.trace = trace
  }

  add(batch: OpBatch): void {
    this.span.add(batch, false)
    for (let row = 0; row < batch.length; row++) {
      this.lastNs = Math.max(this.lastNs, batch.tsNs[row])
      this.events[batch.event[row]] += 1
      const effect = EFFECT_OF_EVENT[batch.event[row]]
      if (effect !== null) this.apply(batch, row, effect)
    }
  }

  private apply(batch: OpBatch, row: number, effect: Effect): void {
    const id = batch.id[row]
    if (id !== NONE) this.applyTo(`id ${this.trace.ids.text(id)}`, batch, row, effect)
    else for (const name of this.pagesOf(batch, row)) this.applyTo(name, batch, row, effect)
  }

  private applyTo(name: string, batch: OpBatch, row: number, { kind, takes }: Effect): void {
    const stack = batch.stack[row]
    const mm = batch.mm[row]
    const tsNs = batch.tsNs[row]
    if (!takes) {
      this.open.letGo(name, { kind, stack, mm, tsNs })
      return
    }
    if (this.open.size === OPEN_MAX) throw this.tooMany(batch.line[row])
    const site = this.sites.of(kind, stack, batch.call[row])
    this.taken++
    this.open.take({ site, name, mm, tsNs, row: batch.firstRow + row, line: batch.line[row] })
  }

  /** What the row is about, page by page. */
  private *pagesOf(batch: OpBatch, row: number): Generator<string> {
    const { addressBytes, offsetBytes, lengthBytes } = batch.segments
    const type = batch.iterType[row]
    const first = batch.segmentFirst[row]
    for (let i = first; i < first + batch.segmentCount[row]; i++) {
      const start = type === ITER_BVEC ? offsetBytes[i] : addressBytes[i]
      const pages = pagesSpanned(pageOffsetOf(start), lengthBytes[i])
      const firstPage = Math.floor(start / PAGE_SIZE) + (type === ITER_BVEC ? addressBytes[i] : 0)
      for (let page = firstPage; page < firstPage + pages; page++) {
        yield this.pageName(batch, row, type, page, offsetBytes[i])
      }
    }
  }

  private pageName(batch: OpBatch, row: number, type: number, page: number, fileId: number): string {
    if (type === ITER_BVEC) {
      this.sawFrames = true
      return `pfn 0x${page.toString(16)}`
    }
    if (type === ITER_FOLIOQ || type === ITER_XARRAY) return `${this.trace.files.text(fileId)} page ${page}`
    this.sawAddresses = true
    return `mm ${batch.mm[row]} 0x${(page * PAGE_SIZE).toString(16)}`
  }

  private tooMany(line: number): TraceError {
    const problem = `more than ${OPEN_MAX} references are open at once`
    const hint = 'Cut the trace: pinscope trace slice --time.'
    return new TraceError({ file: this.trace.header.name, line, column: 0, problem, hint })
  }

  report({ olderThanNs }: LeakOptions): LeaksReport {
    const { header } = this.trace
    const open = this.open.all().filter(({ tsNs }) => this.lastNs - tsNs >= olderThanNs)
    const count = (kind: HeldKind) => open.filter(({ site }) => site.kind === kind).length
    const events = EVENT_NAMES.map((name, code) => [name, this.events[code]] as const)
    return {
      schema: LEAKS_SCHEMA,
      trace: {
        file: header.name,
        format: header.format,
        rows: this.span.rows,
        spanNs: this.span.spanNs,
        events: Object.fromEntries(events.filter(([name, rows]) => rows > 0 && name in EFFECTS)),
      },
      taken: this.taken,
      letGo: this.taken - this.open.size,
      open: { pins: count('pin'), refs: count('ref'), objects: count('object') },
      unmatchedReleases: this.open.unmatched,
      wrongKind: this.open.wrongKind,
      ambiguous: this.open.ambiguous,
      framesAndAddresses: this.sawFrames && this.sawAddresses,
      groups: this.groups(open),
      warnings: this.warnings(),
    }
  }

  /** Oldest first: the references come in the order in which they were taken. */
  private groups(open: readonly OpenReference[]): LeakGroup[] {
    return [...bySiteOf(open)].map(([site, references]) => {
      const oldest = references[0]
      return {
        kind: site.kind,
        stack: site.stack === NONE ? [] : this.trace.stacks.text(site.stack).split(';'),
        call: site.call === NONE ? null : this.trace.calls.text(site.call),
        open: references.length,
        taken: site.taken,
        letGo: site.letGo,
        oldestNs: oldest.tsNs,
        newestNs: references[references.length - 1].tsNs,
        oldestRow: oldest.row,
        oldestLine: oldest.line,
        oldestAgeNs: this.lastNs - oldest.tsNs,
        longestHoldNs: Number.isNaN(site.longestHoldNs) ? null : site.longestHoldNs,
        examples: [...new Set(references.map(({ name }) => name))].slice(0, EXAMPLES_MAX),
      }
    })
  }

  private warnings(): string[] {
    const told: string[] = []
    const operations = this.events[EVENT_IO]
    if (operations > 0) {
      told.push(`${operations} operations are passed over: pinscope replay models what they take`)
    }
    if (this.taken === 0 && this.open.unmatched === 0) told.push('the trace has no reference event')
    if (this.sawFrames && this.sawAddresses) {
      told.push('some events name page frames and some user addresses: the two cannot be matched with each other')
    }
    return told
  }
}

/** In the order of their oldest reference. */
function bySiteOf(open: readonly OpenReference[]): Map<OpenReference['site'], OpenReference[]> {
  const groups = new Map<OpenReference['site'], OpenReference[]>()
  for (const reference of open) {
    const group = groups.get(reference.site)
    if (group === undefined) groups.set(reference.site, [reference])
    else group.push(reference)
  }
  return groups
}
