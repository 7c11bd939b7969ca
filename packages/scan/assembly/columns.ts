// Where the columns lie. The names and types are those of OpBatch and SegmentTable in @pinscope/core.

/** Rows of a batch. */
export const ROWS_MAX: u32 = 4096
/** Segments of a batch: BATCH_SEGMENTS_MAX, and those of one more row. */
export const SEGMENTS_MAX: u32 = (1 << 16) + 1024
/** Text columns of a trace. */
const TEXTS_MAX: u32 = 6
/** Bytes of the text: what one read brings, and the longest line that is scanned here. */
export const WINDOW_BYTES: u32 = 1 << 19
/** A load of 16 bytes may begin at the last one. */
const SLACK_BYTES: u32 = 64

export const LINE: usize = memory.data(ROWS_MAX << 3, 16)
export const TS_NS: usize = memory.data(ROWS_MAX << 3, 16)
export const END_NS: usize = memory.data(ROWS_MAX << 3, 16)
export const OFFSET_BYTES: usize = memory.data(ROWS_MAX << 3, 16)
export const LENGTH_BYTES: usize = memory.data(ROWS_MAX << 3, 16)
export const RESULT_BYTES: usize = memory.data(ROWS_MAX << 3, 16)
export const SEGMENT_FIRST: usize = memory.data(ROWS_MAX << 2, 16)
export const MM: usize = memory.data(ROWS_MAX << 2, 16)
export const PINS_ACQUIRED: usize = memory.data(ROWS_MAX << 2, 16)
export const PINS_RELEASED: usize = memory.data(ROWS_MAX << 2, 16)
export const DIRECTION: usize = memory.data(ROWS_MAX, 16)
/** Where each row's line begins. */
export const LINE_AT: usize = memory.data(ROWS_MAX << 2, 16)
/** Where the text cells of each row begin: a column of {@link ROWS_MAX} int32 each. */
export const TEXT_AT: usize = memory.data(TEXTS_MAX * (ROWS_MAX << 2), 16)
export const SEGMENT_ADDRESS_BYTES: usize = memory.data(SEGMENTS_MAX << 3, 16)
export const SEGMENT_OFFSET_BYTES: usize = memory.data(SEGMENTS_MAX << 3, 16)
export const SEGMENT_LENGTH_BYTES: usize = memory.data(SEGMENTS_MAX << 3, 16)
export const WINDOW: usize = memory.data(WINDOW_BYTES + SLACK_BYTES, 16)
