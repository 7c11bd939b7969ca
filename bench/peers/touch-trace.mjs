// A trace that pins every page of a memory once: operations of 1 MiB in scattered order. The memory is untouched before, and
// read into, so that every page of it has to be made.
import { ByteFile } from './byte-file.mjs'

const OPERATION_BYTES = 2 ** 20
const MEMORY_ADDRESS = 0x100000000000
/** Odd, so that its multiples modulo a power of two come to every number once. */
const STRIDE = 0x9e3779b1

export function writeTouchTrace(name, bytes) {
  const operations = bytes / OPERATION_BYTES
  if (!Number.isInteger(Math.log2(operations)))
    throw new Error('the memory touched must be a power of two, at least 1 MiB')
  const file = new ByteFile(name)
  file.text('# pinscope-trace 1\nts,event,op,offset,segs,backing,flags\n')
  file.text(`0,map,,,0x${MEMORY_ADDRESS.toString(16)}+${bytes},anon,untouched\n`)
  for (let i = 0; i < operations; i++) {
    const place = (Math.imul(i, STRIDE) >>> 0) % operations
    file.makeRoom()
    file.decimal(i * 1000)
    file.text(',io,read,')
    file.decimal(place * OPERATION_BYTES)
    file.text(',0x')
    file.hex(MEMORY_ADDRESS + place * OPERATION_BYTES)
    file.text(`+${OPERATION_BYTES},,\n`)
  }
  file.close()
}
