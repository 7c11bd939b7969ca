/** @pinscope/plugin-crypto: consumers that build a scatterlist for a cipher or a hash. */
export * from './af-alg/index.ts'
export { checksum } from './checksum.ts'
export { netfsCrypt } from './netfs-crypt/definition.ts'
export { skcipherWalk } from './skcipher-walk/consumer.ts'
export { smb3Transform } from './smb3-transform/definition.ts'
