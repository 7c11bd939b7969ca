import { availableParallelism } from 'node:os'
import { UsageError } from '@pinscope/core'

/** `auto` takes no more: what is behind the threads, memory and disk, does not grow with them. */
const AUTO_MAX = 8
const JOBS_MAX = 256

/** What one thread replays while another one starts, about. */
export const HEAD_START_BYTES = 1 << 25
/** A shorter part is not worth a thread. */
export const PART_BYTES_MIN = 1 << 23

/** The threads that `--jobs` asks for. */
export function jobCount(text = '1'): number {
  if (text === 'auto') return Math.min(availableParallelism(), AUTO_MAX)
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= JOBS_MAX) return count
  throw new UsageError(`--jobs ${text}: expected a number of threads from 1 to ${JOBS_MAX}, or auto`)
}
