import { type Ledger, type Memory, type Operation, PAGE_SIZE, type PageStore } from '@pinscope/core'
import { BUF_GIFT, OPS_ANON, OPS_DEFAULT, OPS_PAGE_CACHE, OPS_USER_PAGE, type PipeRings } from './pipe-rings.ts'

/**
 * Whether a page in a pipe can be taken over by who reads it: only where nobody else has a reference on it. A page of a
 * program must be a gift on top of that, and is then still mapped by the program as a rule, which is one reference too
 * many. A page of a page cache must be clean, and leaves the cache, its whole folio with it; the model's page cache has one
 * reference on a folio, whatever its size (the kernel's one for each page), and nothing private is attached to it.
 *
 * Who asks is the FUSE device, for SPLICE_F_MOVE, and a port of virtio-console, always; files and sockets do not (the flag
 * does nothing there). FUSE wants a page as it comes from the allocator: a whole one, of a small folio, that never belonged to
 * anonymous memory; what it refuses then has left the page cache all the same, and is copied.
 *
 * @kernel include/linux/pipe_fs_i.h: pipe_buf_try_steal; fs/pipe.c: generic_pipe_buf_try_steal, anon_pipe_buf_try_steal;
 *   fs/splice.c: page_cache_pipe_buf_try_steal, user_page_pipe_buf_try_steal; mm/vmscan.c: remove_mapping; fs/fuse/dev.c:
 *   fuse_try_move_page (7.3: fuse_try_move_folio), fuse_check_folio (6.1: fuse_check_page); drivers/char/virtio_console.c:
 *   pipe_to_sg
 */
export class PageStealer {
  private readonly rings: PipeRings
  private readonly ledger: Ledger
  private readonly memory: Memory
  private readonly pages: PageStore

  constructor(rings: PipeRings, ledger: Ledger, memory: Memory) {
    this.rings = rings
    this.ledger = ledger
    this.memory = memory
    this.pages = memory.pages
  }

  /** FUSE: a buffer that it takes whole. */
  stealForFuse(io: Operation, slot: number): boolean {
    const { rings, pages } = this
    if (rings.lengthBytes[slot] !== PAGE_SIZE) return false
    return this.trySteal(io, slot) && pages.orderOf(rings.page[slot]) === 0 && rings.ops[slot] !== OPS_USER_PAGE
  }

  /** @kernel include/linux/pipe_fs_i.h: pipe_buf_try_steal */
  trySteal(io: Operation, slot: number): boolean {
    const { rings, pages } = this
    const ops = rings.ops[slot]
    const page = rings.page[slot]
    if (ops === OPS_ANON || ops === OPS_DEFAULT) return io.owned.refcount(page) === 1
    if (ops === OPS_USER_PAGE) {
      return (rings.flags[slot] & BUF_GIFT) !== 0 && pages.refcountOf(page) === 1
    }
    return ops === OPS_PAGE_CACHE && this.removeMapping(slot)
  }

  /** @kernel mm/vmscan.c: remove_mapping */
  private removeMapping(slot: number): boolean {
    const { rings, pages, memory } = this
    const page = rings.page[slot]
    const file = rings.file[slot]
    const head = pages.headOf(page)
    // Truncated meanwhile: it has no mapping.
    if (memory.cache.find(file, rings.index[slot]) !== page) return false
    if (pages.refcountOf(head) !== 2 || pages.isDirty(head)) return false
    const first = rings.index[slot] - (page - head)
    memory.cache.remove(file, first, first + 2 ** pages.orderOf(head))
    this.ledger.mappingReferences.put(head)
    return true
  }
}
