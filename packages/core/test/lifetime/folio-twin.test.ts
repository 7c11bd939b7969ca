import { describe, expect, it } from 'vitest'
import { EIO } from '../../src/errno.ts'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
import type { Hold } from '../../src/ledger/hold.ts'
import {
  FOLIO_DETACHED,
  FOLIO_GONE,
  FOLIO_LOCKED,
  FOLIO_NOTIFIED,
  FOLIO_PROTECTED,
  FOLIO_SHARED,
  FOLIO_WRITEBACK,
} from '../../src/lifetime/folio-flags.ts'
import { BY_CPU, BY_DEVICE } from '../../src/lifetime/lifetime-event.ts'
import { FOLIO_EVENTS, type FolioEvent, SlowFolio } from '../model/slow-folio.ts'
import { AuditWorld } from '../support/audit-world.ts'

type Step = (folios: AuditWorld['folios'], page: number) => void

const STEPS: Readonly<Record<Exclude<FolioEvent, 'pin' | 'unpin' | 'unpin dirty'>, Step>> = {
  'store by a CPU': (folios, page) => folios.store(page, 8, 64, BY_CPU),
  'store by a device': (folios, page) => folios.store(page, 8, 64, BY_DEVICE),
  dirty: (folios, page) => folios.dirty(page),
  'dirty, asked': (folios, page) => folios.dirty(page, true),
  clean: (folios, page) => folios.clean(page),
  'start writeback': (folios, page) => folios.writeback(page),
  'end writeback': (folios, page) => folios.writebackEnd(page),
  'writeback fails': (folios, page) => folios.writebackEnd(page, EIO),
  mkwrite: (folios, page) => folios.mkwrite(page),
  truncate: (folios, page) => folios.truncate(page),
  invalidate: (folios, page) => folios.invalidate(page),
  reclaim: (folios, page) => folios.reclaim(page),
  migrate: (folios, page) => folios.migrate(page),
  reflink: (folios, page) => folios.reflink(page),
  lock: (folios, page) => folios.lock(page),
  unlock: (folios, page) => folios.unlock(page),
}

/** One folio in the model and in its slow twin. */
class FolioTwins {
  private readonly world: AuditWorld
  private readonly slow: SlowFolio
  private readonly page: number
  private readonly holds: Hold[] = []
  private readonly before: readonly number[]

  constructor(world: AuditWorld, page: number) {
    this.world = world
    this.page = page
    this.slow = new SlowFolio(world.folios.stableWrites)
    this.before = this.counts()
  }

  apply(event: FolioEvent): void {
    const { audit } = this.world
    audit.at(audit.bus.row + 1, 0, 0, 1)
    this.slow.apply(event)
    if (event === 'pin') this.holds.push(this.world.take([this.page]))
    else if (event === 'unpin' || event === 'unpin dirty') this.unpin(event === 'unpin dirty')
    else STEPS[event](this.world.folios, this.page)
  }

  /** What differs, in words; empty where nothing does. */
  difference(): string {
    const fast = this.ofModel()
    const slow = this.ofTwin()
    return fast === slow ? '' : `${fast} against ${slow}`
  }

  /** Lets go of what is still pinned. */
  end(): void {
    while (this.holds.length > 0) this.unpin(false)
  }

  private unpin(dirty: boolean): void {
    const hold = this.holds.pop()
    if (hold !== undefined) this.world.letGo(hold, dirty)
  }

  /** Stores that waited, others that did, and orderings that were broken, of the whole world. */
  private counts(): number[] {
    const { folios, asserts } = this.world.audit
    const { store, truncate, invalidate } = folios.waits
    return [store, truncate + invalidate, asserts.count]
  }

  private ofModel(): string {
    const { world, page, before } = this
    const { folios } = world
    const flags = folios.flagsOf(page)
    const has = (flag: number) => (flags & flag) !== 0
    const head = world.gup.pages.headOf(page)
    return [
      world.state(page),
      ...[FOLIO_LOCKED, FOLIO_WRITEBACK, FOLIO_PROTECTED, FOLIO_NOTIFIED, FOLIO_DETACHED, FOLIO_GONE, FOLIO_SHARED].map(
        has,
      ),
      folios.isDirty(page),
      folios.contents.isUnsaved(folios.headOf(page)),
      folios.contents.isAheadOfWriteback(head),
      folios.isBusy(page),
      ...this.counts().map((count, i) => count - before[i]!),
    ].join(' ')
  }

  private ofTwin(): string {
    const { slow } = this
    return [
      slow.state,
      ...[slow.isLocked, slow.isUnderWriteback, slow.isWriteProtected, slow.isNotified, !slow.isInFile],
      slow.isGone,
      slow.isShared,
      slow.isDirty,
      slow.isUnsaved,
      slow.isAheadOfWriteback,
      slow.pins > 0,
      slow.waits,
      slow.otherWaits,
      slow.illegal,
    ].join(' ')
  }
}

/** Plays a sequence on a page of its own; what differs after which event, or null. */
function play(world: AuditWorld, page: number, events: readonly FolioEvent[]): string | null {
  const twins = new FolioTwins(world, page)
  for (const [at, event] of events.entries()) {
    twins.apply(event)
    const difference = twins.difference()
    if (difference !== '') return `${events.slice(0, at + 1).join(', ')}: ${difference}`
  }
  twins.end()
  return null
}

/** Those that the state machine is made of: all sequences of five are 248,832. */
const CORE_EVENTS = FOLIO_EVENTS.slice(0, 12)
/** In one version; what differs by version shows in fewer. */
const LENGTH_ONE = 4
const LENGTH_OTHERS = 4

const WORLDS = KERNEL_VERSIONS.flatMap((kernel) => [false, true].map((stable) => ({ kernel, stable })))

describe.each(WORLDS)('the state of a folio, $kernel, stable pages $stable', ({ kernel, stable }) => {
  const LENGTH = kernel === '6.12' ? LENGTH_ONE : LENGTH_OTHERS

  // Every shorter sequence is the beginning of one of these, and is compared after each event.
  it(`is that of the slow twin after every sequence of up to ${LENGTH} events`, () => {
    const world = new AuditWorld(kernel, stable)
    const wrong: string[] = []
    for (let code = 0; code < CORE_EVENTS.length ** LENGTH && wrong.length === 0; code++) {
      const events = Array.from(
        { length: LENGTH },
        (_, at) => CORE_EVENTS[Math.floor(code / CORE_EVENTS.length ** at) % CORE_EVENTS.length]!,
      )
      const found = play(world, world.page(), events)
      if (found !== null) wrong.push(found)
    }
    expect(wrong).toEqual([])
  }, 120_000)

  it('and after 1,000 random ones of 40 events of every kind, on tail pages of large folios too', () => {
    const world = new AuditWorld(kernel, stable)
    let seed = 20260721
    const next = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    for (let round = 0; round < 1000; round++) {
      const order = next(4)
      const page = world.page('file', order) + next(2 ** order)
      const events = Array.from({ length: 40 }, () => FOLIO_EVENTS[next(FOLIO_EVENTS.length)]!)
      expect(play(world, page, events)).toBeNull()
    }
  })
})
