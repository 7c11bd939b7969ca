import { type Consumer, EIO, GUARD_NONE, HOLD_NONE, type Operation, PAGE_SIZE } from '@pinscope/core'

/**
 * A host sends a PDU of data for a command, as long as the command's memory; where in it the data belongs, the row's
 * offset, is the host's word. The memory becomes bvecs from there on. Before the fix nobody looked where it ends: what lay
 * behind the command's scatterlist was taken for entries, and where the offset is odd there is one bvec more than that
 * list has entries.
 * @kernel drivers/nvme/target/tcp.c: nvmet_tcp_build_pdu_iovec, nvmet_tcp_map_data, nvmet_tcp_handle_h2c_data_pdu
 */
export class PduBvecs implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { audit, iter } = io
    const bytes = io.lengthBytes
    const offset = Math.max(io.offsetBytes, 0)
    if (this.isFixed && offset > 0) return EIO
    const iterator = audit?.iterators.init(false, false, iter.mm, bytes, bytes, iter.type) ?? 0
    const skipped = Math.min(offset, bytes)
    iter.advance(skipped)
    audit?.iterators.advance(iterator, skipped)
    const listed = this.list(io, bytes)
    if (listed < 0) return listed
    audit?.iterators.extract(iterator, bytes)
    audit?.iterators.consume(iterator, bytes)
    return bytes
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** The bvecs of `bytes` bytes: those of the memory that is left, and those of what lies behind its list. */
  private list(io: Operation, bytes: number): number {
    const objects = io.audit?.objects
    // As many as the command's scatterlist has entries.
    const array = objects?.alloc('nvmet_tcp_cmd', Math.ceil(io.lengthBytes / PAGE_SIZE)) ?? 0
    let left = bytes
    while (left > 0) {
      const part = io.extract(1, Math.min(left, PAGE_SIZE))
      if (part < 0) return part
      if (part > 0) io.borrowList(GUARD_NONE)
      const { page, offsetBytes } = io.list
      if (part > 0) objects?.attach(array, HOLD_NONE, page[0], offsetBytes[0], part)
      else objects?.attach(array, HOLD_NONE, -1, 0, Math.min(left, PAGE_SIZE))
      left -= part > 0 ? part : Math.min(left, PAGE_SIZE)
    }
    objects?.free(array)
    return 0
  }
}
