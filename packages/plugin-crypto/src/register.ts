import { CONSUMER_API_VERSION, type PluginRegistration } from '@pinscope/core'
import { afAlgAead, afAlgHash, afAlgSkcipher } from './af-alg/index.ts'
import { checksum } from './checksum.ts'
import { netfsCrypt } from './netfs-crypt/definition.ts'
import { skcipherWalk } from './skcipher-walk/consumer.ts'
import { smb3Transform } from './smb3-transform/definition.ts'

/** The hook `pinscope:register`: what this package brings. */
export default async function register(): Promise<PluginRegistration> {
  return {
    apiVersion: CONSUMER_API_VERSION,
    consumers: [afAlgSkcipher, afAlgAead, afAlgHash, netfsCrypt, smb3Transform, skcipherWalk, checksum],
  }
}
