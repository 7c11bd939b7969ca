import type { Operation } from '@pinscope/core'

/** Bytes of the next object request of an operation that has moved `done` bytes: not over rsize or wsize, nor over the end of a stripe unit. @kernel net/ceph/osd_client.c: calc_layout; net/ceph/striper.c: ceph_calc_file_object_mapping */
export function chunkBytes(
  { iter, offsetBytes }: Operation,
  done: number,
  sizeMax: number,
  stripeUnit: number,
): number {
  const position = (offsetBytes < 0 ? 0 : offsetBytes) + done
  const room = stripeUnit - (position % stripeUnit)
  return Math.min(iter.countBytes, sizeMax, room)
}
