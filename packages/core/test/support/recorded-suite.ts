import type { KernelVersion, LaneReport, Memory, PluginRegistration, PolicyName } from '@pinscope/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { recordedConsumers } from '../../../../scripts/recorded-consumers.mjs'
import { POLICY_OF_FUNC } from './iter-calls.ts'
import {
  type ComparedOperation,
  Frames,
  joinReleases,
  kernelCall,
  kernelGup,
  kernelPins,
  modelCall,
  modelGup,
  operationNames,
  type RecordedTrace,
  recordedText,
  replayRecorded,
} from './recorded-consumers.ts'

/** A recording, and the plugin whose consumers its rows name. */
export interface RecordedGroup extends RecordedTrace {
  readonly register: () => Promise<PluginRegistration>
  /** Operations of it. */
  readonly operations: number
  /** Recorded calls of the extraction functions that those operations made. */
  readonly calls: number
  /** Operations whose calls the recording does not determine, and why. Each must differ. */
  readonly undetermined?: Readonly<Record<string, string>>
  /** Another policy than the kernel's, which must count otherwise, but for calls that it stands for itself. */
  readonly otherPolicy: PolicyName
  /** Options of the consumers under which the same must come out. */
  readonly variants?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>
}

/** Everything the same as in the running kernel: calls, answers, pages, live counts, and the kernel's own counters. */
export function describeAsRecorded(group: RecordedGroup): void {
  const { trace, version, undetermined = {}, variants = { 'as it is': {} } } = group

  it(`traces/${trace}.csv is what was recorded (else: node scripts/recorded-consumers.mjs)`, () => {
    expect(recordedText(trace)).toBe(recordedConsumers().get(trace))
    expect(operationNames(trace).filter((name) => name !== '')).toHaveLength(group.operations)
  })

  describe.each(Object.entries(variants))(`kernel ${version}, recorded: %s`, (_, consumerOptions) => {
    const replayed = replayOf(group, { consumerOptions })

    describe.each(operationNames(trace).map((name, i) => [name || 'not recorded', i] as const))('%s', (name, i) => {
      const isDetermined = !Object.hasOwn(undetermined, name)
      const operation = () => replayed().operations[i]!

      it('transfers what it transferred', () => {
        const { made } = operation()
        expect(made.result).toBe(made.recordedResult)
      })

      it('makes the calls that the kernel made: arguments, answers, pages and what they count', () => {
        const { recorded, made } = operation()
        if (recorded === null) return
        const calls = recorded.iter.map(kernelCall)
        const modelled = made.calls.map((call, at) =>
          modelCall(call, recorded.iter[at], replayed().framesOf(made.memory)),
        )
        if (isDetermined) expect(modelled).toEqual(calls)
        else expect(modelled, 'needlessly listed').not.toEqual(calls)
      })

      it.runIf(isDetermined)('asks for the user pages that the kernel asked for', () => {
        const { recorded, made } = operation()
        if (recorded !== null) expect(modelGup(made)).toEqual(kernelGup(recorded))
      })

      it('pins and unpins as the kernel did, and ends with nothing held', () => {
        const { recorded, made } = operation()
        if (recorded !== null) expect(joinReleases(made.pins)).toEqual(kernelPins(recorded))
        expect(made.heldAfter).toEqual([])
      })
    })

    it('makes as many calls as were recorded', () => {
      const made = replayed().operations.filter(({ recorded }) => recorded !== null)
      expect(made.reduce((sum, { made: { calls } }) => sum + calls.length, 0)).toBe(group.calls)
    })

    it("counts what the kernel's own counters counted", () => {
      const truths = replayed().lanes.map(({ groundTruth }) => groundTruth)
      expect(truths.flatMap(({ mismatched }) => mismatched)).toEqual([])
      expect(truths.reduce((sum, { rows }) => sum + rows, 0)).toBe(group.operations)
      expect(truths.reduce((sum, { matched }) => sum + matched, 0)).toBe(group.operations)
      expectNothingLeft(replayed().lanes)
    })
  })

  it('lists no operation as undetermined that it has not', () => {
    expect(Object.keys(undetermined).filter((name) => !operationNames(trace).includes(name))).toEqual([])
  })

  it(`counts otherwise under the policy ${group.otherPolicy}: the counts tell`, async () => {
    const registration = await group.register()
    const { operations } = await replayRecorded(group, { registration, policy: group.otherPolicy })
    for (const { name, recorded, made } of operations) {
      const { iter } = recorded ?? { iter: [] }
      if (iter.every(({ func }) => POLICY_OF_FUNC[func] === group.otherPolicy)) continue
      const frames = new Frames()
      const pages = made.calls.flatMap((call, at) => modelCall(call, iter[at], frames).pages)
      expect(pages, name).not.toEqual(iter.flatMap((call) => kernelCall(call).pages))
    }
  })
}

