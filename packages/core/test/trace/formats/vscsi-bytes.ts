/** What a record of a vscsi file is made of. */
export interface VscsiRecord {
  readonly cmd: number
  readonly lengthBytes: number
  readonly elements: number
  readonly lbn: number
  readonly tsUs: number
  /** Of version 2. */
  readonly rtUs?: number
}

/** A vscsi file: version 1 has `<IIIHHQQ` a record, version 2 `<HHIIIQQQ` (libCacheSim vscsi.h: trace_v1_record_t, trace_v2_record_t). */
export function vscsiBytes(version: 1 | 2, records: readonly VscsiRecord[], ver = version << 8): Buffer {
  return Buffer.concat(records.map((record, index) => (version === 1 ? first : second)(record, index, ver)))
}

function first({ cmd, lengthBytes, elements, lbn, tsUs }: VscsiRecord, index: number, ver: number): Buffer {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32LE(index, 0)
  bytes.writeUInt32LE(lengthBytes, 4)
  bytes.writeUInt32LE(elements, 8)
  bytes.writeUInt16LE(cmd, 12)
  bytes.writeUInt16LE(ver, 14)
  bytes.writeBigUInt64LE(BigInt(lbn), 16)
  bytes.writeBigUInt64LE(BigInt(tsUs), 24)
  return bytes
}

function second({ cmd, lengthBytes, elements, lbn, tsUs, rtUs }: VscsiRecord, index: number, ver: number): Buffer {
  const bytes = Buffer.alloc(40)
  bytes.writeUInt16LE(cmd, 0)
  bytes.writeUInt16LE(ver, 2)
  bytes.writeUInt32LE(index, 4)
  bytes.writeUInt32LE(lengthBytes, 8)
  bytes.writeUInt32LE(elements, 12)
  bytes.writeBigUInt64LE(BigInt(lbn), 16)
  bytes.writeBigUInt64LE(BigInt(tsUs), 24)
  bytes.writeBigUInt64LE(BigInt(rtUs ?? 0), 32)
  return bytes
}
