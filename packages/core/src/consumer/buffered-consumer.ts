import { ITER_PIPE, ITER_SOURCE, KERNEL_ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import { CONSUMER_API_VERSION, type Consumer, defineConsumer, type OperationShape } from './consumer.ts'
import type { Operation } from './operation.ts'
import { tellCopiedIn } from './tell-copied-in.ts'

/** Copies between the iterator and the page cache: no page of the iterator is taken. */
class BufferedConsumer implements Consumer {
  /** Holds because only the length and the recorded result are looked at, no page. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1 }

  submit(io: Operation): number {
    const { countBytes } = io.iter
    const result = Number.isNaN(io.recordedResult) ? countBytes : Math.min(io.recordedResult, countBytes)
    if (result > 0) {
      // Copying is what fills a pipe, and no byte is moved here: there is nothing in it to move over.
      if (io.iter.type !== ITER_PIPE) io.iter.advance(result)
      io.copied(result)
      if (io.iter.direction === ITER_SOURCE) tellCopiedIn(io.audit, io.memory, io.file, io.offsetBytes, result)
    }
    return result
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

/** Buffered file I/O. */
export const buffered = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'buffered',
  summary: 'buffered file I/O: copied through the page cache, no page of the iterator taken',
  kernel: 'mm/filemap.c: filemap_read (copy_folio_to_iter), generic_perform_write (copy_folio_from_iter_atomic)',
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: 1,
  copiesIn: true,
  avoided: 'nothing: it is the copying path that others are compared with.',
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: () => new BufferedConsumer(),
})
