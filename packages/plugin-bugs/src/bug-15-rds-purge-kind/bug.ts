import { type Consumer, ENOMEM, type Operation, PAGE_SIZE, RETAIN_NONE, type Referenced } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** struct rds_message with its scatterlist, and struct rds_msg_zcopy_info. */
const MESSAGE_BYTES = 1024
const NOTIFIER_BYTES = 256

/**
 * A message of user pages (zero copy) or of the kernel's own. Purging it tells them apart by the socket that it hangs on,
 * which it has only once it was queued; since the fix by its notifier, which it has from the beginning.
 * @kernel net/rds/message.c: rds_message_zcopy_from_user, rds_message_purge; net/rds/send.c: rds_sendmsg, rds_send_queue_rm
 */
class RdsPurge implements Consumer {
  private readonly isFixed: boolean
  /** What the entries of the message at work have. */
  private pages: Referenced[] = []
  private accounted = 0

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    this.pages = []
    if (!io.allocate(MESSAGE_BYTES)) return ENOMEM
    io.scratch = io.audit?.objects.alloc('rds_message') ?? 0
    if (!io.allocate(NOTIFIER_BYTES)) return ENOMEM
    this.accounted = accountedPages(io.iter.countBytes)
    io.audit?.tasks.account(io.iter.mm, this.accounted)
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const copied = io.extract(1, PAGE_SIZE)
      if (copied < 0) return copied
      const { page, offsetBytes } = io.list
      io.audit?.objects.attach(io.scratch, io.hold, page[0], offsetBytes[0], copied)
      this.pages.push(io.hold as Referenced)
      bytes += copied
    }
    // rds_send_queue_rm: no room in the socket, or no connection. The message was not queued.
    if (io.recordedResult < 0) return io.recordedResult
    for (const hold of this.pages) io.keep(hold)
    return bytes
  }

  /** Purged before it was queued: it hangs on no socket. */
  abort(io: Operation): void {
    for (const hold of this.pages) {
      // __free_page drops one reference too, but as the allocator's own page.
      if (!this.isFixed) io.ledger.release(hold, RETAIN_NONE)
      io.ledger.put(hold)
    }
    if (this.isFixed) this.endNotifier(io, this.accounted)
    this.freeMessage(io)
  }

  complete(io: Operation): void {
    io.letGoOfKept()
    this.endNotifier(io, accountedPages(io.lengthBytes))
    this.freeMessage(io)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** The user is told, and the pages are taken off what it has locked. @kernel net/rds/message.c: rds_rm_zerocopy_callback; net/core/skbuff.c: mm_unaccount_pinned_pages */
  private endNotifier(io: Operation, pages: number): void {
    io.audit?.tasks.unaccount(io.iter.mm, pages)
    io.free(NOTIFIER_BYTES)
  }

  private freeMessage(io: Operation): void {
    io.audit?.objects.free(io.scratch)
    io.free(MESSAGE_BYTES)
  }
}

/** The most pages that so many bytes can lie in. @kernel net/core/skbuff.c: mm_account_pinned_pages */
function accountedPages(bytes: number): number {
  return Math.floor(bytes / PAGE_SIZE) + 2
}

export const bug15 = defineBug({
  number: 15,
  title: 'an RDS message frees user pages as its own',
  summary:
    "A zero-copy message that failed before it was queued was purged as one of kernel pages: the user's pages went to __free_page, and the notifier and what it had accounted were lost.",
  cases: [
    {
      name: 'rds-purge-kind',
      kernel: 'net/rds/message.c: rds_message_purge',
      commit: '44b550d88b26',
      cve: 'CVE-2026-43502',
      trace: 'trace.csv',
      rules: ['H-15', 'H-50'],
      row: 3,
      accepts: ['ubuf', 'iovec'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new RdsPurge(isFixed),
    },
  ],
})
