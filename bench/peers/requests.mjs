// The requests that a trace is made of: those of a CloudPhysics recording over and over, or seeded ones of the same sizes.
import { readFileSync } from 'node:fs'
import { seeded } from './seeded.mjs'

const RECORD_BYTES = 32
const SECTOR_BYTES = 512
const SCSI_READ_10 = 0x28

/** Columns of requests: the trace goes through them over and over. */
export function requestsFrom(file) {
  const bytes = readFileSync(file)
  const count = Math.floor(bytes.length / RECORD_BYTES)
  const requests = emptyRequests(count)
  for (let i = 0; i < count; i++) {
    const at = i * RECORD_BYTES
    if (bytes.readUInt16LE(at + 14) >> 8 !== 1) throw new Error(`${file}: record ${i} is no vscsi record of version 1`)
    requests.lengthBytes[i] = bytes.readUInt32LE(at + 4)
    requests.isWrite[i] = bytes.readUInt16LE(at + 12) === SCSI_READ_10 ? 0 : 1
    requests.offsetBytes[i] = Number(bytes.readBigUInt64LE(at + 16)) * SECTOR_BYTES
  }
  return requests
}

/** As many requests as the recording has, with its lengths as often as it has them; places and order are made up. */
export function madeUpRequests(seed) {
  const figures = JSON.parse(readFileSync(new URL('request-lengths.json', import.meta.url), 'utf8'))
  const random = seeded(seed)
  const requests = emptyRequests(figures.requests)
  let at = 0
  for (const [lengthBytes, count] of figures.lengthBytesAndCount) {
    requests.lengthBytes.fill(lengthBytes, at, at + count)
    at += count
  }
  shuffle(requests.lengthBytes, random)
  const sectors = figures.offsetEndBytes / SECTOR_BYTES
  let nextBytes = 0
  for (let i = 0; i < figures.requests; i++) {
    const isSequential = random() < figures.sequential / figures.requests
    const offsetBytes = isSequential ? nextBytes : Math.floor(random() * sectors) * SECTOR_BYTES
    requests.offsetBytes[i] = offsetBytes
    requests.isWrite[i] = random() < figures.reads / figures.requests ? 0 : 1
    nextBytes = offsetBytes + requests.lengthBytes[i]
  }
  return requests
}

function emptyRequests(count) {
  return {
    count,
    offsetBytes: new Float64Array(count),
    lengthBytes: new Uint32Array(count),
    isWrite: new Uint8Array(count),
  }
}

function shuffle(values, random) {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const value = values[i]
    values[i] = values[j]
    values[j] = value
  }
}
