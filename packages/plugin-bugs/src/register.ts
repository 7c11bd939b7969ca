import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'
import { consumerOf } from './bug.ts'
import { BUGS } from './bugs.ts'

/** The hook `pinscope:register`: two consumers for each case of each bug. */
export default async function register(): Promise<PluginRegistration> {
  const consumers = BUGS.flatMap((bug) =>
    bug.cases.flatMap((bugCase) => [consumerOf(bug, bugCase, false), consumerOf(bug, bugCase, true)]),
  )
  return { apiVersion: CONSUMER_API_VERSION, consumers }
}
