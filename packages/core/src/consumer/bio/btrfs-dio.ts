import { EAGAIN, EFAULT } from '../../errno.ts'
import { faultInReadable, faultInWriteable } from '../../iter/fault-in.ts'
import type { IovIter } from '../../iter/iov-iter.ts'
import { alignment } from '../../iter/iter-alignment.ts'
import { ITER_DEST, ITER_IOVEC } from '../../iter/iter-type.ts'
import { FLAG_NOWAIT } from '../../iter/row-flags.ts'
import { isSince, type KernelVersion } from '../../kernel/version.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { ConsumerEnvironment } from '../consumer.ts'
import type { Operation } from '../operation.ts'
import { FAULT_RETRIES } from './bio-counters.ts'
import type { BounceWriter } from './bounce-writer.ts'
import { copyRest } from './copy-rest.ts'
import { type IomapDio, MAPPING_UNBOUNDED } from './iomap-dio.ts'

/** Blocks that one mapping of a read covers: 1 MiB of 4 KiB blocks. @kernel fs/btrfs: BTRFS_MAX_BIO_SECTORS; 7.3: BIO_MAX_VECS */
const READ_BLOCKS_MAX = 256

/** What a version does with a direct write to a file with checksums, whose pages must not change under it. */
type ChecksummedWrite = 'direct' | 'buffered' | 'bounced'

/**
 * Direct I/O of btrfs. Position, addresses and lengths must be multiples of its sector size; a read may name no address
 * twice in its vectors. Else all goes through the page cache, and no page of the iterator is taken.
 *
 * Pages are extracted with faults disabled, since the memory may map the very file. What is there before a fault is
 * transferred and waited for; then the rest is faulted in and tried again, until a try moves nothing: the rest is copied.
 * Quirk `iomap-end-hides-fault`: a try that moves nothing at all is not seen as a fault, and all that is left is copied.
 *
 * Writes to files with checksums: 6.1 writes them directly; 6.12.117 and 6.18 copy them through the page cache, and
 * mainline through pages of the bio. Without checksums (option `nodatasum`) they go directly everywhere.
 *
 * Not modelled: compressed and inline extents (buffered), profiles that keep several copies (since 6.12.117 they copy
 * writes), and which file a shared mapping maps: one of the very range that is read is cleaned by each try, and copied.
 * @kernel fs/btrfs/direct-io.c: btrfs_direct_read, btrfs_direct_write (6.1: fs/btrfs/file.c). 6.18: taken as 6.12, which
 *   has the fallback of February 2025; measured (op-classes.csv).
 */
export class BtrfsDio {
  private readonly iomap: IomapDio
  private readonly bounce: BounceWriter
  private readonly counts: Float64Array
  /** Blocks of the file, bytes. @kernel btrfs_fs_info.sectorsize */
  private readonly sectorBytes: number
  private readonly checksummedWrite: ChecksummedWrite
  /** A try that moved nothing is repeated as a fault is: writes in mainline. */
  private readonly retriesEmptyWrite: boolean
  /** Quirk iomap-end-hides-fault. */
  private readonly hidesFault: boolean

  /** `counts`: slots of BIO_COUNTERS. */
  constructor(
    { kernel, traits, options }: ConsumerEnvironment,
    iomap: IomapDio,
    bounce: BounceWriter,
    counts: Float64Array,
    sectorBytes: number,
  ) {
    this.iomap = iomap
    this.bounce = bounce
    this.counts = counts
    this.sectorBytes = sectorBytes
    this.checksummedWrite = options.nodatasum === 1 ? 'direct' : checksummedWriteOf(kernel)
    this.retriesEmptyWrite = kernel === 'mainline'
    this.hidesFault = traits.quirks['iomap-end-hides-fault']
  }

  /** @kernel fs/btrfs/file.c: btrfs_file_read_iter, btrfs_do_write_iter */
  submit(io: Operation): number {
    const { iter } = io
    if (iter.countBytes === 0) return 0
    const isRead = iter.direction === ITER_DEST
    const isNowait = (io.flags & FLAG_NOWAIT) !== 0
    const isDirect = this.mayGoDirect(io, isRead)
    if (isRead) endAtFile(io, this.sectorBytes)
    const done = isDirect ? this.transfer(io, isRead, isNowait) : 0
    if (done < 0 || iter.countBytes === 0) return done
    return isNowait && !isRead ? EAGAIN : copyRest(io, done, this.counts)
  }

