/** Stands at both ends of a file, which is a stream between two of these. */
export const FILE_MAGIC = 'ARROW1'
/** A stream begins with a length: the mark of a long one, then that of the schema, of which the third and fourth byte are 0. */
const STREAM_HEAD = /^\xff\xff\xff\xff..[^\xff]\0/s

/** The first bytes, as latin-1, are of an Arrow IPC file or stream. */
export function isArrow(head: string): boolean {
  return head.startsWith(FILE_MAGIC) || STREAM_HEAD.test(head)
}
