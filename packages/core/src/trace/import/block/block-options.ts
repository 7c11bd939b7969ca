import { quotedText } from '../../printable.ts'
import { countOf } from '../text/text.ts'
import type { ImportContext, ImportOption } from '../trace-format.ts'
import { deviceOf, MAJOR_MAX, MINOR_MAX } from './block-event.ts'
import type { BlockChoice } from './block-operations.ts'

/** Options of the formats that have the events of the block layer. */
export const BLOCK_OPTIONS: readonly ImportOption[] = [
  {
    name: 'event',
    summary: 'where an operation begins: Q as it was queued, D as it was issued to the driver, C as it was completed',
    words: ['Q', 'D', 'C'],
    default: 'Q',
  },
  {
    name: 'device',
    summary: 'the only device to read, MAJOR,MINOR; empty: all, an I/O that passes through several of them once',
    words: null,
    default: '',
  },
]

/** What the user chose. Throws a TraceError for a device that is none. */
export function blockChoice({ rows, option }: ImportContext): BlockChoice {
  const begin = option('event')
  const text = option('device')
  if (text === '') return { begin, device: null }
  const [major, minor, more] = text.split(/[,:]/).map(countOf)
  if (major == null || minor == null || more !== undefined || major > MAJOR_MAX || minor > MINOR_MAX) {
    throw rows.fail(0, `input option device is ${quotedText(text)}`, 'Expected MAJOR,MINOR: device=8,0')
  }
  return { begin, device: deviceOf(major, minor) }
}
