import { eventCode, LIFETIME_EVENT_NAMES, LifetimeEvent, type LifetimeEventName } from './lifetime-event.ts'

/** What a rule does on an event. */
export type Handler = (event: LifetimeEvent) => void

/** The handlers of a rule, by the events that it hears. */
export type Handlers = { readonly [Name in LifetimeEventName]?: Handler }

/** Process context: it may sleep. */
export const CONTEXT_PROCESS = 0
/** A softirq, an interrupt, or under a spinlock: it may not sleep. @kernel include/linux/preempt.h: in_atomic */
export const CONTEXT_ATOMIC = 1
/** A kernel thread or worker: it has no user memory. @kernel current->mm == NULL */
export const CONTEXT_WORKER = 2

/** One of the `CONTEXT_*`. */
export type Context = 0 | 1 | 2

/** Carries events to the rules that hear them; an event that no rule hears costs a look. */
export class EventBus {
  readonly event = new LifetimeEvent()
  /** Row of the trace at work, its line, and the number of its operation (0: none). */
  row = 0
  line = 0
  operation = 0
  /** Who runs: a pid. */
  task = 0
  context: Context = CONTEXT_PROCESS
  /** Events so far: what was first within a row, or in rows that end later than they begin. */
  serial = 0
  private readonly handlers: Handler[][] = LIFETIME_EVENT_NAMES.map(() => [])

  listen(handlers: Handlers): void {
    for (const [name, handler] of Object.entries(handlers)) {
      this.handlers[eventCode(name as LifetimeEventName)].push(handler)
    }
  }

  /** A rule hears it. */
  hears(code: number): boolean {
    return this.handlers[code].length > 0
  }

  /** An event with empty fields: fill them, then {@link tell}. */
  next(): LifetimeEvent {
    this.event.reset()
    this.serial++
    return this.event
  }

  /** Tells every rule that hears it. */
  tell(code: number): void {
    const handlers = this.handlers[code]
    for (let i = 0; i < handlers.length; i++) handlers[i](this.event)
  }
}
