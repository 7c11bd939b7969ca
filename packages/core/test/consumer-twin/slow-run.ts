import { Iter, piecesOf } from './slow-iter.ts'
import {
  EFAULT,
  EINVAL,
  type Hold,
  isUser,
  PAGE,
  type PageEvent,
  type Piece,
  type Row,
  type Setup,
} from './slow-rows.ts'
import { World } from './slow-world.ts'

/** A consumer's twin. */
export interface Twin {
  /** Bytes, or -errno with nothing kept. */
  submit(op: Operation): number
  complete(op: Operation): void
  /** The trace is over. */
  close(): void
  /** A `register` row: what it holds, or -errno. */
  register?(registration: Registration): readonly Hold[] | number
  /** An `unregister` row: lets go of `holds`. */
  unregister?(registration: Registration, holds: readonly Hold[]): void
  /** A registration that operations in flight name is dropped when the last of them is over. */
  readonly defersUnregister?: boolean
  /** Of the counters of the consumer, those that are compared. */
  counters?(): Readonly<Record<string, number>>
}

/** A `register` or `unregister` row. */
export interface Registration {
  readonly row: Row
  readonly iter: Iter
}

/** One operation between its submission and its completion. */
export interface Operation {
  readonly row: Row
  readonly number: number
  readonly iter: Iter
  result: number
}

/** The whole run of one lane. `accepts`: iterator types that arrive at the consumer; any other is refused. */
export function run(
  rows: readonly Row[],
  setup: Setup,
  make: (world: World) => Twin,
  accepts: readonly string[],
): Figures {
  const world = new World(setup)
  const twin = make(world)
  const registrations = new Registrations(world, twin)
  const results: number[] = []
  let inFlight: { at: number; op: Operation; built: number }[] = []
  const completeUntil = (time: number) => {
    for (;;) {
      const due = inFlight.filter(({ at }) => at <= time).sort((a, b) => a.at - b.at || a.op.number - b.op.number)
      if (due.length === 0) return
      inFlight = inFlight.filter((one) => one !== due[0])
      if (twin.defersUnregister !== true) registrations.ended(due[0]!.op.row)
      world.builtNow = due[0]!.built
      twin.complete(due[0]!.op)
      if (twin.defersUnregister === true) registrations.ended(due[0]!.op.row)
      world.giveBack(due[0]!.op.number)
    }
  }
  rows.forEach((row, index) => {
    const ts = index * STEP
    completeUntil(ts)
    world.builtNow = 0
    if (row.event === 'map') world.map(row)
    else if (row.event === 'register') registrations.add(row)
    else if (row.event === 'unregister') registrations.remove(row)
    else if (row.event === 'free') registrations.loseMemory(row)
    if (isPageEvent(row.event)) world.happens(row.event, piecesOfEvent(row, row.event))
    if (row.event !== undefined) return
    const op: Operation = { row, number: ++world.sums.operations, iter: new Iter(world, row), result: 0 }
    world.operation = op.number
    if (!accepts.includes(op.iter.type)) op.result = EINVAL
    else op.result = registrations.cover(row) ? twin.submit(op) : EFAULT
    results.push(op.result)
    if (op.result < 0) {
      world.sums.errors++
      world.giveBack(op.number)
    } else {
      world.sums.bytes += op.result
      if (row.end === undefined) {
        twin.complete(op)
        world.giveBack(op.number)
      } else registrations.began(row)
      if (row.end !== undefined && row.end !== 'never') inFlight.push({ at: ts + row.end, op, built: world.builtNow })
    }
  })
  completeUntil(Number.POSITIVE_INFINITY)
  twin.close()
  return { ...figures(world, results), whole: wholeFigures(world, twin) }
}

function isPageEvent(event: Row['event']): event is PageEvent {
  return event !== undefined && event !== 'map' && event !== 'register' && event !== 'unregister'
}

/** What a row is about: its segments, or the pages of its file. A page that is cut in the middle stays. */
function piecesOfEvent(row: Row, event: PageEvent): readonly Piece[] {
  if (row.segs.length > 0) return row.segs.flatMap((seg, i) => piecesOf(row.iter ?? 'ubuf', seg, i))
  const offset = row.offset ?? 0
  const start = event === 'truncate' ? Math.ceil(offset / PAGE) * PAGE : offset
  const length = event === 'truncate' ? FILE_BYTES_MAX - start : (row.len ?? FILE_BYTES_MAX - start)
  return piecesOf('xarray', [start, Number(row.file!.slice(1)), length], 0)
}

/** Files in these tests are no longer. */
const FILE_BYTES_MAX = 256 * PAGE

/** Time between two rows, ns. */
export const STEP = 1000

