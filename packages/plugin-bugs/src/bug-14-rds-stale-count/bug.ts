import { type Consumer, EFAULT, ENOMEM, type Operation, PAGE_SIZE, type Referenced } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** struct rds_message with its scatterlist, and struct rds_msg_zcopy_info. */
const MESSAGE_BYTES = 1024
const NOTIFIER_BYTES = 256

/**
 * A message takes its pages one by one. Where one cannot be had, the helper puts those before it; then the message is
 * purged, which puts as many pages as it still counts.
 * @kernel net/rds/message.c: rds_message_zcopy_from_user, rds_message_purge
 */
class RdsZerocopy implements Consumer {
  private readonly isFixed: boolean
  /** What the entries of the message at work have. */
  private pages: Referenced[] = []
  /** Entries that the message counts. @kernel rm->data.op_nents */
  private entries = 0

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    this.entries = 0
    this.pages = []
    if (!io.allocate(MESSAGE_BYTES)) return ENOMEM
    io.scratch = io.audit?.objects.alloc('rds_message') ?? 0
    if (!io.allocate(NOTIFIER_BYTES)) return ENOMEM
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const copied = io.extract(1, PAGE_SIZE)
      if (copied < 0) return this.undo(io)
      const { page, offsetBytes } = io.list
      io.audit?.objects.attach(io.scratch, io.hold, page[0], offsetBytes[0], copied)
      this.pages.push(io.hold as Referenced)
      this.entries++
      bytes += copied
    }
    for (const hold of this.pages) io.keep(hold)
    return bytes
  }

  /** The message is dropped before it was queued. @kernel net/rds/message.c: rds_message_put, rds_message_purge */
  abort(io: Operation): void {
    for (let i = 0; i < this.entries; i++) io.ledger.put(this.pages[i])
    if (io.scratch !== 0) io.audit?.objects.free(io.scratch)
    io.free(MESSAGE_BYTES)
  }

  complete(io: Operation): void {
    io.letGoOfKept()
    io.audit?.objects.free(io.scratch)
    io.free(NOTIFIER_BYTES)
    io.free(MESSAGE_BYTES)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private undo(io: Operation): number {
    for (let i = 0; i < this.entries; i++) io.ledger.put(this.pages[i])
    if (this.isFixed) this.entries = 0
    io.free(NOTIFIER_BYTES)
    return EFAULT
  }
}

export const bug14 = defineBug({
  number: 14,
  title: 'an RDS message puts its pages twice',
  summary:
    'Where a page of a zero-copy message could not be had, the pages before it were put, and put again when the message was purged: its count had stayed.',
  cases: [
    {
      name: 'rds-stale-count',
      kernel: 'net/rds/message.c: rds_message_zcopy_from_user',
      commit: 'e17492979319',
      cve: 'CVE-2026-43494',
      trace: 'trace.csv',
      rules: ['H-14'],
      row: 4,
      accepts: ['ubuf', 'iovec'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new RdsZerocopy(isFixed),
    },
  ],
})
