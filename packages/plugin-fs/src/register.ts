import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'
import { afsDir } from './afs-dir/definition.ts'
import { recvfile, writeClassic, writeIomap, writeMultipage } from './buffered-write/definition.ts'
import { fuse } from './fuse/definition.ts'
import { ioUringFixed } from './io-uring-fixed/definition.ts'
import { loop } from './loop/definition.ts'
import { netfsDio } from './netfs-dio/definition.ts'
import { nfsDirect } from './nfs-direct/definition.ts'
import { processVm, procMem } from './process-vm/definition.ts'
import { vring } from './vring/definition.ts'
import { WHAT_IF_CONSUMERS } from './what-if/definitions.ts'

/** The hook `pinscope:register`: what this package brings. */
export default async function register(): Promise<PluginRegistration> {
  return {
    apiVersion: CONSUMER_API_VERSION,
    consumers: [
      netfsDio,
      nfsDirect,
      ioUringFixed,
      loop,
      afsDir,
      fuse,
      processVm,
      procMem,
      vring,
      writeClassic,
      writeMultipage,
      writeIomap,
      recvfile,
      ...WHAT_IF_CONSUMERS,
    ],
  }
}
