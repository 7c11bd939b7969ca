import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerDefinition,
  type ConsumerEnvironment,
  type ConsumerOption,
} from '@pinscope/core'

/** One place that a fix mended: the code before and after it, and the trace that shows the difference. */
export interface BugCase {
  /** Lower case with dashes: `bio-append`. The consumers are `bug-03-bio-append-before` and `…-after`. */
  readonly name: string
  /** File and function. */
  readonly kernel: string
  /** Upstream commit of the fix, twelve digits; null where the collection names none. */
  readonly commit: string | null
  /** `CVE-…`; left out where there is none. */
  readonly cve?: string
  /** Name of the trace in the bug's folder. */
  readonly trace: string
  /** The rules that find it, the one that names it first: `H-13`. */
  readonly rules: readonly string[]
  /** Those that still speak after the fix, where it mended what followed and not the cause; left out: none does. */
  readonly rulesAfter?: readonly string[]
  /** Row of the trace that the finding of the first rule names. */
  readonly row: number
  /** A step made to fail, as `--faults` has it: `alloc@1`. */
  readonly faults?: string
  /** Iterator types that arrive there. */
  readonly accepts: readonly string[]
  /** What extraction does at that place: a policy of the model. */
  readonly policy: ConsumerDefinition['kernelPolicy']
  /** Entries of its list at most. */
  readonly entriesMax?: number
  /** Settings of its consumers. */
  readonly options?: readonly ConsumerOption[]
  /** Pages of a data destination are made dirty before they are let go; left out: it does not matter here. */
  readonly dirtiesDest?: (isFixed: boolean) => boolean
  /** The code, before the fix or after it. */
  create(environment: ConsumerEnvironment, isFixed: boolean): Consumer
}

/** A bug of the kernel that was found and fixed. One folder each. */
export interface Bug {
  /** Number in the collection. */
  readonly number: number
  readonly title: string
  /** What went wrong, in a sentence or two. */
  readonly summary: string
  readonly cases: readonly BugCase[]
}

/** Types a bug; the identity at run time. */
export function defineBug(bug: Bug): Bug {
  return bug
}

/** Name of the consumer of a case. */
export function consumerName(bug: Bug, bugCase: BugCase, isFixed: boolean): string {
  return `bug-${String(bug.number).padStart(2, '0')}-${bugCase.name}-${isFixed ? 'after' : 'before'}`
}

/** The consumer of a case, before the fix or after it. */
export function consumerOf(bug: Bug, bugCase: BugCase, isFixed: boolean): ConsumerDefinition {
  const { commit } = bugCase
  const fix = commit === null ? 'its fix' : `commit ${commit}`
  const dirties = bugCase.dirtiesDest
  return {
    apiVersion: CONSUMER_API_VERSION,
    name: consumerName(bug, bugCase, isFixed),
    summary: `${bug.title}: ${isFixed ? 'after' : 'before'} ${fix}`,
    kernel: bugCase.kernel,
    accepts: bugCase.accepts,
    entriesMax: bugCase.entriesMax ?? 1024,
    avoided: 'nothing: it shows a bug.',
    ...(bugCase.options === undefined ? {} : { options: bugCase.options }),
    ...(dirties === undefined ? {} : { dirtiesDest: dirties(isFixed) }),
    kernelPolicy: bugCase.policy,
    create: (environment) => bugCase.create(environment, isFixed),
  }
}
