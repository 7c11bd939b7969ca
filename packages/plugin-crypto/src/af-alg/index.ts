/** AF_ALG: the three socket types that take data. */
export { afAlgAead } from './aead.ts'
export { afAlgHash } from './hash.ts'
export { ALG_MAX_PAGES, MAX_SGL_ENTS } from './limits.ts'
export { afAlgSkcipher } from './skcipher.ts'
