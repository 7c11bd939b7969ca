/** @pinscope/plugin-net: consumers of the network. */
export { ceph } from './ceph/definition.ts'
export { rbd } from './ceph/rbd/definition.ts'
export { msgZerocopy } from './msg-zerocopy/definition.ts'
export { splice } from './pipe/definition.ts'
export { sunrpc, sunrpcBvec, sunrpcKmap, sunrpcMixed, sunrpcSends } from './sunrpc/definition.ts'
export { xdpUmem } from './xdp-umem/definition.ts'
