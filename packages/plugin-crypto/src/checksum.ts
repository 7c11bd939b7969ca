import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerCounter,
  countersOf,
  crc32c,
  defineConsumer,
  EFAULT,
  type IterStep,
  iterateAndAdvance,
  type Operation,
  type OperationShape,
  type PageBytes,
} from '@pinscope/core'

const OPERATIONS = 0
const SCANNED_BYTES = 1
const PIECES = 2

const COUNTERS: readonly ConsumerCounter[] = [
  { name: 'checksums', summary: 'operations whose data was all summed' },
  { name: 'scannedBytes', summary: 'bytes summed, those before a page that could not be had included' },
  { name: 'pieces', summary: 'pieces of one page each that were looked at' },
]

/** Sums each piece where it lies. One object serves every operation. */
class ChecksumStep implements IterStep {
  readonly foll = 0
  readonly allOrNothing = false
  bytes: PageBytes | null = null
  pieces = 0
  crc = 0

  piece(page: number, offsetBytes: number, lengthBytes: number): number {
    this.pieces++
    if (this.bytes === null) return 0
    this.crc = crc32c(this.crc, this.bytes.bytesOf(page).subarray(offsetBytes, offsetBytes + lengthBytes))
    return 0
  }
}

/**
 * CRC-32C of an iterator's data, by walking it: no list is built and no page is taken, of whatever type the iterator is.
 * What a consumer needs beyond this it needs for something else than reaching the data.
 *
 * Data that cannot all be reached has no checksum: -EFAULT.
 *
 * @kernel include/linux/iov_iter.h: iterate_and_advance, as fs/smb/client/cifsencrypt.c: cifs_shash_iter uses it since 6.12
 *   (for kernel iterators; 6.1 maps an array of pages one by one: __cifs_calc_signature)
 */
class Checksum implements Consumer {
  /** Holds because a piece is what lies in one page: their number is that of the pages, and nothing is kept. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1 }
  private readonly step = new ChecksumStep()
  private readonly counts = new Float64Array(COUNTERS.length)

  submit(io: Operation): number {
    const { step, counts } = this
    const wanted = io.iter.countBytes
    if (wanted === 0) return 0
    step.bytes = io.memory.bytes
    step.pieces = 0
    step.crc = 0xffffffff
    const scanned = iterateAndAdvance(io.iter, io.memory, wanted, step)
    counts[SCANNED_BYTES] += scanned
    counts[PIECES] += step.pieces
    if (scanned < wanted) return EFAULT
    counts[OPERATIONS]++
    if (io.observer !== null && step.bytes !== null)
      io.observer.note(`crc32c 0x${(~step.crc >>> 0).toString(16).padStart(8, '0')}`)
    io.reachedInPlace(scanned)
    io.avoided(step.pieces, 1)
    return scanned
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return countersOf(COUNTERS, this.counts)
  }
}

/** checksum: the lower bound that consumers with lists are compared with. */
export const checksum = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'checksum',
  summary: 'CRC-32C by walking the iterator: no list, nothing taken, the lower bound for every other consumer',
  kernel: 'include/linux/iov_iter.h: iterate_and_advance (since 6.12, by fs/smb/client/cifsencrypt.c: cifs_shash_iter)',
  accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'folioq', 'xarray', 'discard'],
  entriesMax: 1,
  avoided:
    'copyBytes: data summed where it lies, which would be copied into one buffer to sum it there. entries and ' +
    'allocations: the pages that an array or scatterlist would list, and that list.',
  counters: COUNTERS,
  // Nothing is extracted: no policy changes anything.
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: () => new Checksum(),
})
