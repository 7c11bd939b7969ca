/** @pinscope/plugin-net: consumers of the network. */
export { msgZerocopy } from './msg-zerocopy/definition.ts'
export { sunrpc, sunrpcBvec, sunrpcKmap, sunrpcMixed, sunrpcSends } from './sunrpc/definition.ts'
