/** Columns that a trace may have, in the order of the `COLUMN_*` codes. A file may have them in any order. */
export const COLUMN_NAMES = [
  'ts',
  'end',
  'event',
  'id',
  'mm',
  'op',
  'call',
  'iter',
  'segs',
  'backing',
  'file',
  'offset',
  'len',
  'result',
  'flags',
  'consumer',
  'pins_acquired',
  'pins_released',
  'stack',
] as const
/** One of {@link COLUMN_NAMES}. */
export type ColumnName = (typeof COLUMN_NAMES)[number]

/** An unknown column with this prefix is somebody's own: its cells are checked for form and passed over. */
export const EXTRA_PREFIX = 'x_'

export const COLUMN_TS = 0
export const COLUMN_END = 1
export const COLUMN_EVENT = 2
export const COLUMN_ID = 3
export const COLUMN_MM = 4
export const COLUMN_OP = 5
export const COLUMN_CALL = 6
export const COLUMN_ITER = 7
export const COLUMN_SEGS = 8
export const COLUMN_BACKING = 9
export const COLUMN_FILE = 10
export const COLUMN_OFFSET = 11
export const COLUMN_LEN = 12
export const COLUMN_RESULT = 13
export const COLUMN_FLAGS = 14
export const COLUMN_CONSUMER = 15
export const COLUMN_PINS_ACQUIRED = 16
export const COLUMN_PINS_RELEASED = 17
export const COLUMN_STACK = 18
/** Code of every `x_` column. */
export const COLUMN_EXTRA = 19
