import { FAULT_NAMES, type Operation } from '@pinscope/core'

const FAULT_ALLOC = FAULT_NAMES.indexOf('alloc')

/**
 * Allocates an object of a fixed size: a context, a request, a transform header. It can fail like any allocation, but is in
 * no sum: newer kernels have objects of the same kind, from pools, and those of the lanes to compare with are not counted
 * either. What is compared are lists and buffers. @kernel include/linux/slab.h: kzalloc
 */
export function allocatesObject(io: Operation): boolean {
  return !io.faults.fails(FAULT_ALLOC)
}
