/** No MR, where the kernel has NULL. */
export const NO_MR = 0

/**
 * MRs of a queue pair. One that is given back is the next to be taken.
 * @kernel drivers/infiniband/core/mr_pool.c: ib_mr_pool_get, ib_mr_pool_put, ib_mr_pool_init. The same in all versions.
 */
export class MrPool {
  /** MRs left. */
  available: number
  /** The registration that the MR has must be invalidated first. @kernel include/rdma/ib_verbs.h: ib_mr.need_inval */
  readonly needsInval: Uint8Array
  /** The next MR of the same context, for whoever has taken them. */
  readonly nextOfContext: Int32Array
  private readonly next: Int32Array
  private head: number

  /** `mrs`: how many there are; they are numbered from 1. */
  constructor(mrs: number) {
    this.available = mrs
    this.needsInval = new Uint8Array(mrs + 1)
    this.nextOfContext = new Int32Array(mrs + 1)
    this.next = Int32Array.from({ length: mrs + 1 }, (_, mr) => (mr < mrs ? mr + 1 : NO_MR))
    this.head = mrs > 0 ? 1 : NO_MR
  }

  /** {@link NO_MR} when none is left. */
  get(): number {
    const mr = this.head
    if (mr === NO_MR) return NO_MR
    this.head = this.next[mr]
    this.available--
    return mr
  }

  put(mr: number): void {
    this.next[mr] = this.head
    this.head = mr
    this.available++
  }
}
