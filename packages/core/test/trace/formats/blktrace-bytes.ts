/** One record; what is not told is 0. */
export interface MadeRecord {
  readonly version?: 7 | 8
  readonly isBig?: boolean
  readonly magic?: number
  readonly sequence?: number
  readonly timeNs?: bigint
  readonly sector?: bigint
  readonly bytes?: number
  /** Lower 16 bits. */
  readonly action?: number
  readonly categories?: bigint
  readonly pid?: number
  readonly device?: number
  readonly cpu?: number
  readonly error?: number
  readonly behind?: Uint8Array
  /** What the record says is behind it; what is, when not given. */
  readonly behindBytes?: number
}

/** Bytes of `struct blk_io_trace`, and `struct blk_io_trace2`. */
export function blktraceBytes(made: MadeRecord): Buffer {
  const { version = 7, isBig = false, behind = Buffer.alloc(0) } = made
  const head = Buffer.alloc(version === 7 ? 48 : 64)
  const put = (value: number, at: number) => (isBig ? head.writeUInt32BE(value, at) : head.writeUInt32LE(value, at))
  const putShort = (value: number, at: number) =>
    isBig ? head.writeUInt16BE(value, at) : head.writeUInt16LE(value, at)
  const putLong = (value: bigint, at: number) =>
    isBig ? head.writeBigUInt64BE(value, at) : head.writeBigUInt64LE(value, at)
  const action = (made.categories ?? 0n) * 0x10000n + BigInt(made.action ?? 0)
  put(made.magic ?? 0x65617400 + version, 0)
  put(made.sequence ?? 0, 4)
  putLong(made.timeNs ?? 0n, 8)
  putLong(made.sector ?? 0n, 16)
  put(made.bytes ?? 0, 24)
  const tail = version === 7 ? 36 : 40
  put(made.pid ?? 0, version === 7 ? 32 : 28)
  if (version === 7) put(Number(action & 0xffffffffn), 28)
  else putLong(action, 32)
  put(made.device ?? 8 << 20, tail)
  put(made.cpu ?? 0, tail + 4)
  putShort(made.error ?? 0, tail + 8)
  putShort(made.behindBytes ?? behind.length, tail + 10)
  return Buffer.concat([head, behind])
}
