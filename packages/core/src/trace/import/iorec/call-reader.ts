import type { ImportRows } from '../import-rows.ts'
import type { Call } from './call.ts'
import {
  readArguments,
  readFd,
  readOp,
  readPages,
  readPid,
  readPins,
  readPosition,
  readSegments,
} from './call-cells.ts'
import type { RecordedFiles } from './recorded-files.ts'
import { RecordingCells } from './recording-cells.ts'
import { RECORDING_COLUMNS, RECORDING_COLUMNS_2, unescaped } from './recording-head.ts'

const NS_PER_SECOND = 1_000_000_000

/** Whose memory the buffers of a call are in. */
export type SpaceOf = 'recorded' | 'process' | 'tid'

const ONE_PROCESS =
  'all threads are taken as those of one process: the recording does not tell; --input-option mm=tid for a program that forks'

/** Reads rows of a recording. */
export class CallReader {
  private readonly rows: ImportRows
  private readonly files: RecordedFiles
  private readonly version: 1 | 2
  private readonly spaceOf: SpaceOf
  private readonly cells: RecordingCells
  private firstTid: number | null = null

  /** `columns`: the column row. */
  constructor(rows: ImportRows, files: RecordedFiles, version: 1 | 2, spaceOf: SpaceOf, columns: readonly string[]) {
    this.rows = rows
    this.files = files
    this.version = version
    this.spaceOf = spaceOf
    this.cells = new RecordingCells(rows, columns, version === 1 ? RECORDING_COLUMNS : RECORDING_COLUMNS_2)
  }

  read(line: string): Call {
    const { cells, rows } = this
    cells.read(line)
    const entryNs = cells.microseconds('ts_us', Number.NaN)
    if (Number.isNaN(entryNs)) throw cells.fail('ts_us', 'microseconds')
    const tsNs = rows.time(Math.floor(entryNs / NS_PER_SECOND), entryNs % NS_PER_SECOND)
    const tid = readPid(cells, 'tid')
    const oflags = cells.text('oflags')
    const direct = oflags.includes('D')
    const segments = readSegments(cells, 'local')
    return {
      line: rows.line,
      tsNs,
      returnNs: tsNs + cells.microseconds('dur_us', Number.NaN),
      tid,
      mm: this.spaceOfThread(tid),
      op: readOp(cells),
      fd: readFd(cells),
      file: this.files.of(cells.text('file'), this.target, direct),
      direct,
      appends: oflags.includes('A'),
      access: oflags.startsWith('RW') ? 'RW' : oflags.startsWith('W') ? 'W' : 'R',
      positionBytes: readPosition(cells),
      segments,
      remote: readSegments(cells, 'remote'),
      lacksSegments: cells.integer('nseg', 0) > segments.length / 2,
      args: readArguments(cells),
      result: cells.integer('ret', Number.NaN),
      acquired: readPins(cells, 'acq'),
      released: readPins(cells, 'rel'),
      pages: readPages(cells),
      shared: cells.text('shared'),
    }
  }

  /** The `file` cell of the row at work. */
  get fileNumber(): string {
    return this.cells.text('file')
  }

  /** The `target` cell of the row at work. */
  get target(): string {
    const target = this.cells.text('target')
    return this.version === 1 ? target : unescaped(target)
  }

  private spaceOfThread(tid: number): number {
    this.firstTid ??= tid
    if (this.spaceOf === 'tid') return tid
    if (this.spaceOf === 'recorded' && this.version === 2) return readPid(this.cells, 'mm')
    if (this.spaceOf === 'recorded' && tid !== this.firstTid) this.rows.assume(ONE_PROCESS)
    return this.firstTid
  }
}
