import { FLAG_DIRECT } from '../../iter/row-flags.ts'
import { assumeBlockRequests } from '../import/block/block-requests.ts'
import { type CellCodes, FILE_UNWANTED, fileCodes, onlyOption, wantedOf } from '../import/text/cell-codes.ts'
import { DataSetLine } from '../import/text/data-set-line.ts'
import { TIME_SECONDS } from '../import/text/decimal-time.ts'
import { SECTOR_BYTES } from '../import/text/size-units.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'

const NAMES = ['ASU', 'LBA', 'Size', 'Opcode', 'Timestamp']
const COLUMNS = 'ts=5:s,op=4,offset=2:sector,len=3,file=1'
const ASU = 0
const LBA = 1
const SIZE = 2
const OPCODE = 3
const TIMESTAMP = 4

const LINE =
  /^[ \t]*\d{1,9}[ \t]*,[ \t]*\d{1,15}[ \t]*,[ \t]*\d{1,15}[ \t]*,[ \t]*[RrWw][ \t]*,[ \t]*\d{1,15}(\.\d{1,30})?[ \t]*(,.*)?$/

/**
 * Traces in the format of the Storage Performance Council, 1.0.1: Financial1, Financial2, WebSearch1 to 3 of UMass. Positions in
 * blocks of 512 bytes, sizes in bytes (rarely not whole blocks), seconds since the trace began. An ASU (application storage unit)
 * has positions of its own: each is a file here. Blanks around cells, and further cells, are allowed.
 */
export const spc: ImportFormat = {
  name: 'spc',
  title: 'an SPC block trace',
  level: 'L0',
  record: 'traces.cs.umass.edu: Financial1.spc, WebSearch1.spc',
  clock: 'seconds since the trace began',
  options: [onlyOption('asu', 'application storage units')],
  detect: ({ lines }) => lines.length > 0 && lines.every((line) => LINE.test(line)),
  open: (context) => new SpcImporter(context),
}

class SpcImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly cells: DataSetLine
  private readonly files: CellCodes

  constructor({ rows, option }: ImportContext) {
    this.rows = rows
    this.cells = new DataSetLine(rows, {
      names: NAMES,
      columns: COLUMNS,
      hasMore: true,
      hasBlanks: true,
      timeUnit: TIME_SECONDS,
    })
    this.files = fileCodes(rows, (asu) => `asu${asu}`, wantedOf(rows, 'asu', option('asu')))
    assumeBlockRequests(rows, false)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const { rows, cells } = this
    cells.take(bytes, from, to)
    const file = cells.needFile(ASU, this.files, 'the number of an application storage unit')
    if (file === FILE_UNWANTED) {
      rows.skip('requests of other application storage units')
      return
    }
    const row = rows.draft()
    row.file = file
    cells.needInteger(LBA, 'blocks of 512 bytes')
    cells.needInteger(SIZE, 'bytes')
    row.offsetBytes = cells.value[LBA]! * SECTOR_BYTES
    row.lengthBytes = cells.value[SIZE]!
    row.direction = cells.needLetter(OPCODE, 'R or W')
    row.tsNs = cells.needTime(TIMESTAMP, 'seconds since the trace began')
    row.flags = FLAG_DIRECT
    rows.put(row)
  }

  end(): void {}
}
