import { createReadStream, readFileSync } from 'node:fs'
import {
  FOLL_PIN,
  FOLL_WRITE,
  type LaneReport,
  MAX_RW_COUNT,
  openTrace,
  PAGE_LIST_MAX,
  PAGE_SIZE,
  type PluginRegistration,
  pageNumberOf,
  Registry,
  replay,
} from '@pinscope/core'
import { parse } from 'csv-parse/sync'
import { ConsumerWatch, type MadeCall, type MadeOperation } from './consumer-watch.ts'
import { listenToExtract } from './extract-watch.ts'
import { type IterCall, LISTED_MAX, POLICY_OF_FUNC, type RecordedOperation, readOperations } from './iter-calls.ts'

// Recorded operations (traces/ground-truth/consumers-*.csv) in a lane with their consumer: what it calls, and what the
// kernel called.

const TRACES = new URL('../../../../traces/', import.meta.url)

/** An operation as it was recorded, and as it was made. */
export interface ComparedOperation {
  readonly name: string
  /** Its calls. Null: nobody recorded it. */
  readonly recorded: RecordedOperation | null
  readonly made: MadeOperation
}

/** Which recording a trace came from. */
export interface RecordedTrace {
  /** Name of the trace, such as `ground-truth/consumers-6.1-alg`. */
  readonly trace: string
  /** Version and group of the recording. */
  readonly version: string
  readonly group: string
}

/** How it is replayed. */
export interface RecordedReplay {
  readonly registration: PluginRegistration
  /** Null: the version that was recorded. */
  readonly kernel?: string | null
  /** Null: what the consumer's kernel does. */
  readonly policy?: string | null
  readonly consumerOptions?: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** The trace's text. */
export function recordedText(trace: string): string {
  return readFileSync(new URL(`${trace}.csv`, TRACES), 'utf8')
}

/** Replays a recorded trace, each consumer as its rows name it. */
export async function replayRecorded(
  { trace, version, group }: RecordedTrace,
  { registration, kernel = null, policy = null, consumerOptions = {} }: RecordedReplay,
): Promise<{ readonly operations: readonly ComparedOperation[]; readonly lanes: readonly LaneReport[] }> {
  const watch = new ConsumerWatch()
  const registry = new Registry()
  const { consumers = [] } = registration
  registry.register('under test', { ...registration, consumers: consumers.map((one) => watch.wrap(one)) })
  listenToExtract(watch)
  try {
    const reader = await openTrace(createReadStream(new URL(`${trace}.csv`, TRACES)), `${trace}.csv`)
    const policies = policy === null ? null : [policy]
    const options = { registry, policies, consumers: null, kernel, consumerOptions, inFlight: false }
    const { lanes } = await replay(reader, options)
    return { operations: compared(operationNames(trace), watch, readOperations(version), group), lanes }
  } finally {
    listenToExtract(null)
  }
}

/** `x_op` of the operations, in order. */
export function operationNames(trace: string): string[] {
  const rows = recordedText(trace)
    .split('\n')
    .filter((line) => !line.startsWith('#'))
  return parse<Record<string, string>>(rows.join('\n'), { columns: true })
    .filter(({ event }) => event === '')
    .map(({ x_op = '' }) => x_op)
}

function compared(
  names: readonly string[],
  { operations }: ConsumerWatch,
  recorded: readonly RecordedOperation[],
  group: string,
): ComparedOperation[] {
  const without = { iter: [], gup: [] }
  return names.map((name, i) => {
    const found = recorded.find((operation) => operation.name.replaceAll(',', '') === `${group}: ${name}`)
    const made = operations.get(i + 1)
    if (made === undefined) throw new Error(`${name}: never submitted`)
    return { name, recorded: name === '' ? null : (found ?? { name, ...without }), made }
  })
}

// What is compared.

/**
 * The recorded frames of a lane's pages, over a whole trace: a page takes the frame that stands at its place when it is
 * first seen, and no frame has two pages. NaN where that does not come out.
 */
export class Frames {
  private readonly frames = new Map<number, number>()
  private readonly taken = new Set<number>()

