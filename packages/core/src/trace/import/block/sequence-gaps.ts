import type { ImportRows } from '../import-rows.ts'

/** Counters of one file: CPUs times devices. */
const COUNTERS_MAX = 1 << 16
/** CPUs that are told apart. */
export const CPUS = 1 << 16

interface Counter {
  readonly cpu: number
  first: number
  last: number
  count: number
}

/**
 * Events that a recorder dropped: each CPU numbers those of a device one by one. Counted, not compared one by one, because a
 * file sorted by time may have two in the wrong order. 0 is no number: notes have it.
 * @kernel kernel/trace/blktrace.c: __blk_add_trace
 */
export class SequenceGaps {
  private readonly counters = new Map<number, Counter>()
  /** Remaps of a CPU: blkparse gives them the device below, in the files that it writes too, but the number is of another one. */
  private readonly remaps = new Map<number, number>()

  add(device: number, cpu: number, sequence: number): void {
    if (sequence === 0) return
    const key = device * CPUS + cpu
    const counter = this.counters.get(key)
    if (counter !== undefined) {
      counter.first = Math.min(counter.first, sequence)
      counter.last = Math.max(counter.last, sequence)
      counter.count++
    } else if (this.counters.size < COUNTERS_MAX) {
      this.counters.set(key, { cpu, first: sequence, last: sequence, count: 1 })
    }
  }

  addRemap(cpu: number): void {
    this.remaps.set(cpu, (this.remaps.get(cpu) ?? 0) + 1)
  }

  /** Numbers between the first and the last that did not come, at least. */
  get missing(): number {
    const ofCpu = new Map<number, number>()
    for (const { cpu, first, last, count } of this.counters.values()) {
      ofCpu.set(cpu, (ofCpu.get(cpu) ?? 0) + Math.max(0, last - first + 1 - count))
    }
    let sum = 0
    for (const [cpu, missing] of ofCpu) sum += Math.max(0, missing - (this.remaps.get(cpu) ?? 0))
    return sum
  }
}

/** Says so in the report. */
export function doubtGaps(rows: ImportRows, gaps: SequenceGaps): void {
  const { missing } = gaps
  if (missing === 0) return
  rows.doubt(
    `by their numbers ${missing} event(s) are missing: the recorder dropped them (give blktrace larger buffers: -b 4096 -n 16), or they were filtered out (blkparse -a)`,
  )
}
