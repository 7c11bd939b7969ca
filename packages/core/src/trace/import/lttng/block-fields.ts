import { type BlockEvent, DISCARDS, EMPTY_REQUESTS, errnoOf, FLUSHES } from '../block/block-event.ts'
import { numberOf } from '../calls/call-arguments.ts'
import { LETTERS } from '../tracepoints/block-tracepoints.ts'

const SECTOR_BYTES = 512
const OFFSET_MAX = Number.MAX_SAFE_INTEGER
/** Largest dev_t: 12 bits of major, 20 of minor. @kernel include/linux/kdev_t.h: MINORBITS */
const DEVICE_MAX = 0xffffffff

/** What LTTng writes for RWBS. lttng-modules: include/instrumentation/events/block.h: RWBS_FLAG_WRITE and its kin */
const WRITE = 1 << 0
const DISCARD = 1 << 1
const READ = 1 << 2
const FLUSH = 1 << 8
const PREFLUSH = 1 << 10

/** An event of the block layer that is known: `block_rq_issue`. */
export function isBlockEvent(name: string): boolean {
  return LETTERS[name] !== undefined
}

/** Reads the fields of a `block_*` event. Returns the name of one that is missing or no number, or null. */
export function readBlockFields(event: BlockEvent, name: string, fields: ReadonlyMap<string, string>): string | null {
  const letter = LETTERS[name]!
  const wanted = ['dev', 'sector', 'rwbs', ...(letter === 'X' ? ['new_sector'] : ['nr_sector'])]
  if (letter === 'A') wanted.push('old_dev', 'old_sector')
  for (const one of wanted) {
    const value = numberOf(fields.get(one))
    const most = one.endsWith('dev') ? DEVICE_MAX : OFFSET_MAX / SECTOR_BYTES / 2
    if (value === null || value < 0 || value > most) return one
  }
  const number = (one: string) => numberOf(fields.get(one)) ?? 0
  event.action = letter
  event.device = number('dev')
  event.offsetBytes = number('sector') * SECTOR_BYTES
  event.lengthBytes = number('nr_sector') * SECTOR_BYTES
  event.restOffsetBytes = number('new_sector') * SECTOR_BYTES
  event.fromDevice = number('old_dev')
  event.fromOffsetBytes = number('old_sector') * SECTOR_BYTES
  readMask(event, number('rwbs'))
  const errno = letter === 'C' ? errnoOf(number(fields.has('error') ? 'error' : 'errors')) : 0
  event.errno = errno ?? 0
  return errno === null ? 'error' : null
}

function readMask(event: BlockEvent, mask: number): void {
  event.isZoneAppend = false
  event.isWrite = (mask & WRITE) !== 0
  event.withoutData = ''
  if ((mask & DISCARD) !== 0) event.withoutData = DISCARDS
  else if ((mask & FLUSH) !== 0 || (mask & (READ | WRITE | PREFLUSH)) === PREFLUSH) event.withoutData = FLUSHES
  else if ((mask & (READ | WRITE)) === 0) event.withoutData = EMPTY_REQUESTS
}
