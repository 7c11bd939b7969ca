import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'
import { afsDir } from './afs-dir/definition.ts'
import { fuse } from './fuse/definition.ts'
import { procMem, processVm } from './process-vm/definition.ts'

/** The hook `pinscope:register`: what this package brings. */
export default async function register(): Promise<PluginRegistration> {
  return {
    apiVersion: CONSUMER_API_VERSION,
    consumers: [fuse, afsDir, processVm, procMem],
  }
}