/** Arguments and answer of a call: maxsize, maxpages, bytes. */
export type CallFigures = readonly [maxsizeBytes: number, maxpages: number, ret: number]

/** What the code of another version does with an operation. */
export interface OtherFigures {
  readonly calls: readonly CallFigures[]
  /** Refcount of every page listed, just after the call. */
  readonly refcount: number
  /** Pincount of its folio, where the pages belong to a large one. */
  readonly pincount?: number
}

/** What versions do of which nothing was recorded, out of their source. */
export interface SourceFigures {
  /** The policy that stands for the function that they call. */
  readonly policy: PolicyName
  /** By operation; one that is not there makes no call. */
  readonly operations: Readonly<Record<string, OtherFigures>>
}

/** The same operations under versions of which nothing was recorded. `source` null: what was recorded, call by call. */
export function describeOther(
  group: RecordedGroup,
  kernels: readonly KernelVersion[],
  source: SourceFigures | null,
): void {
  describe.each(kernels)('kernel %s, from its source', (kernel) => {
    const replayed = replayOf(group, { kernel })

    it.each(operationNames(group.trace).map((name, i) => [name || 'not recorded', i] as const))('%s', (name, i) => {
      const { recorded, made } = replayed().operations[i]!
      expect(made.result).toBe(made.recordedResult)
      expect(made.heldAfter).toEqual([])
      if (recorded === null) return
      if (source === null) {
        const frames = replayed().framesOf(made.memory)
        expect(made.calls.map((call, at) => modelCall(call, recorded.iter[at], frames))).toEqual(
          recorded.iter.map(kernelCall),
        )
        return
      }
      expectFigures(made, source.policy, source.operations[name])
    })

    it('has no figures of operations that are not there', () => {
      expect(
        Object.keys(source?.operations ?? {}).filter((name) => !operationNames(group.trace).includes(name)),
      ).toEqual([])
    })

    it('ends with nothing held', () => {
      expectNothingLeft(replayed().lanes)
    })
  })
}

/** An operation without figures makes no call. */
function expectFigures(made: ComparedOperation['made'], policy: PolicyName, figures: OtherFigures | undefined): void {
  const { calls = [], refcount, pincount = null } = figures ?? {}
  const frames = new Frames()
  const modelled = made.calls.map((call) => modelCall(call, undefined, frames))
  expect(modelled.map(({ maxsize, maxpages, ret }) => [maxsize, maxpages, ret])).toEqual(calls)
  expect(modelled.map((call) => call.policy)).toEqual(calls.map(() => policy))
  const counts = made.calls.flatMap(({ pages }) => pages)
  expect(counts.map((page) => [page.refcount, page.pincount])).toEqual(counts.map(() => [refcount, pincount]))
  const takes = policy === 'extract' ? made.calls.map(({ pages }) => pages.length) : []
  const pinned = takes.reduce((sum, pages) => sum + pages, 0)
  expect(made.pins.filter((pages) => pages > 0)).toEqual(takes)
  expect(made.pins.filter((pages) => pages < 0).reduce((sum, pages) => sum - pages, 0)).toBe(pinned)
}

/** A replay that is made once, when its first test runs, and the frames of its lanes' pages. */
function replayOf(group: RecordedGroup, options: Omit<Parameters<typeof replayRecorded>[1], 'registration'>) {
  const made: { replay?: Awaited<ReturnType<typeof replayRecorded>> } = {}
  const frames = new Map<Memory, Frames>()
  beforeAll(async () => {
    made.replay = await replayRecorded(group, { registration: await group.register(), ...options })
  })
  return () => ({
    ...made.replay!,
    framesOf(memory: Memory): Frames {
      const found = frames.get(memory) ?? new Frames()
      frames.set(memory, found)
      return found
    },
  })
}

function expectNothingLeft(lanes: readonly LaneReport[]): void {
  for (const { pins, refs, leaks, violations } of lanes) {
    expect([pins.open, refs.open, leaks, violations]).toEqual([0, 0, [], []])
    expect([pins.released, refs.released]).toEqual([pins.acquired, refs.acquired])
  }
}
