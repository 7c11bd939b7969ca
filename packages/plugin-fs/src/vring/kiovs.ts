import { grown, type Operation } from '@pinscope/core'

/** @kernel include/linux/uio.h: struct kvec */
const KVEC_BYTES = 16
const FIRST_ELEMENTS = 8

/**
 * Arrays that the descriptors of a ring are gathered in, one for each direction. They grow, and are kept from request to
 * request. A ring is named by the `file` of an operation.
 * @kernel drivers/vhost/vringh.c: resize_iovec; include/linux/vringh.h: struct vringh_kiov, vringh_kiov_cleanup
 */
export class Kiovs {
  /** Elements by ring and direction. @kernel max_num */
  private elements = new Int32Array(16)
  private length = 0

  /** There is room for `count` descriptors; false where there is no memory for it. */
  makeRoom(io: Operation, count: number): boolean {
    const at = 2 * (io.file + 1) + io.iter.direction
    if (at >= this.length) {
      this.length = at + 1
      while (at >= this.elements.length) this.elements = grown(this.elements, 2 * this.elements.length)
    }
    while (this.elements[at] < count) {
      const old = this.elements[at]
      const next = Math.max(FIRST_ELEMENTS, 2 * old)
      if (!io.allocate(next * KVEC_BYTES)) return false
      if (old > 0) io.free(old * KVEC_BYTES)
      this.elements[at] = next
    }
    return true
  }

  cleanup(io: Operation): void {
    for (let at = 0; at < this.length; at++) {
      if (this.elements[at] > 0) io.free(this.elements[at] * KVEC_BYTES)
      this.elements[at] = 0
    }
  }
}
