import { type Consumer, EFAULT, ENOMEM, type Operation, PAGE_SIZE, RETAIN_NONE, type Referenced } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** struct rds_message with its scatterlist, and struct rds_msg_zcopy_info. */
const MESSAGE_BYTES = 1024
const NOTIFIER_BYTES = 256
/** Stands for a message where no audit numbers it. */
const NO_AUDIT = 1

/**
 * A message of user pages (zero copy) or of the kernel's own. Purging it tells them apart by the socket that it hangs on,
 * which it has only once it was queued; since the fix by its notifier, which it has from the beginning.
 * @kernel net/rds/message.c: rds_message_zcopy_from_user, rds_message_purge; net/rds/send.c: rds_sendmsg, rds_send_queue_rm
 */
class RdsPurge implements Consumer {
  private readonly isFixed: boolean
  /** What the entries of the message at work have. */
  private pages: Referenced[] = []
  /** Pages that the notifier of the message at work has accounted; 0: it has none. @kernel rm->data.op_mmp_znotifier */
  private accounted = 0

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    this.pages = []
    this.accounted = 0
    io.scratch = 0
    if (!io.allocate(MESSAGE_BYTES)) return ENOMEM
    io.scratch = io.audit?.objects.alloc('rds_message') ?? NO_AUDIT
    if (!io.allocate(NOTIFIER_BYTES)) return ENOMEM
    this.accounted = accountedPages(io.iter.countBytes)
    io.audit?.tasks.account(io.iter.mm, this.accounted)
    const bytes = this.takePages(io)
    // rds_send_queue_rm: no room in the socket, or no connection. The message was not queued.
    if (bytes < 0 || io.recordedResult < 0) return bytes < 0 ? bytes : io.recordedResult
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
    if (this.isFixed && this.accounted > 0) this.endNotifier(io, this.accounted)
    if (io.scratch !== 0) this.freeMessage(io)
  }

  complete(io: Operation): void {
    io.letGoOfKept()
    this.endNotifier(io, accountedPages(io.lengthBytes))
    this.freeMessage(io)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Page by page. Where one cannot be had, the helper itself undoes all that it did. */
  private takePages(io: Operation): number {
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const copied = io.extract(1, PAGE_SIZE)
      if (copied < 0) return this.undo(io)
      const { page, offsetBytes } = io.list
      io.audit?.objects.attach(io.scratch, io.hold, page[0], offsetBytes[0], copied)
      this.pages.push(io.hold as Referenced)
      bytes += copied
    }
    return bytes
  }

  private undo(io: Operation): number {
    for (const hold of this.pages) io.ledger.put(hold)
    this.pages = []
    this.endNotifier(io, this.accounted)
    this.accounted = 0
    return EFAULT
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
      // Of several segments more pages may be taken than mm_account_pinned_pages() counts, before the fix and after it.
      accepts: ['ubuf'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new RdsPurge(isFixed),
    },
  ],
})
