/** @pinscope/plugin-crypto: consumers that build a scatterlist for a cipher or a hash. */
export {}
