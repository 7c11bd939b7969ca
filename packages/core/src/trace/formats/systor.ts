import { FLAG_DIRECT } from '../../iter/row-flags.ts'
import { assumeBlockRequests } from '../import/block/block-requests.ts'
import { type CellCodes, FILE_UNWANTED, fileCodes, onlyOption, wantedOf } from '../import/text/cell-codes.ts'
import { DataSetLine } from '../import/text/data-set-line.ts'
import { nsOf, TIME_SECONDS } from '../import/text/decimal-time.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'

const NAMES = ['Timestamp', 'Response', 'IOType', 'LUN', 'Offset', 'Size']
const COLUMNS = 'ts=1:s,latency=2:s,op=3:R=read/W=write/=skip,offset=5,len=6,file=4'
const TIMESTAMP = 0
const RESPONSE = 1
const IO_TYPE = 2
const LUN = 3
const OFFSET = 4
const SIZE = 5

/** Stands for the file of a line that is none of a request. */
const HEADER_LINE = -3
const NS_PER_US = 1000

/** A line of a file whose header was cut off. */
const LINE = /^\d{10}\.\d{9},\d{1,6}\.\d{9},[RW]?,\d,\d{1,16},\d{1,12}$/
const HEADER = /^Timestamp,Response,IOType,LUN,Offset,Size$/i

/**
 * Block traces of a virtual desktop infrastructure (SYSTOR'17, SNIA IOTTA 4928): a file an hour and LUN, each with a header, which
 * stands in the middle too where files were joined. Requests whose type is blank are dropped and counted. Times are seconds since
 * 1970 with nine digits; the set's description says that the last three mean nothing, so they are dropped. The names of its files
 * are in Japanese time (UTC+9), the times in them are not.
 */
export const systor: ImportFormat = {
  name: 'systor',
  title: "a SYSTOR'17 block trace",
  level: 'L0',
  record: 'SNIA IOTTA trace set 4928',
  clock: 'seconds since 1970, UTC, exact to a microsecond (names of the files: Japanese time, UTC+9)',
  options: [onlyOption('lun', 'LUNs')],
  detect: ({ lines }) => lines.length > 0 && (HEADER.test(lines[0]!) || lines.every((line) => LINE.test(line))),
  open: (context) => new SystorImporter(context),
}

class SystorImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly cells: DataSetLine
  private readonly files: CellCodes

  constructor({ rows, option }: ImportContext) {
    this.rows = rows
    this.cells = new DataSetLine(rows, {
      names: NAMES,
      columns: COLUMNS,
      timeUnit: TIME_SECONDS,
      timeStepNs: NS_PER_US,
    })
    this.files = fileCodes(rows, (lun) => `LUN${lun}`, wantedOf(rows, 'lun', option('lun')))
    assumeBlockRequests(rows, true)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const { rows, cells } = this
    cells.take(bytes, from, to)
    const file = cells.isWord(TIMESTAMP, 'timestamp')
      ? HEADER_LINE
      : cells.needFile(LUN, this.files, 'the number of a LUN')
    const reason = this.whyNot(file)
    if (reason !== null) {
      rows.skip(reason)
      return
    }
    const row = rows.draft()
    row.file = file
    row.tsNs = cells.needTime(TIMESTAMP, 'seconds since 1970')
    row.direction = cells.needLetter(IO_TYPE, 'R, W or nothing')
    cells.needInteger(OFFSET, 'bytes')
    cells.needInteger(SIZE, 'bytes')
    row.offsetBytes = cells.value[OFFSET]!
    row.lengthBytes = cells.value[SIZE]!
    if (!cells.time(RESPONSE, TIME_SECONDS)) throw cells.refuse(RESPONSE, 'seconds', '')
    row.endAt(row.tsNs + nsOf(cells.clock))
    row.flags = FLAG_DIRECT
    rows.put(row)
  }

  end(): void {}

  /** Why the line makes no row; null when it makes one. */
  private whyNot(file: number): string | null {
    if (file === HEADER_LINE) return 'header lines'
    if (file === FILE_UNWANTED) return 'requests of other LUNs'
    return this.cells.isEmpty(IO_TYPE) ? 'requests whose IOType is blank' : null
  }
}
