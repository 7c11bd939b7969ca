import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'

/** The hook `pinscope:register`: what this package brings. */
export default async function register(): Promise<PluginRegistration> {
  return { apiVersion: CONSUMER_API_VERSION, consumers: [] }
}
