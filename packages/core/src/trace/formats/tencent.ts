import { ITER_DEST, ITER_SOURCE } from '../../iter/iter-type.ts'
import { FLAG_DIRECT } from '../../iter/row-flags.ts'
import { assumeBlockRequests } from '../import/block/block-requests.ts'
import { type CellCodes, FILE_UNWANTED, fileCodes, onlyOption, wantedOf } from '../import/text/cell-codes.ts'
import { DataSetLine } from '../import/text/data-set-line.ts'
import { TIME_SECONDS } from '../import/text/decimal-time.ts'
import { SECTOR_BYTES } from '../import/text/size-units.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'

const NAMES = ['Timestamp', 'Offset', 'Size', 'IOType', 'VolumeID']
const COLUMNS = 'ts=1:s,op=4:0=read/1=write,offset=2:sector,len=3:sector,file=5'
const TIMESTAMP = 0
const OFFSET = 1
const SIZE = 2
const IO_TYPE = 3
const VOLUME_ID = 4

const READ = 0x30
const WRITE = 0x31

/** The ten days that were recorded, and some around them: elsewhere, five numbers a line may be anything, and 0 a write. */
const LINE = /^15(3[89]|4[01])\d{6},\d{1,15},\d{1,9},[01],\d{1,9}$/

/**
 * Tencent CBS block traces (ATC'20, SNIA IOTTA 27917 and 28064), October 2018: no header. Offset and size in sectors of 512 bytes,
 * 0 = read and 1 = write, and times in whole seconds: thousands of requests have the same, and keep the order of the file. The
 * files are tar archives inside gzip, which must be unpacked: `tar xOzf 2018-10-01-01.tgz | pinscope …`.
 */
export const tencent: ImportFormat = {
  name: 'tencent',
  title: 'a Tencent CBS block trace',
  level: 'L0',
  record: 'SNIA IOTTA trace sets 27917 and 28064: tar xOzf 2018-10-01-01.tgz',
  clock: 'whole seconds since 1970, UTC',
  options: [onlyOption('volume', 'volumes')],
  detect: ({ lines }) => lines.length > 0 && lines.every((line) => LINE.test(line)),
  open: (context) => new TencentImporter(context),
}

class TencentImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly cells: DataSetLine
  private readonly files: CellCodes

  constructor({ rows, option }: ImportContext) {
    this.rows = rows
    this.cells = new DataSetLine(rows, { names: NAMES, columns: COLUMNS, timeUnit: TIME_SECONDS })
    this.files = fileCodes(rows, (volume) => `volume${volume}`, wantedOf(rows, 'volume', option('volume')))
    assumeBlockRequests(rows, false)
    rows.assume('requests of the same second begin together: the file has whole seconds only')
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const { rows, cells } = this
    cells.take(bytes, from, to)
    const file = cells.needFile(VOLUME_ID, this.files, 'the number of a volume')
    if (file === FILE_UNWANTED) {
      rows.skip('requests of other volumes')
      return
    }
    const row = rows.draft()
    row.file = file
    row.tsNs = cells.needTime(TIMESTAMP, 'seconds since 1970')
    cells.needInteger(OFFSET, 'sectors of 512 bytes')
    cells.needInteger(SIZE, 'sectors of 512 bytes')
    row.offsetBytes = cells.value[OFFSET]! * SECTOR_BYTES
    row.lengthBytes = cells.value[SIZE]! * SECTOR_BYTES
    row.direction = this.direction()
    row.flags = FLAG_DIRECT
    rows.put(row)
  }

  end(): void {}

  private direction(): number {
    const type = this.cells.onlyByte(IO_TYPE)
    if (type === READ) return ITER_DEST
    if (type === WRITE) return ITER_SOURCE
    throw this.cells.refuse(IO_TYPE, '0 (read) or 1 (write)', '')
  }
}
