import type { ConsumerCounter } from '@pinscope/core'

/** Slots of the counters of netfs-crypt. */
export const ENCRYPTED = 0
export const DECRYPTED = 1
export const FOLIOS = 2
export const COPIED = 3

/** Their names in the report. */
export const CRYPT_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'encryptedBlocks', summary: 'crypto blocks encrypted' },
  { name: 'decryptedBlocks', summary: 'crypto blocks decrypted, once they had arrived' },
  { name: 'bounceFolios', summary: 'folios allocated to encrypt into, or to copy through' },
  { name: 'copiedOperations', summary: 'operations copied through bounce folios, because they are no whole blocks' },
]
