import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'
import { ceph } from './ceph/definition.ts'
import { rbd } from './ceph/rbd/definition.ts'
import { msgZerocopy } from './msg-zerocopy/definition.ts'
import { splice } from './pipe/definition.ts'
import { sunrpc, sunrpcBvec, sunrpcKmap, sunrpcMixed, sunrpcSends } from './sunrpc/definition.ts'
import { xdpUmem } from './xdp-umem/definition.ts'

/** The hook `pinscope:register`: what this package brings. */
export default async function register(): Promise<PluginRegistration> {
  return {
    apiVersion: CONSUMER_API_VERSION,
    consumers: [msgZerocopy, sunrpc, sunrpcBvec, sunrpcKmap, sunrpcSends, sunrpcMixed, ceph, rbd, splice, xdpUmem],
  }
}
