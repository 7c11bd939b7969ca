import { readFileSync, writeFileSync } from 'node:fs'
import { UsageError } from '@pinscope/core'

/** The kernel's counters of pins, of the whole machine. */
export interface PinCounts {
  readonly acquired: number
  readonly released: number
}

const REFRESH = '/proc/sys/vm/stat_refresh'

/** Reads the counters, with what every CPU has not told yet (mm/vmstat.c: vmstat_refresh). @throws UsageError */
export function readPins(): PinCounts {
  const hint = 'Run it as root, outside of containers that hide it, or leave --pins out.'
  try {
    writeFileSync(REFRESH, '1')
  } catch (error) {
    throw new UsageError(`--pins: ${REFRESH} cannot be written: ${(error as NodeJS.ErrnoException).code}`, hint)
  }
  const text = readFileSync('/proc/vmstat', 'utf8')
  const [acquired, released] = ['acquired', 'released'].map(
    (name) => new RegExp(`^nr_foll_pin_${name} (\\d+)$`, 'm').exec(text)?.[1],
  )
  if (acquired === undefined || released === undefined) {
    throw new UsageError(
      '--pins: /proc/vmstat of this kernel has no nr_foll_pin_acquired (it is there since 5.7)',
      hint,
    )
  }
  return { acquired: Number(acquired), released: Number(released) }
}
