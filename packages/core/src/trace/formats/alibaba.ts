import { FLAG_DIRECT } from '../../iter/row-flags.ts'
import { assumeBlockRequests } from '../import/block/block-requests.ts'
import { type CellCodes, FILE_UNWANTED, fileCodes, onlyOption, wantedOf } from '../import/text/cell-codes.ts'
import { DataSetLine } from '../import/text/data-set-line.ts'
import { TIME_US } from '../import/text/decimal-time.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'

const NAMES = ['device_id', 'opcode', 'offset', 'length', 'timestamp']
const COLUMNS = 'ts=5:us,op=2,offset=3,len=4,file=1'
const DEVICE_ID = 0
const OPCODE = 1
const OFFSET = 2
const LENGTH = 3
const TIMESTAMP = 4

const LINE = /^\d{1,9},[RW],\d{1,16},\d{1,16},\d{16}$/

/**
 * Alibaba block traces of 2020: a thousand devices in one file of 10^10 lines, no header. Bytes, and microseconds since 1970 at
 * which the server received the request. Completions are not recorded. `device_size.csv` of the set is no trace, and
 * later sets of Alibaba have other columns.
 */
export const alibaba: ImportFormat = {
  name: 'alibaba',
  title: 'an Alibaba block trace (2020)',
  level: 'L0',
  record: 'github.com/alibaba/block-traces',
  clock: 'microseconds since 1970, UTC',
  options: [onlyOption('device', 'devices')],
  detect: ({ lines }) => lines.length > 0 && lines.every((line) => LINE.test(line)),
  open: (context) => new AlibabaImporter(context),
}

class AlibabaImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly cells: DataSetLine
  private readonly files: CellCodes

  constructor({ rows, option }: ImportContext) {
    this.rows = rows
    this.cells = new DataSetLine(rows, { names: NAMES, columns: COLUMNS, timeUnit: TIME_US })
    this.files = fileCodes(rows, (device) => `device${device}`, wantedOf(rows, 'device', option('device')))
    assumeBlockRequests(rows, false)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const { rows, cells } = this
    cells.take(bytes, from, to)
    const file = cells.needFile(DEVICE_ID, this.files, 'the number of a device')
    if (file === FILE_UNWANTED) {
      rows.skip('requests of other devices')
      return
    }
    const row = rows.draft()
    row.file = file
    row.direction = cells.needLetter(OPCODE, 'R or W')
    cells.needInteger(OFFSET, 'bytes')
    cells.needInteger(LENGTH, 'bytes')
    row.offsetBytes = cells.value[OFFSET]!
    row.lengthBytes = cells.value[LENGTH]!
    row.tsNs = cells.needTime(TIMESTAMP, 'microseconds since 1970')
    row.flags = FLAG_DIRECT
    rows.put(row)
  }

  end(): void {}
}
