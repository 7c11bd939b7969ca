/**
 * What can be wrong with a row. The data plane returns these instead of a position (positions are never negative);
 * `explain.ts` turns one into words, once, at the end.
 */

/** Not a fault by itself: the line holds a `"`, which only the csv-parse path reads. */
export const FAULT_QUOTE = -1
/** The cell is not of its column's form. */
export const FAULT_FORM = -2
/** An integer above 2^53 - 1. */
export const FAULT_LARGE = -3
/** An integer above the column's own limit. */
export const FAULT_RANGE = -4
/** Not one of the column's words. */
export const FAULT_WORD = -5
export const FAULT_NUL = -6
/** A carriage return that no line feed follows. */
export const FAULT_CARRIAGE_RETURN = -7
export const FAULT_NAME_LONG = -8
export const FAULT_NAMES_FULL = -9
/** Fewer cells than columns. */
export const FAULT_CELLS_FEW = -10
/** More cells than columns. */
export const FAULT_CELLS_MANY = -11
export const FAULT_LINE_LONG = -12
/** A segment is not of its iterator type's form. */
export const FAULT_SEGMENT = -13
/** A segment runs past 2^53 - 1, or past the last page frame. */
export const FAULT_SEGMENT_END = -14
/** The segments add up to more than 2^53 - 1. */
export const FAULT_SEGMENTS_SUM = -15
/** More segments than the iterator type takes. */
export const FAULT_SEGMENTS_MANY = -16
/** The event takes one segment, which is not empty. */
export const FAULT_SEGMENT_ONE = -17
export const FAULT_FLAG = -18
export const FAULT_ORDER = -19
export const FAULT_HOLE = -20
/** The flag does not go with the event. */
export const FAULT_FLAG_EVENT = -21
export const FAULT_UNSORTED = -22
export const FAULT_END_EARLY = -23
/** A column that the event needs is empty. */
export const FAULT_MISSING = -24
/** All the columns of which the event needs one are empty. */
export const FAULT_MISSING_ANY = -25
/** An operation without segments that is not of zero bytes. */
export const FAULT_NO_SEGMENTS = -26
/** `len` is more than the segments hold. */
export const FAULT_LENGTH_BEYOND = -27
/** `offset` + `len` runs past 2^53 - 1. */
export const FAULT_OFFSET_END = -28
/** The iterator type does not go with the event. */
export const FAULT_ITER_EVENT = -29
/** The iterator type is always a data destination. */
export const FAULT_ITER_WRITE = -30
/** A backing outside a `map` row. */
export const FAULT_BACKING = -31
/** `fixed` without the id of a registration. */
export const FAULT_FIXED_ID = -32
/** A quote is opened and not closed before the end of the file, or of the longest record. */
export const FAULT_QUOTE_OPEN = -33
/** Folios of a queue that do not meet at page ends. */
export const FAULT_FOLIOQ_JOIN = -34
/** The `call` of a `wait` or `allocation` row is no word that is known there. */
export const FAULT_CALL = -35
/** Pages are named twice: by segments and by their place in a file. */
export const FAULT_BOTH = -36
/** A `truncate` row with a length. */
export const FAULT_TRUNCATE_LENGTH = -37
