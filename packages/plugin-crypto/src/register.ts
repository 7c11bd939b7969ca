import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'
import { afAlgAead } from './af-alg/aead.ts'
import { afAlgHash } from './af-alg/hash.ts'
import { afAlgSkcipher } from './af-alg/skcipher.ts'
import { checksum } from './checksum.ts'

/** The hook `pinscope:register`: what this package brings. */
export default async function register(): Promise<PluginRegistration> {
  return { apiVersion: CONSUMER_API_VERSION, consumers: [afAlgSkcipher, afAlgAead, afAlgHash, checksum] }
}
