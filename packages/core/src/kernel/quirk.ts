import { KERNEL_VERSIONS, type KernelVersion } from './version.ts'

/** An upstream defect, or a sharp edge that upstream treats as one: on in the versions that have it. */
export interface Quirk {
  /** Lower case with dashes, for `--quirk` and `--no-quirk`. */
  readonly name: string
  /** What a kernel that has it does. */
  readonly summary: string
  /** What the model does with it switched off. */
  readonly without: string
  /** Where it is. */
  readonly source: string
  readonly versions: readonly KernelVersion[]
}

/** Ranges of versions, for lists of quirks. */
export const ALL = KERNEL_VERSIONS
export const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const
export const SINCE_6_18 = ['6.18', 'mainline'] as const
