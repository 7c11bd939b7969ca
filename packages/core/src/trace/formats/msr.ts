import { ITER_DEST, ITER_SOURCE } from '../../iter/iter-type.ts'
import { FLAG_DIRECT } from '../../iter/row-flags.ts'
import { assumeBlockRequests } from '../import/block/block-requests.ts'
import { type CellCodes, fileCodes } from '../import/text/cell-codes.ts'
import { DataSetLine } from '../import/text/data-set-line.ts'
import { nsOf, TIME_FILETIME } from '../import/text/decimal-time.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'

const NAMES = ['Timestamp', 'Hostname', 'DiskNumber', 'Type', 'Offset', 'Size', 'ResponseTime']
const COLUMNS = 'ts=1:filetime,latency=7:filetime,op=4,offset=5,len=6,file=2'
const TIMESTAMP = 0
const HOSTNAME = 1
const DISK_NUMBER = 2
const TYPE = 3
const OFFSET = 4
const SIZE = 5
const RESPONSE_TIME = 6

const LINE = /^\d{17,18},[^,]*,\d+,(Read|Write),\d+,\d+,\d+$/i

/**
 * MSR Cambridge block traces (FAST'08, SNIA IOTTA 387, 36 volumes): one file a disk, no header. Times are Windows FILETIME,
 * which no double holds, and roughly in order only. Files of others "in MSR format" with nine columns are refused.
 */
export const msr: ImportFormat = {
  name: 'msr',
  title: 'an MSR Cambridge block trace',
  level: 'L0',
  record: 'SNIA IOTTA trace set 387',
  clock: '100 ns since 1601 (Windows FILETIME), UTC',
  detect: ({ lines }) => lines.length > 0 && lines.every((line) => LINE.test(line)),
  open: (context) => new MsrImporter(context),
}

class MsrImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly cells: DataSetLine
  private readonly files: CellCodes

  constructor({ rows }: ImportContext) {
    this.rows = rows
    this.cells = new DataSetLine(rows, { names: NAMES, columns: COLUMNS, timeUnit: TIME_FILETIME })
    // "hm,1" is hm_1, as the files of the set are called.
    this.files = fileCodes(rows, (hostAndDisk) => hostAndDisk.replace(',', '_'))
    assumeBlockRequests(rows, true)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const { rows, cells } = this
    cells.take(bytes, from, to)
    const row = rows.draft()
    row.tsNs = cells.needTime(TIMESTAMP, '100 ns since 1601, as Windows counts')
    row.direction = this.direction()
    cells.needInteger(OFFSET, 'bytes')
    cells.needInteger(SIZE, 'bytes')
    row.offsetBytes = cells.value[OFFSET]!
    row.lengthBytes = cells.value[SIZE]!
    if (!cells.time(RESPONSE_TIME, TIME_FILETIME)) throw cells.refuse(RESPONSE_TIME, 'a multiple of 100 ns', '')
    row.endAt(row.tsNs + nsOf(cells.clock))
    row.file = this.files.of(bytes, cells.from[HOSTNAME]!, cells.to[DISK_NUMBER]!)
    row.flags = FLAG_DIRECT
    rows.put(row)
  }

  end(): void {}

  private direction(): number {
    const { cells } = this
    if (cells.isWord(TYPE, 'read')) return ITER_DEST
    if (cells.isWord(TYPE, 'write')) return ITER_SOURCE
    throw cells.refuse(TYPE, 'Read or Write', '')
  }
}