  frameOf(page: number, recorded: number): number {
    if (!this.frames.has(page) && !this.taken.has(recorded)) {
      this.frames.set(page, recorded)
      this.taken.add(recorded)
    }
    return this.frames.get(page) ?? Number.NaN
  }
}

/**
 * A call in the words of both sides. Two arguments have no equal in the model and are cut to what it knows, on both sides:
 * - `maxsize` LONG_MAX or SIZE_MAX: the functions themselves take at most MAX_RW_COUNT;
 * - `maxpages` of the alloc2 functions, which have no limit: an extraction of the model lists PAGE_LIST_MAX pages at most.
 */
function inCommon(call: { readonly maxsizeBytes: number; readonly maxpages: number }) {
  return { maxsize: Math.min(call.maxsizeBytes, MAX_RW_COUNT), maxpages: Math.min(call.maxpages, PAGE_LIST_MAX) }
}

function iteratorOf(call: IterCall | MadeCall) {
  const { type, direction, iovOffsetBytes, countBytes, segments, segmentBytes } = call
  return { type, direction, iovOffsetBytes, countBytes, segments, segmentBytes }
}

/** A recorded call. */
export function kernelCall(call: IterCall) {
  const { ret, startBytes, leftBytes, npages, pages, baseAddress } = call
  return {
    policy: POLICY_OF_FUNC[call.func],
    ...iteratorOf(call),
    base: baseAddress,
    ...inCommon(call),
    ret,
    startBytes,
    leftBytes,
    npages,
    pages,
  }
}

/** A call of the model, with the frames of `at`, the recorded call that stands at its place. */
export function modelCall(call: MadeCall, at: IterCall | undefined, frames: Frames) {
  const { ret, startBytes, leftBytes, pages, baseAddress, basePage } = call
  const base =
    basePage < 0
      ? baseAddress
      : frames.frameOf(basePage, at === undefined ? Number.NaN : pageNumberOf(at.baseAddress)) * PAGE_SIZE + baseAddress
  return {
    policy: call.policy,
    ...iteratorOf(call),
    base,
    ...inCommon(call),
    ret,
    startBytes,
    leftBytes,
    npages: pages.length,
    pages: pages.slice(0, LISTED_MAX).map(({ page, refcount, pincount }, i) => ({
      frame: frames.frameOf(page, at?.pages[i]?.frame ?? Number.NaN),
      refcount,
      pincount,
    })),
  }
}

/** Calls of mm/gup.c for user pages: what the model asked for. */
export function modelGup({ calls }: MadeOperation) {
  return calls.flatMap(({ request, pages }) => {
    if (request === null) return []
    const func = (request.foll & FOLL_PIN) !== 0 ? 'pin_fast' : 'gup_fast'
    // The kind is in the function's name. FOLL_WRITE is the same bit in all versions, and the only other one here.
    return [{ func, address: request.address, pages: request.pages, write: isWrite(request.foll), ret: pages.length }]
  })
}

function isWrite(foll: number): boolean {
  return (foll & FOLL_WRITE) !== 0
}

/** The same of a recording. */
export function kernelGup({ gup }: RecordedOperation) {
  return gup
    .filter(({ func }) => func === 'gup_fast' || func === 'pin_fast')
    .map(({ func, address, pages, flags, ret }) => {
      if ((flags & ~1) !== 0) throw new Error(`${func}: flags 0x${flags.toString(16)}`)
      return { func, address, pages, write: flags === 1, ret }
    })
}

/** Pages pinned and unpinned, in order, with releases that follow each other as one. */
export function joinReleases(pins: readonly number[]): number[] {
  const joined: number[] = []
  for (const pages of pins) {
    if (pages < 0 && (joined.at(-1) ?? 0) < 0) joined.push(joined.pop()! + pages)
    else joined.push(pages)
  }
  return joined
}

/** The same of a recording. */
export function kernelPins({ gup }: RecordedOperation): number[] {
  return joinReleases(
    gup.flatMap(({ func, pages, ret }) => (func === 'pin_fast' ? [ret] : func === 'unpin_page' ? [-pages] : [])),
  )
}
