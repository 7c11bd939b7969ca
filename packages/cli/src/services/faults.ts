import { FAULT_NAMES, type FaultInjection, UsageError } from '@pinscope/core'
import { checkedName } from './select.ts'

/** Reads `--faults alloc@3`: the third allocation of each lane fails. Null when the flag is absent. */
export function faultInjection(typed: string | undefined): FaultInjection | null {
  if (typed === undefined) return null
  const [, step, number] = /^([^@]*)@([^@]*)$/.exec(typed) ?? []
  if (step === undefined || number === undefined) throw expectedStep(typed)
  const fault = checkedName('step of --faults', step, FAULT_NAMES)
  const at = Number(number)
  if (/^\d+$/.test(number) && at >= 1 && Number.isSafeInteger(at)) return { fault, at }
  throw new UsageError(
    `--faults ${typed}: "${number}" is no number of a step, expected a whole number from 1`,
    `For example: --faults ${fault}@1 for the first`,
  )
}

function expectedStep(typed: string): UsageError {
  const hint = `For example: --faults alloc@1 for the first allocation. There are: ${FAULT_NAMES.join(', ')}`
  return new UsageError(`--faults "${typed}": expected one STEP@N`, hint)
}
