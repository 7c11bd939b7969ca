import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'
import { nvmeRdma, srp } from './block-mr/definition.ts'
import { ibUmem } from './ib-umem/definition.ts'
import { rdmaRw } from './rdma-rw/definition.ts'
import { rds } from './rds/definition.ts'
import { iterToMr, smbdMr } from './smbd-mr/definition.ts'
import { smbdirect } from './smbdirect/definition.ts'
import { smbdirectLegacy } from './smbdirect-legacy/definition.ts'

/** The hook `pinscope:register`: what this package brings. */
export default async function register(): Promise<PluginRegistration> {
  return {
    apiVersion: CONSUMER_API_VERSION,
    consumers: [smbdirect, smbdirectLegacy, smbdMr, iterToMr, ibUmem, rdmaRw, nvmeRdma, srp, rds],
  }
}
