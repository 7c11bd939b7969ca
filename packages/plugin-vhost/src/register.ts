import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'
import { p9 } from './9p/index.ts'
import { tls } from './tls/tls.ts'
import { vhostScsi } from './vhost-scsi/index.ts'

/** The hook `pinscope:register`: what this package brings. */
export default async function register(): Promise<PluginRegistration> {
  return { apiVersion: CONSUMER_API_VERSION, consumers: [vhostScsi, p9, tls] }
}
