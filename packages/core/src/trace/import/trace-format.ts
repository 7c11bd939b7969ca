import type { TraceReader } from '../trace-reader.ts'
import type { ImportRows } from './import-rows.ts'

/** The first bytes of a file, decompressed. */
export interface FileHead {
  /** At most DETECT_BYTES_MAX. */
  readonly bytes: Uint8Array
  /** The bytes as latin-1. */
  readonly text: string
  /** The whole lines among them, without their ends, blank ones left out, at most DETECT_LINES_MAX. A last line without end counts when the file ends there. */
  readonly lines: readonly string[]
}

/** A setting of an importer: `--input-option NAME=VALUE`. */
export interface ImportOption {
  readonly name: string
  readonly summary: string
  /** The words it may be; null: free text, which the importer checks in `open`. */
  readonly words: readonly string[] | null
  readonly default: string
}

/** What an importer is given. */
export interface ImportContext {
  readonly rows: ImportRows
  readonly head: FileHead
  /** Value of an option of the format: what the user said, else its default. */
  option(name: string): string
}

/** Reads a text file line by line. */
export interface LineImporter {
  readonly kind: 'lines'
  /** One line, `bytes[from..to)` without its end; not blank. The bytes are overwritten later. Throws what `rows.fail` makes. */
  line(bytes: Uint8Array, from: number, to: number): void
  /** The file is at its end. */
  end(): void
}

/** Reads a binary file record by record. */
export interface RecordImporter {
  readonly kind: 'records'
  /**
   * The record at `from`: the position behind it, or 0 when `bytes[from..to)` does not hold all of it. `isEnd`: no more bytes
   * will come; an incomplete record is then an error (throw `rows.fail`). The bytes are overwritten later.
   */
  record(bytes: Uint8Array, from: number, to: number, isEnd: boolean): number
  /** The file is at its end. */
  end(): void
}

/** Turns the lines or records of one file into rows. */
export type Importer = LineImporter | RecordImporter

/** What every format says of itself. */
interface FormatFacts {
  /** As `--input-format` takes it: lower case, words joined by a dash. */
  readonly name: string
  /** What it is called: `strace text`. */
  readonly title: string
  /** What it tells of the buffers: `L2; L3 with -e raw`. */
  readonly level: string
  /** How to make such a file: a command line, or where it comes from. */
  readonly record: string
  /** What its times count from and in. */
  readonly clock: string
  readonly options?: readonly ImportOption[]
  /** The file begins as one of this format does, and as none of another. Cheap, and safe for any bytes. */
  detect(head: FileHead): boolean
}

/** A format that an importer turns into rows. */
export interface ImportFormat extends FormatFacts {
  /** Makes the importer of one file. Sets the attributes of the trace; throws a TraceError for options or a head that it cannot read. */
  open(context: ImportContext): Importer | Promise<Importer>
}

/** A format that holds the columns of a trace themselves. */
export interface ColumnFormat extends FormatFacts {
  /** Reads the whole of `bytes`; `name` is what messages call it. */
  read(bytes: AsyncIterable<Uint8Array>, name: string): Promise<TraceReader>
}

/** A format that traces come in. One file in `formats/`, one line in `formats/formats.ts`, or in what a plugin registers. */
export type TraceFormat = ImportFormat | ColumnFormat
