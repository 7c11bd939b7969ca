import type { ConsumerCounter } from '@pinscope/core'

/** Slots of the consumer's counters, and their names in the report. */
export const RECORDS_SENT = 0
export const RECORDS_RECEIVED = 1
export const ZERO_COPY_RECORDS = 2
export const COPIED_RECORDS = 3
export const SPLICED_PAGES = 4
export const ZERO_COPY_FALLBACKS = 5
export const DECRYPT_RETRIES = 6
export const NO_PAD_VIOLATIONS = 7
export const ELEMENTS_MAX = 8
export const ENCRYPTED_ELEMENTS_MAX = 9
export const MEMORY_WAITS = 10
export const RX_LIST_BYTES = 11
export const DEVICE_RECORDS = 12
export const ABORTS = 13

export const TLS_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'recordsSent', summary: 'records sealed and given to TCP' },
  { name: 'recordsReceived', summary: 'records opened' },
  { name: 'zeroCopyRecords', summary: 'records, or what one call added to one, reached in the memory of the iterator' },
  { name: 'copiedRecords', summary: 'records, or what one call added to one, copied from or to the iterator' },
  { name: 'splicedPages', summary: 'pieces of a page attached to a record as they were: splice(2), sendfile(2)' },
  { name: 'zeroCopyFallbacks', summary: 'attempts at zero copy that failed in sending, and were copied instead' },
  { name: 'decryptRetries', summary: 'TLS 1.3 records opened in place and once more into pages of the socket' },
  { name: 'noPadViolations', summary: 'of these, those whose last byte was padding' },
  { name: 'elementsMax', summary: 'most elements in the plaintext of one record sent' },
  { name: 'encryptedElementsMax', summary: 'most elements in the encrypted form of one record sent' },
  { name: 'memoryWaits', summary: 'waits for memory while sending' },
  { name: 'rxListBytes', summary: 'plaintext kept for a later read, because a read ended inside its record' },
  { name: 'deviceRecords', summary: 'of the records sent, those that the device seals' },
  { name: 'aborts', summary: 'connections aborted after an error' },
]
