/** The low byte is the version. @kernel include/uapi/linux/blktrace_api.h: BLK_IO_TRACE_MAGIC */
export const BLKTRACE_MAGIC = 0x65617400

/** Categories, the upper bits of an action; from {@link TC_ZONE_APPEND} on since version 8. @kernel enum blktrace_cat */
export const TC_WRITE = 1 << 1
export const TC_FLUSH = 1 << 2
export const TC_COMPLETE = 1 << 7
export const TC_PC = 1 << 9
export const TC_NOTIFY = 1 << 10
export const TC_DISCARD = 1 << 13
export const TC_ZONE_APPEND = 1 << 16
/** Reset, reset all, finish, open, close. */
export const TC_ZONE_COMMAND = 0b11111 << 17
export const TC_WRITE_ZEROES = 1 << 22

/** Actions, the lower 16 bits. @kernel enum blktrace_act */
export const TA_COMPLETE = 8
export const TA_DRV_DATA = 17
/** An id of a cgroup stands in front of what follows the record. */
const TA_CGROUP = 1 << 8

/** Notes. @kernel enum blktrace_notify */
export const TN_PROCESS = 0
export const TN_TIMESTAMP = 1
export const TN_MESSAGE = 2

/** `struct blk_io_trace` has 48 bytes, `struct blk_io_trace2` 64: its action has 64 bits, and stands behind the pid. */
const HEAD_BYTES: Readonly<Record<number, number>> = { 7: 48, 8: 64 }
const CGROUP_ID_BYTES = 8
const NS_PER_SECOND = 1_000_000_000

/** Bytes of the fixed part of a record of that version; 0 when there is no such version. */
export function headBytesOf(version: number): number {
  return HEAD_BYTES[version] ?? 0
}

/** One record of a blktrace file, its fields in either byte order. Read and used again: an importer has one. */
export class BlktraceRecord {
  sequence = 0
  seconds = 0
  ns = 0
  sector = 0
  bytes = 0
  /** Lower 16 bits of the action, without the flag for a cgroup. */
  action = 0
  categories = 0
  pid = 0
  device = 0
  cpu = 0
  error = 0
  /** What follows the fixed part: where it begins, behind an id of a cgroup, and its length; negative: no room for that id. */
  payloadAt = 0
  payloadBytes = 0
  /** Length of the record in all. */
  lengthBytes = 0
  private view: DataView = new DataView(new ArrayBuffer(0))

  /** The first 32 bits at `at`. */
  magic(bytes: Uint8Array, at: number, isLittle: boolean): number {
    return this.viewOf(bytes).getUint32(at, isLittle)
  }

  /** Reads the record of that version at `at`, of which the fixed part must be there. */
  read(bytes: Uint8Array, at: number, version: number, isLittle: boolean): void {
    const view = this.viewOf(bytes)
    const u32 = (offset: number) => view.getUint32(at + offset, isLittle)
    const high = isLittle ? 4 : 0
    const low = 4 - high
    this.sequence = u32(4)
    this.setTime(u32(8 + high), u32(8 + low))
    this.sector = u32(16 + high) * 2 ** 32 + u32(16 + low)
    this.bytes = u32(24)
    const isWide = version === 8
    this.pid = u32(isWide ? 28 : 32)
    const action = u32(isWide ? 32 + low : 28)
    // An int has room for the categories that there are: 23 of up to 48.
    this.categories = (isWide ? u32(32 + high) << 16 : 0) | (action >>> 16)
    const tail = isWide ? 40 : 36
    this.device = u32(tail)
    this.cpu = u32(tail + 4)
    this.error = view.getUint16(at + tail + 8, isLittle)
    const behind = view.getUint16(at + tail + 10, isLittle)
    const headBytes = headBytesOf(version)
    const cgroupBytes = (action & TA_CGROUP) === 0 ? 0 : CGROUP_ID_BYTES
    this.action = action & 0xffff & ~TA_CGROUP
    this.payloadAt = at + headBytes + cgroupBytes
    this.payloadBytes = behind - cgroupBytes
    this.lengthBytes = headBytes + behind
  }

  /** A word of what follows, in the byte order of the file. */
  payloadWord(offset: number, isLittle: boolean): number {
    return this.view.getUint32(this.payloadAt + offset, isLittle)
  }

  /** 64 bits of what follows, which the kernel writes with the highest byte first; inexact above 2^53. */
  payloadSector(offset: number): number {
    return this.payloadWord(offset, false) * 2 ** 32 + this.payloadWord(offset + 4, false)
  }

  /** ns as seconds and ns: exact though they do not fit a double, by long division, 16 bits at a time. */
  private setTime(high: number, low: number): void {
    let rest = high % NS_PER_SECOND
    let seconds = Math.floor(high / NS_PER_SECOND)
    for (const part of [low >>> 16, low & 0xffff]) {
      rest = rest * 0x10000 + part
      seconds = seconds * 0x10000 + Math.floor(rest / NS_PER_SECOND)
      rest %= NS_PER_SECOND
    }
    this.seconds = seconds
    this.ns = rest
  }

  private viewOf(bytes: Uint8Array): DataView {
    if (this.view.buffer !== bytes.buffer) this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return this.view
  }
}
