import { type Direction, ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'

/** Commands that move data between memory and the medium. @kernel include/scsi/scsi_proto.h: READ_6 … WRITE_VERIFY_16 */
const DATA_COMMANDS: ReadonlyMap<number, Direction> = new Map([
  [0x08, ITER_DEST],
  [0x0a, ITER_SOURCE],
  [0x28, ITER_DEST],
  [0x2a, ITER_SOURCE],
  [0x2e, ITER_SOURCE],
  [0x88, ITER_DEST],
  [0x8a, ITER_SOURCE],
  [0x8e, ITER_SOURCE],
  [0xa8, ITER_DEST],
  [0xaa, ITER_SOURCE],
  [0xae, ITER_SOURCE],
])

/** Other commands that recordings of disks have. @kernel include/scsi/scsi_proto.h */
const OTHER_COMMANDS: ReadonlyMap<number, string> = new Map([
  [0x00, 'TEST UNIT READY'],
  [0x03, 'REQUEST SENSE'],
  [0x12, 'INQUIRY'],
  [0x16, 'RESERVE(6)'],
  [0x17, 'RELEASE(6)'],
  [0x1a, 'MODE SENSE(6)'],
  [0x1b, 'START STOP UNIT'],
  [0x25, 'READ CAPACITY(10)'],
  [0x2f, 'VERIFY(10)'],
  [0x35, 'SYNCHRONIZE CACHE(10)'],
  [0x41, 'WRITE SAME(10)'],
  [0x42, 'UNMAP'],
  [0x4d, 'LOG SENSE'],
  [0x5a, 'MODE SENSE(10)'],
  [0x5e, 'PERSISTENT RESERVE IN'],
  [0x5f, 'PERSISTENT RESERVE OUT'],
  [0x83, 'EXTENDED COPY'],
  [0x85, 'ATA PASS-THROUGH(16)'],
  [0x89, 'COMPARE AND WRITE'],
  [0x8f, 'VERIFY(16)'],
  [0x91, 'SYNCHRONIZE CACHE(16)'],
  [0x93, 'WRITE SAME(16)'],
  [0x9e, 'SERVICE ACTION IN(16)'],
  [0xa0, 'REPORT LUNS'],
  [0xa1, 'ATA PASS-THROUGH(12)'],
])

/** Direction of a command that moves data; undefined of one that does not. */
export function directionOfCommand(operationCode: number): Direction | undefined {
  return DATA_COMMANDS.get(operationCode)
}

/** Why a command makes no row, for `rows.skip`. */
export function passedOverCommand(operationCode: number): string {
  const name = OTHER_COMMANDS.get(operationCode) ?? `SCSI 0x${operationCode.toString(16).padStart(2, '0')}`
  return `${name} commands`
}