  /** @kernel fs/btrfs/direct-io.c: check_direct_IO, check_direct_read */
  private mayGoDirect(io: Operation, isRead: boolean): boolean {
    const mask = this.sectorBytes - 1
    const position = io.offsetBytes < 0 ? 0 : io.offsetBytes
    if ((position & mask) !== 0 || (alignment(io.iter) & mask) !== 0) return false
    return isRead ? !namesAddressTwice(io.iter) : this.checksummedWrite !== 'buffered'
  }

  /** Tries and tries again; returns the bytes done, the rest being left to the page cache, or an errno. */
  private transfer(io: Operation, isRead: boolean, isNowait: boolean): number {
    const { iter } = io
    const isBounced = !isRead && this.checksummedWrite === 'bounced'
    if (isNowait && this.mustWait(io, isRead, isBounced)) return EAGAIN
    const retriesEmpty = !isRead && this.retriesEmptyWrite
    let done = 0
    let leftBefore = 0
    for (;;) {
      const result = this.attempt(io, done, isRead, isBounced)
      if (result > 0) done = result
      const left = iter.countBytes
      if (left === 0 || (result === 0 && !retriesEmpty)) return done
      if (result < 0 && result !== EFAULT) return result
      // What was submitted before a fault is waited for.
      io.letGoOfKept()
      this.bounce.complete(io)
      if (left === leftBefore) return done
      if (isRead) faultInWriteable(iter, io.memory, left)
      else faultInReadable(iter, io.memory, left)
      this.counts[FAULT_RETRIES]++
      leftBefore = left
    }
  }

  /** A read of more than a page could fault, several extents take several mappings, and bouncing waits for memory. @kernel btrfs_dio_iomap_begin, btrfs_dio_write */
  private mustWait(io: Operation, isRead: boolean, isBounced: boolean): boolean {
    return isBounced || (isRead && io.iter.countBytes > PAGE_SIZE) || !this.iomap.isOneExtent(io)
  }

  /**
   * One try, with faults disabled. Returns the bytes done so far, `doneBytes` included; 0 when it moved nothing and the
   * reason was lost; or an errno. @kernel fs/iomap/direct-io.c: iomap_dio_rw with IOMAP_DIO_PARTIAL
   */
  private attempt(io: Operation, doneBytes: number, isRead: boolean, isBounced: boolean): number {
    const { iomap } = this
    const mappedMax = isRead ? this.sectorBytes * READ_BLOCKS_MAX : MAPPING_UNBOUNDED
    io.iter.nofault = true
    const error = iomap.run(io, doneBytes, mappedMax, isBounced ? this.bounce : null)
    io.iter.nofault = false
    const { sizeBytes } = iomap
    const isLost = error !== 0 && this.hidesFault && !iomap.endedInHole
    if (error !== 0 && !isLost && (error !== EFAULT || sizeBytes === 0)) return error
    return sizeBytes === 0 ? 0 : doneBytes + sizeBytes
  }
}

/** A read that came back short stopped at the end of the file: no block behind it is read. */
export function endAtFile({ iter, recordedResult }: Operation, blockBytes: number): void {
  if (recordedResult >= 0 && recordedResult < iter.countBytes) {
    iter.truncate(Math.ceil(recordedResult / blockBytes) * blockBytes)
  }
}

function checksummedWriteOf(kernel: KernelVersion): ChecksummedWrite {
  if (kernel === 'mainline') return 'bounced'
  return isSince(kernel, '6.12') ? 'buffered' : 'direct'
}

/** Two vectors with the same address, be they empty. */
function namesAddressTwice(iter: IovIter): boolean {
  if (iter.type !== ITER_IOVEC) return false
  const { addressBytes } = iter.table
  const end = iter.segment + iter.segmentsLeft
  for (let s = iter.segment; s < end; s++) {
    for (let t = s + 1; t < end; t++) if (addressBytes[s] === addressBytes[t]) return true
  }
  return false
}