interface Registered {
  readonly row: Row
  readonly holds: readonly Hold[]
  readonly mapped: number
  uses: number
  /** The process has given its memory up, which was told. */
  hasLostMemory?: boolean
  /** It was unregistered by this row, while it was in use. */
  drop?: Row
}

/** What is registered, and what may be done with it: the lane's rules, not the consumer's. */
class Registrations {
  private readonly world: World
  private readonly twin: Twin
  private readonly open = new Map<string, Registered>()
  /** What operations in flight name, where that outlives an `unregister` row. */
  private readonly named = new Map<Row, Registered>()
  private readonly dropped = new Set<string>()
  /** What could not be registered: the program goes on, and unregisters it. */
  private readonly refused = new Set<string>()

  constructor(world: World, twin: Twin) {
    this.world = world
    this.twin = twin
  }

  add(row: Row): void {
    const { dma } = this.world
    const before = dma.openEntries
    const holds = this.twin.register?.({ row, iter: this.iterOf(row) }) ?? EFAULT
    if (typeof holds === 'number') this.refused.add(row.id!)
    else {
      this.refused.delete(row.id!)
      dma.longTermEntries -= this.open.get(row.id!)?.mapped ?? 0
      this.open.set(row.id!, { row, holds, mapped: dma.openEntries - before, uses: 0 })
      dma.longTermEntries += dma.openEntries - before
    }
  }

  remove(row: Row): void {
    if (this.refused.delete(row.id!)) return
    const registration = this.open.get(row.id!)
    if (registration === undefined) {
      this.world.violations.push(this.dropped.has(row.id!) ? 'double-release' : 'unknown-release')
      return
    }
    this.world.dma.longTermEntries -= registration.mapped
    this.open.delete(row.id!)
    this.dropped.add(row.id!)
    if (registration.uses > 0 && this.twin.defersUnregister === true) {
      registration.drop = row
      return
    }
    if (registration.uses > 0) this.world.violations.push('registration-in-use')
    this.twin.unregister!({ row, iter: this.iterOf(row) }, registration.holds)
  }

  /** A `free` row: memory that is registered with the consumer is given up. */
  loseMemory({ iter = 'ubuf', segs }: Row): void {
    if (this.twin.register === undefined || !isUser(iter)) return
    for (const one of this.open.values()) {
      const isHit = segs.some(([at, length]) =>
        one.row.segs.some(([from, bytes]) => at! < from! + bytes! && from! < at! + length!),
      )
      if (!isHit || one.hasLostMemory === true) continue
      one.hasLostMemory = true
      this.world.violations.push('registration-outlives-owner')
    }
  }

  /** All segments lie in the registration that the row names, if it names one. */
  cover(row: Row): boolean {
    if (row.flags?.includes('fixed') !== true) return true
    const registration = this.open.get(row.id ?? '')
    return (
      registration !== undefined &&
      row.segs.every(([at, length]) =>
        registration.row.segs.some(([from, bytes]) => at! >= from! && at! + length! <= from! + bytes!),
      )
    )
  }

  began(row: Row): void {
    this.use(row, 1)
  }

  ended(row: Row): void {
    this.use(row, -1)
  }

  private use(row: Row, by: number): void {
    if (row.flags?.includes('fixed') !== true) return
    const registration = this.named.get(row) ?? this.open.get(row.id ?? '')
    if (registration === undefined) return
    registration.uses += by
    if (this.twin.defersUnregister !== true) return
    if (by > 0) this.named.set(row, registration)
    else this.named.delete(row)
    if (registration.uses > 0 || registration.drop === undefined) return
    this.twin.unregister!({ row: registration.drop, iter: this.iterOf(registration.drop) }, registration.holds)
  }

  private iterOf(row: Row): Iter {
    return new Iter(this.world, { ...row, op: 'read' })
  }
}

function figures(world: World, results: readonly number[]) {
  const { sums, pins, refs, data, entries, bare, allocations } = world
  return {
    results,
    ...sums,
    pins,
    refs,
    barePages: bare,
    data,
    entries,
    openAllocations: allocations.made - allocations.freed,
    refcounts: world.refcounts(),
  }
}

/** What is compared of consumers whose twins count it. */
function wholeFigures({ dma, avoided, allocations, violations }: World, twin: Twin): Whole {
  return { dma, avoided, allocations, violations, counters: twin.counters?.() ?? {} }
}

/** The rest of a report. */
export interface Whole {
  readonly dma: World['dma']
  readonly avoided: World['avoided']
  readonly allocations: World['allocations']
  readonly violations: readonly string[]
  readonly counters: Readonly<Record<string, number>>
}

export type Figures = ReturnType<typeof figures> & { readonly whole: Whole }
