import { ERRNO_MAX } from '../../limits.ts'

/** Why an event of the block layer is about no data in memory: reasons of {@link ImportRows.skip}, in the plural. */
export const FLUSHES = 'flushes'
export const DISCARDS = 'discards'
export const ZONE_COMMANDS = 'zone commands'
export const WRITE_ZEROES = 'write-zeroes requests, which have no data'
export const PASSTHROUGH = 'passthrough commands, which name no sectors'
export const EMPTY_REQUESTS = 'requests without data'

/** Why events that say nothing of one I/O make no row, by their letter. */
export const PASSED_OVER: ReadonlyMap<string, string> = new Map([
  ['A', 'remaps'],
  ['B', 'bounces, which are copies'],
  ['P', 'plugs and unplugs'],
  ['U', 'plugs and unplugs'],
  ['T', 'plugs and unplugs'],
  ['X', 'splits'],
  ['Z', 'zone plugs and unplugs'],
  ['m', 'messages'],
])

/** The tracepoints that operations can begin at. @kernel include/trace/events/block.h */
export const TRACEPOINTS: ReadonlyMap<string, string> = new Map([
  ['Q', 'block_bio_queue'],
  ['D', 'block_rq_issue'],
  ['C', 'block_rq_complete'],
])

/** What the letters of RWBS that stand for no data stand for. */
const WITHOUT_DATA: ReadonlyMap<string, string> = new Map([
  ['D', DISCARDS],
  ['DE', DISCARDS],
  ['F', FLUSHES],
  ['N', EMPTY_REQUESTS],
  ['WZ', WRITE_ZEROES],
])

/**
 * One event of the block layer, whatever recorded it. Filled in and used again: an importer has one. `action` is blkparse's
 * letter: Q queued, D issued, C completed, A remapped, X split, R requeued, B bounced, and those that only go along (G I M F S P
 * U T).
 * @kernel include/uapi/linux/blktrace_api.h: struct blk_io_trace
 */
export class BlockEvent {
  action = ''
  tsNs = 0
  /** `major << 20 | minor`. */
  device = 0
  isWrite = false
  /** A write whose sector the device chooses: its completion names another one. */
  isZoneAppend = false
  /** Why there is no data; empty: there is. */
  withoutData = ''
  /** Where on the device, bytes. */
  offsetBytes = 0
  lengthBytes = 0
  pid = 0
  /** Of a completion: 0, or a positive errno. */
  errno = 0
  /** Of a remap: where it comes from. */
  fromDevice = 0
  fromOffsetBytes = 0
  /** Of a split: where the rest begins. */
  restOffsetBytes = 0
}

/** Minor numbers have 20 bits. @kernel include/linux/kdev_t.h: MINORBITS */
export const MINOR_MAX = (1 << 20) - 1
export const MAJOR_MAX = (1 << 12) - 1

export function deviceOf(major: number, minor: number): number {
  return major * (MINOR_MAX + 1) + minor
}

/** `8:0`, as /sys/dev/block names a device. */
export function deviceName(device: number): string {
  return `${Math.floor(device / (MINOR_MAX + 1))}:${device % (MINOR_MAX + 1)}`
}

/**
 * What the letters of RWBS say, into the event: an `F` in front is a flush before the data, then comes what it is (`R` `W` `D`
 * `N` `F` `WZ` `Z.`), and what follows (`F` FUA, `A` `S` `M` `U`) changes nothing here. False when they are none.
 * @kernel kernel/trace/blktrace.c: fill_rwbs, blk_fill_rwbs
 */
export function readRwbs(rwbs: string, event: BlockEvent): boolean {
  const match = /^(F?)(WZ|W|R|N|DE|D|F|ZA|Z[B-Z]A?)[A-Z]{0,5}$/.exec(rwbs)
  if (match === null) return false
  const kind = match[2]!
  event.isZoneAppend = kind === 'ZA'
  event.isWrite = kind === 'W' || kind === 'ZA'
  event.withoutData = WITHOUT_DATA.get(kind) ?? ''
  if (kind === 'N' && match[1] === 'F') event.withoutData = FLUSHES
  if (kind.startsWith('Z') && kind !== 'ZA') event.withoutData = ZONE_COMMANDS
  return true
}

/**
 * The errno of a completion, positive. The field has 16 bits: -5 stands there as 65531, and blkparse prints it so. Null when it
 * is none.
 * @kernel kernel/trace/blktrace.c: record_blktrace_event
 */
export function errnoOf(error: number): number | null {
  const errno = error > 0x7fff ? 0x10000 - error : Math.abs(error)
  return Number.isInteger(errno) && errno <= ERRNO_MAX ? errno : null
}
