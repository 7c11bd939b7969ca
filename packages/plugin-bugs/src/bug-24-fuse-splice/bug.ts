import {
  type Consumer,
  EFAULT,
  FLAG_SPLICE,
  HOLD_NONE,
  MAX_RW_COUNT,
  type Operation,
  PAGE_LIST_MAX,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

/**
 * A write to a file that is open for direct I/O hands the user's pages to the daemon. Where the daemon splices the request
 * into a pipe (a row with the flag `splice`), each page went there with a reference; the fix copies those that belong to a
 * user. The daemon answers when the operation completes, and reads its pipe when it likes: after the last row.
 * @kernel fs/fuse/dev.c: fuse_copy_page, fuse_ref_page; fs/fuse/file.c: fuse_get_user_pages, fuse_release_user_pages
 */
class FuseDirectWrite implements Consumer {
  private readonly isFixed: boolean
  /** The pipe, 0 while there is none; what is in it by reference, and copies. */
  private pipe = 0
  private readonly linked: number[] = []
  private readonly copied: number[] = []

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { audit, list } = io
    const bytes = io.extract(PAGE_LIST_MAX, MAX_RW_COUNT)
    if (bytes <= 0) return bytes === 0 ? EFAULT : bytes
    const request = audit?.objects.alloc('fuse_req') ?? 0
    for (let i = 0; i < list.length; i++) {
      audit?.objects.attach(request, io.hold, list.page[i], list.offsetBytes[i], list.lengthBytes[i])
    }
    io.keep(io.hold)
    audit?.objects.submit(request, bytes)
    if ((io.flags & FLAG_SPLICE) !== 0) this.splice(io)
    io.scratch = request
    return bytes
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    io.audit?.objects.complete(io.scratch, io.result)
    io.letGoOfKept()
    io.audit?.objects.free(io.scratch)
  }

  close(io: Operation): void {
    if (this.pipe === 0) return
    io.audit?.objects.complete(this.pipe, 0)
    for (const page of this.linked) io.ledger.putPage(page)
    for (const page of this.copied) io.owned.put(page)
    io.audit?.objects.free(this.pipe)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** @kernel fs/fuse/dev.c: fuse_dev_splice_read */
  private splice(io: Operation): void {
    const { audit, list, ledger } = io
    this.pipe = audit?.objects.alloc('pipe') ?? 0
    for (let i = 0; i < list.length; i++) {
      let page = list.page[i]
      if (this.isFixed) {
        page = io.owned.alloc()
        if (page < 0) break
        this.copied.push(page)
        io.copied(list.lengthBytes[i])
      } else {
        ledger.getPage(page)
        this.linked.push(page)
      }
      audit?.objects.attach(this.pipe, HOLD_NONE, page, list.offsetBytes[i], list.lengthBytes[i])
    }
    audit?.objects.submit(this.pipe)
  }
}

export const bug24 = defineBug({
  number: 24,
  title: "a pipe shows a writer's pages after its write returned",
  summary:
    'The daemon of a FUSE file system spliced a request with user pages into a pipe. It answered, the write returned, and what the process put into these pages next was in the pipe.',
  cases: [
    {
      name: 'fuse-splice',
      kernel: 'fs/fuse/dev.c: fuse_copy_page',
      commit: '0c4bcfdecb1a',
      cve: 'CVE-2022-1011',
      trace: 'trace.csv',
      rules: ['H-43'],
      row: 3,
      accepts: ['ubuf', 'iovec'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new FuseDirectWrite(isFixed),
    },
  ],
})
