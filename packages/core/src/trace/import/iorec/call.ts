import type { RecordedFile } from './recorded-file.ts'

/** Segments as address, length, address, length …, bytes. */
export type Segments = readonly number[]

/** One row of a recording. */
export interface Call {
  readonly line: number
  /** Entry, ns. */
  readonly tsNs: number
  /** Return of a call, or completion of an operation; NaN: not seen. */
  readonly returnNs: number
  readonly tid: number
  /** Its address space. */
  readonly mm: number
  readonly op: string
  /** {@link NONE}: no file. */
  readonly fd: number
  readonly file: RecordedFile
  /** O_DIRECT and O_APPEND. */
  readonly direct: boolean
  readonly appends: boolean
  /** Opened to be read or to be written only. */
  readonly access: 'R' | 'W' | 'RW'
  /** Where in the file it begins, bytes; {@link NONE}: not known. */
  readonly positionBytes: number
  readonly segments: Segments
  /** Of process_vm_*: the other process's. */
  readonly remote: Segments
  /** The call has a vector of which the recorder could not tell all. */
  readonly lacksSegments: boolean
  readonly args: ReadonlyMap<string, string>
  /** Bytes or -errno; NaN: not known. */
  readonly result: number
  /** Change of the counters of the whole machine during the call; {@link NONE}: not read. */
  readonly acquired: number
  readonly released: number
  /** What backed each page: {@link pageRuns}. */
  readonly pages: string
  /** Letters of what else moved the counters: `s` another thread, `a` asynchronous operations. Version 2 alone tells. */
  readonly shared: string
}

/** Addresses and lengths above it are in no trace. */
const PLACE_MAX = Number.MAX_SAFE_INTEGER

/** An argument as a number; NaN where it is missing or none. */
export function hexArgument({ args }: Pick<Call, 'args'>, name: string): number {
  const text = args.get(name) ?? ''
  return /^[0-9a-fA-F]{1,16}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN
}

/** {@link hexArgument} of a decimal one. */
export function decimalArgument({ args }: Pick<Call, 'args'>, name: string): number {
  const text = args.get(name) ?? ''
  return /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
}

/** Bytes of the segments together. */
export function bytesOfSegments(segments: Segments): number {
  let sum = 0
  for (let i = 1; i < segments.length; i += 2) sum += segments[i]!
  return sum
}

/** A trace can hold the segments: all of them end below 2^53. */
export function areInTrace(segments: Segments): boolean {
  for (let i = 0; i < segments.length; i += 2) {
    if (!(segments[i]! + segments[i + 1]! <= PLACE_MAX)) return false
  }
  return bytesOfSegments(segments) <= PLACE_MAX
}
