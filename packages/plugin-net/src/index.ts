/** @pinscope/plugin-net: consumers of the network. */
export { sunrpc, sunrpcBvec, sunrpcKmap, sunrpcMixed, sunrpcSends } from './sunrpc/definition.ts'
