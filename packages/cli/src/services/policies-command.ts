import { UsageError } from '@pinscope/core'
import { listPolicies } from './list-policies.ts'
import { listQuirks } from './list-quirks.ts'
import { print } from './print.ts'

/** The flags of `pinscope policies`, as oclif parsed them. */
export interface PoliciesFlags {
  readonly quirks: boolean
  readonly kernel?: string | undefined
  readonly json: boolean
}

/** `pinscope policies`: the policies, or with `--quirks` the upstream defects. */
export async function policiesCommand(flags: PoliciesFlags): Promise<void> {
  if (flags.quirks) return printQuirks(flags)
  if (flags.kernel !== undefined) {
    throw new UsageError('--kernel goes with --quirks', 'A policy is the same in every version.')
  }
  const policies = listPolicies()
  await print(flags.json, { policies }, async (terminal) => {
    const { policiesText } = await import('../render/policies.ts')
    return policiesText(terminal, policies)
  })
}

async function printQuirks({ kernel, json }: PoliciesFlags): Promise<void> {
  const list = listQuirks(kernel)
  await print(json, list, async (terminal) => {
    const { quirksText } = await import('../render/quirks.ts')
    return quirksText(terminal, list)
  })
}
