/** A file that can be read at any place. Core opens none: whoever cuts a trace hands one in. */
export interface ByteFile {
  readonly sizeBytes: number
  /** The bytes from `at` on: `length` of them, fewer at the end. */
  read(at: number, length: number): Uint8Array
}

/** Bytes [from, to) of a file. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}
