import { EFAULT } from '../errno.ts'
import { PAGE_LIST_MAX } from '../extract/page-list.ts'
import { KERNEL_ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import { MAX_RW_COUNT } from '../units.ts'
import { CONSUMER_API_VERSION, type Consumer, defineConsumer, type OperationShape } from './consumer.ts'
import type { Operation } from './operation.ts'

/** Takes every page and lets go at completion: measures extraction and ledger alone, as fio's null engine does. */
class NullConsumer implements Consumer {
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1 }

  submit(io: Operation): number {
    let bytes = 0
    let error = 0
    while (io.iter.countBytes > 0 && error === 0) {
      const taken = io.extract(PAGE_LIST_MAX, MAX_RW_COUNT)
      if (taken <= 0) error = taken === 0 ? EFAULT : taken
      else bytes += taken
      io.keep(io.hold)
    }
    io.reachedInPlace(bytes)
    return bytes > 0 ? bytes : error
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

/** The consumer that builds nothing. */
export const nullConsumer = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'null',
  summary: 'takes every page of the iterator, builds nothing, lets go at completion',
  kernel: 'lib/iov_iter.c: iov_iter_extract_pages, and nothing behind it',
  accepts: KERNEL_ITER_TYPE_NAMES,
  entriesMax: PAGE_LIST_MAX,
  avoided:
    'copyBytes: every payload byte whose page was listed. entries and allocations: none, since nothing is built.',
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: () => new NullConsumer(),
})
