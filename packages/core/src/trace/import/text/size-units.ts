import { PAGE_SIZE } from '../../../units.ts'

/** Bytes in a sector, whatever the device's logical block is. @kernel include/linux/blk_types.h: SECTOR_SIZE */
export const SECTOR_BYTES = 512

/** Units of a size or a position by the name that `--columns` takes, bytes each. */
export const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
  ['sector', SECTOR_BYTES],
  ['page', PAGE_SIZE],
])
