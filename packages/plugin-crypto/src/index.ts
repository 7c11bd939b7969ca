/** @pinscope/plugin-crypto: consumers that build a scatterlist for a cipher or a hash. */
export * from './af-alg/index.ts'
export { checksum } from './checksum.ts'
