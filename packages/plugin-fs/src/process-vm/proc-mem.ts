import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  EIO,
  ENOMEM,
  FAULT_COPY,
  FAULT_PAGE,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_WRITE,
  ITER_SOURCE,
  isHold,
  isUserBacked,
  type Ledger,
  type Operation,
  type OperationShape,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
} from '@pinscope/core'
import { copyLocal } from './local-iterator.ts'
import { CALLS, DIRTIED_PAGES, LOCAL_FAULTS, PROC_MEM_COUNTERS, REMOTE_ENDS } from './proc-mem-counters.ts'

/**
 * /proc/PID/mem: a row's `mm` and `segs` are the other process's memory, a segment for each read(2) or write(2). The
 * data goes through a page of the kernel's, 4096 bytes at a time; each page that such a piece touches is found by a call
 * of its own, referenced, copied and put before the next. Memory that does not begin at a page is thus found twice a page.
 * Each byte is copied twice, and counted once.
 *
 * The caller's memory is not in the row: a recorded -EFAULT says that it cannot be had. What was moved before is forgotten.
 * A recorded result below the row's bytes says where the other process's memory ends, and 0 that the process was gone.
 *
 * Private memory that the process may only read is written all the same (FOLL_FORCE), unless the option says that the
 * kernel was booted otherwise. Memory without any access (PROT_NONE) could be read too; here it cannot, as the model does
 * not tell it from memory that is not mapped. Mappings without pages whose driver has an `access` method are not modelled:
 * they end the operation.
 *
 * An iterator that names no user memory is taken for the caller's side: it is copied, and nothing is taken on it.
 * @kernel fs/proc/base.c: mem_rw; mm/memory.c: __access_remote_vm; 7.3 has the page of the kernel's from kmalloc, and marks
 *   the folio dirty. 6.18: between two that count the same.
 */
export class ProcMem implements Consumer {
  /** Holds because nothing outlives a call: pages are found once each, and once more a piece where pieces cross page ends. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: PAGE_SIZE }
  private readonly ledger: Ledger
  private readonly force: number
  private readonly counts = new Float64Array(PROC_MEM_COUNTERS.length)
  private readonly found = new Int32Array(1)
  /** Of the operation at work: bytes until the other process's memory ends, as recorded. */
  private remoteGood = 0

  constructor({ options, ledger }: ConsumerEnvironment) {
    this.ledger = ledger
    this.force = options.force === 1 ? FOLL_FORCE : 0
  }

  submit(io: Operation): number {
    if (!isUserBacked(io.iter.type)) return copyLocal(io)
    const { iter, recordedResult } = io
    const { countBytes } = iter
    if (countBytes === 0) return 0
    if (recordedResult === 0) return this.isGone(io)
    this.remoteGood = countBytes
    if (recordedResult === EIO) this.remoteGood = 0
    else if (recordedResult >= 0 && recordedResult < countBytes) this.remoteGood = recordedResult
    const end = iter.segment + iter.segmentsLeft
    let done = 0
    for (let s = iter.segment; s < end && done < countBytes; s++) {
      const length = iter.table.lengthBytes[s]
      const wanted = length < countBytes - done ? length : countBytes - done
      if (wanted === 0) continue
      const moved = this.readOrWrite(io, s, wanted)
      // One call after the other: those before it stay as they are.
      if (moved < 0) return done > 0 ? done : moved
      done += moved
      if (moved < wanted) break
    }
    return done
  }

  /** Nothing is left when `submit` returns. */
  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return countersOf(PROC_MEM_COUNTERS, this.counts)
  }

  /** The page is there before it is found that the address space is not. @kernel include/linux/sched/mm.h: mmget_not_zero */
  private isGone(io: Operation): number {
    if (!io.allocate(PAGE_SIZE)) return ENOMEM
    io.free(PAGE_SIZE)
    return 0
  }

  /** One system call: bytes or an errno. @kernel fs/proc/base.c: mem_rw */
  private readOrWrite(io: Operation, segment: number, bytes: number): number {
    if (!io.allocate(PAGE_SIZE)) return ENOMEM
    const result = this.throughPage(io, segment, bytes)
    io.free(PAGE_SIZE)
    return result
  }

  private throughPage(io: Operation, segment: number, bytes: number): number {
    const isWrite = io.iter.direction === ITER_SOURCE
    let done = 0
    while (done < bytes) {
      const wanted = bytes - done < PAGE_SIZE ? bytes - done : PAGE_SIZE
      if (isWrite && !this.copyLocal(io)) return EFAULT
      const moved = this.accessRemote(io, segment, done, wanted)
      if (moved === 0) {
        this.counts[REMOTE_ENDS]++
        return done === 0 ? EIO : done
      }
      if (!isWrite && !this.copyLocal(io)) return EFAULT
      io.copied(moved)
      done += moved
    }
    return done
  }

  /** Between the kernel's page and the caller. @kernel copy_from_user, copy_to_user */
  private copyLocal(io: Operation): boolean {
    if (!io.faults.fails(FAULT_COPY) && io.recordedResult !== EFAULT) return true
    this.counts[LOCAL_FAULTS]++
    return false
  }

  /** From `skipBytes` behind the segment's address on; returns the bytes. @kernel mm/memory.c: __access_remote_vm */
  private accessRemote(io: Operation, segment: number, skipBytes: number, bytes: number): number {
    const { addressBytes } = io.iter.table
    const isWrite = io.iter.direction === ITER_SOURCE
    let done = 0
    while (done < bytes) {
      const offset = (addressBytes[segment] + skipBytes + done) & PAGE_OFFSET_MASK
      const room = PAGE_SIZE - offset
      let part = bytes - done < room ? bytes - done : room
      if (this.remoteGood < part) part = this.remoteGood
      if (!this.touchPage(io, segment, skipBytes + done, isWrite)) break
      this.remoteGood -= part
      done += part
    }
    return done
  }

  /** Finds one page, references it and lets go of it: false where it cannot be had. @kernel mm/gup.c: get_user_pages_remote, put_page */
  private touchPage(io: Operation, segment: number, skipBytes: number, isWrite: boolean): boolean {
    const { iter, memory } = io
    const foll = FOLL_GET | this.force | (isWrite ? FOLL_WRITE : 0)
    this.counts[CALLS]++
    if (this.remoteGood === 0 || io.faults.fails(FAULT_PAGE)) return false
    if (memory.spaces.walk(iter.mm, iter.table.addressBytes, segment, skipBytes, 1, foll, this.found) !== 1)
      return false
    const hold = io.referencePage(this.found[0])
    if (!isHold(hold)) return false
    if (isWrite) this.counts[DIRTIED_PAGES]++
    this.ledger.letGo(hold)
    return true
  }
}
