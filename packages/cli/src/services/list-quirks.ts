import { KERNEL_VERSIONS, type KernelVersion, kernelVersionOf, QUIRKS, type Quirk, quirksOf } from '@pinscope/core'
import { STANDS_FOR } from '../stands-for.ts'
import { kernelName } from './select.ts'

/** A modelled version, as `pinscope policies --quirks --json` prints it. */
export interface ListedKernel {
  readonly name: KernelVersion
  readonly standsFor: string
}

/** What `pinscope policies --quirks --json` prints. */
export interface QuirkList {
  /** `--kernel`, as typed; null: every quirk is listed. */
  readonly asked: string | null
  /** The modelled version that stands for it. */
  readonly kernel: KernelVersion | null
  readonly kernels: readonly ListedKernel[]
  readonly quirks: readonly Quirk[]
}

/** Every quirk, or those that a version has. @throws UsageError for a text that is no version. */
export function listQuirks(kernel: string | undefined): QuirkList {
  const asked = kernelName(kernel)
  const version = asked === null ? null : kernelVersionOf(asked)
  return {
    asked,
    kernel: version,
    kernels: KERNEL_VERSIONS.map((known) => ({ name: known, standsFor: STANDS_FOR[known] })),
    quirks: (version === null ? QUIRKS : quirksOf(version)).map(listed),
  }
}

function listed({ name, versions, summary, without, source }: Quirk): Quirk {
  return { name, versions, summary, without, source }
}
