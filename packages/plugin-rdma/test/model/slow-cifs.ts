import {
  EAGAIN,
  EFAULT,
  EINVAL,
  EIO,
  type Entry,
  type Hold,
  Iter,
  isUser,
  type Operation,
  PAGE,
  type Piece,
  type Row,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { deviceOf, type SlowDevice } from './slow-device.ts'
import { SlowEncryption } from './slow-encryption.ts'
import { SlowMrs } from './slow-mrs.ts'
import { SlowPackets } from './slow-packets.ts'
import { payloadOf } from './slow-payload.ts'

const EMSGSIZE = -90
const ECONNABORTED = -103
const BVEC_BYTES = 16
const FRMR_DEPTH = 2048
const READ_WRITE_MAX = 8 << 20
const IO_SIZE = 4 << 20
/** SMB2_READWRITE_PDU_HEADER_SIZE and sizeof(struct smb2_transform_hdr). */
const HEADERS = 112 + 52
const TRANSFORM_HEADER = 52
const DESCRIPTOR = 16
const SGES_NEEDED = 6

/** A request is registered by this consumer whatever it is: smbd-mr, iter-to-mr. */
export interface CifsKind {
  readonly registersAll: boolean
  readonly hasScatterlists: boolean
}

/** What client and server agreed on. */
export interface Agreed {
  readonly device: SlowDevice
  readonly wsize: number
  readonly rsize: number
  readonly depth: number
  readonly threshold: number
  readonly payload: number
  readonly maxFragmented: number
  readonly credits: number
  readonly isSigned: boolean
  readonly isEncrypted: boolean
  readonly smbHeader: number
  readonly isTransportOnly: boolean
}

export function agreed(world: World, { registersAll }: CifsKind): Agreed {
  const { options, version } = world.setup
  const device = deviceOf(options)
  const option = (name: string, fallback: number) => options[name] ?? fallback
  const isSigned = option('rdma-offload', 0) === 0 && !registersAll
  const depth = Math.floor(Math.min(READ_WRITE_MAX, Math.min(FRMR_DEPTH, device.maxFastReg) * PAGE) / PAGE)
  const maxFragmented = option('max-fragmented-size', 1 << 20)
  const size = (asked: number, fragmented: number, isWhole: boolean) => {
    const bytes = Math.min(asked || IO_SIZE, isSigned ? fragmented - HEADERS : depth * PAGE)
    return isWhole ? Math.max(Math.floor(bytes / PAGE), 1) * PAGE : bytes
  }
  return {
    device,
    wsize: size(option('wsize', 0), maxFragmented, since(version, '6.12')),
    rsize: size(option('rsize', 0), option('max-fragmented-recv-size', 173_910), since(version, '6.18')),
    depth,
    threshold: registersAll ? 0 : Math.min(option('threshold', 4096), maxFragmented),
    payload: option('max-send-size', 1364) - 24,
    maxFragmented,
    credits: option('credits', 255),
    isSigned,
    isEncrypted: option('encrypted', 0) === 1 && !registersAll && option('transport-only', 0) === 0,
    smbHeader: option('smb-header', 112),
    isTransportOnly: option('transport-only', 0) === 1,
  }
}

export type CifsCounts = ReturnType<typeof newCounts>

function newCounts() {
  return {
    requests: 0,
    packets: 0,
    headerPackets: 0,
    sges: 0,
    sgEntries: 0,
    bvecs: 0,
    mrs: 0,
    mrPages: 0,
    wireBytes: 0,
    creditStalls: 0,
    cryptFolios: 0,
    refused: 0,
    mapFailures: 0,
    dirtiedPages: 0,
    mrWaits: 0,
    localInvalidations: 0,
    mrErrors: 0,
  }
}

interface Outstanding {
  readonly holds: readonly Hold[]
  readonly hasArray: boolean
  readonly bvecs: number
  readonly isRead: boolean
}

/**
 * fs/netfs/direct_read.c, direct_write.c; fs/smb/client/smb2pdu.c: smb2_async_writev(), smb2_async_readv(); below them
 * packets or memory registrations. consumers.md 3.1 to 3.3, 9, 13.
 */
export class SlowCifs implements Twin {
  private readonly world: World
  private readonly counts = newCounts()
  private readonly mount: Agreed
  private readonly packets: SlowPackets
  private readonly mrs: SlowMrs
  private readonly encryption: SlowEncryption
  private readonly outstanding = new Map<number, Outstanding>()

  constructor(world: World, kind: CifsKind) {
    this.world = world
    this.mount = agreed(world, kind)
    this.encryption = new SlowEncryption(world, this.counts)
    this.packets = new SlowPackets(world, this.mount, this.counts)
    this.mrs = new SlowMrs(world, this.mount, this.counts, kind.hasScatterlists)
  }

  counters() {
    return this.counts
  }

  submit(op: Operation): number {
    const { world, mount, counts } = this
    const { iter } = op
    if (iter.count === 0) return 0
    if (mount.device.maxSendSge < SGES_NEEDED) return EAGAIN
    if (mount.isTransportOnly) return this.transferBare(op)
    if (iter.type === 'discard') {
      counts.refused++
      return EIO
    }
    let whole = iter
    let hasArray = false
    const holds: Hold[] = []
    let bvecs = 0
    if (isUser(iter.type)) {
      // netfs_extract_user_iter
      world.allocate()
      const got = payloadOf(world, iter, iter.count)
      if (typeof got === 'number') {
        world.free()
        return got
      }
      hasArray = true
      holds.push(...got.holds)
      bvecs = got.entries.length
      counts.bvecs += bvecs
      world.built(bvecs, BVEC_BYTES)
      whole = Iter.ofEntries(world, iter.isDest, got.entries)
    }
    const result = this.requests(op, whole)
    const outstanding = { holds, hasArray, bvecs, isRead: iter.isDest }
    if (result < 0) this.release(op.number, outstanding)
    else this.outstanding.set(op.number, outstanding)
    return result
  }

  /** Without cifs above: the iterator as it is. */
  private transferBare(op: Operation): number {
    const { mount, counts, packets, world } = this
    const { iter, row } = op
    const bytes = iter.count
    const result = row.result === undefined || row.result < 0 ? bytes : Math.min(row.result, bytes)
    const nothing = { holds: [], hasArray: false, bvecs: 0, isRead: false }
    if (!mount.isSigned && bytes >= mount.threshold) {
      const got = this.mrs.register(op.number, iter)
      if (got < 0) return got
      world.reachedInPlace(got)
      this.outstanding.set(op.number, nothing)
      return result
    }
    if (iter.isDest) {
      // Nothing came.
      if ((row.result ?? bytes) <= 0) return 0
      return iter.copy(result) < result ? EFAULT : result
    }
    if (bytes > mount.maxFragmented) {
      counts.refused++
      world.entries.limitHits++
      // The transport alone is a module of its own in mainline.
      return world.setup.version === 'mainline' ? EMSGSIZE : EINVAL
    }
    if (iter.type === 'xarray' || isUser(iter.type)) {
      packets.fail()
      packets.end()
      counts.refused++
      return EIO
    }
    packets.send(partsOf(iter), false)
    packets.end()
    this.avoid(iter.left(), true)
    world.reachedInPlace(bytes)
    return result
  }

  complete({ number }: Operation): void {
    const outstanding = this.outstanding.get(number)
    if (outstanding === undefined) return
    this.outstanding.delete(number)
    this.release(number, outstanding)
  }

  close(): void {
    this.mrs.close()
  }

  private release(number: number, { holds, hasArray, isRead, bvecs }: Outstanding): void {
    // However the read ended.
    if (isRead) this.counts.dirtiedPages += bvecs
    this.mrs.undoAll(number)
    for (const hold of holds) this.world.drop(hold)
    if (hasArray) this.world.free()
  }

  /** One request after the other; one that fails ends the operation. */
  private requests(op: Operation, iter: Iter): number {
    const { isDest, end } = iter
    let done = 0
    while (iter.position < end) {
      iter.end = end
      const start = iter.position
      const bytes = this.limit(iter, isDest ? this.mount.rsize : this.mount.wsize)
      if (bytes === 0) return isDest ? EIO : done
      iter.end = start + bytes
      // A write waits for each answer.
      if (!isDest && since(this.world.setup.version, '6.18')) this.mrs.undoAll(op.number)
      const got = this.request(op, iter, done)
      if (got < 0) return this.failed(op, done, got)
      done += got
      iter.position = start + bytes
    }
    return isDest ? done : taken(op.row, done)
  }

  /** netfs_write_collection_worker of 6.12 never sets wreq->error. */
  private failed({ row, iter }: Operation, done: number, error: number): number {
    if (iter.isDest) return error
    if (done > 0) return taken(row, done)
    // After -EAGAIN it would try again.
    return this.world.setup.version === '6.12' && error !== EAGAIN ? 0 : error
  }

  /** netfs_limit_iter: so many bytes and segments. Of a file every page has the offset of the first. */
  private limit(iter: Iter, bytesMax: number): number {
    const max = Math.min(bytesMax, iter.count)
    // netfs_advance_write of 6.12 looks at bytes alone.
    if (!iter.isDest && !since(this.world.setup.version, '6.18')) return max
    const segmentsMax = this.mount.depth
    if (iter.type === 'xarray') {
      const { keys, offset } = iter.cachedFrom()
      return Math.min(max, Math.min(keys.length, segmentsMax) * (PAGE - offset))
    }
    const lengths = partsOf(iter).map(({ length }) => length)
    // A kvec counts as a whole.
    if (iter.type === 'kvec') return Math.min(max, sum(segmentLengths(iter).slice(0, segmentsMax)))
    return Math.min(max, sum(lengths.slice(0, segmentsMax)))
  }

  /** Bytes of the request that the server took or gave, or an errno with nothing of it left. */
  private request(op: Operation, iter: Iter, before: number): number {
    const { mount, world, counts } = this
    const { isDest, count } = iter
    counts.requests++
    if (!mount.isSigned && !mount.isEncrypted && count >= mount.threshold) {
      const bytes = this.mrs.register(op.number, iter)
      if (bytes < 0) return bytes
      const error = this.sendHeaders(isDest, DESCRIPTOR)
      if (error < 0) {
        this.mrs.undoLast(op.number)
        return error
      }
      world.reachedInPlace(bytes)
      return isDest ? this.answered(op, before, count) : count
    }
    return isDest ? this.read(op, iter, before) : this.write(iter)
  }

  private sendHeaders(isRead: boolean, more: number): number {
    const { mount } = this
    if (mount.isEncrypted) this.encryption.encryptHeaders()
    if (mount.smbHeader === 0) return 0
    if (mount.isEncrypted) this.packets.send(headerParts(TRANSFORM_HEADER), true)
    this.packets.send(headerParts(mount.smbHeader + (isRead && more === 0 ? 1 : 0) + more), true)
    this.packets.end()
    return 0
  }

  private write(iter: Iter): number {
    const { mount, packets, counts, world } = this
    const bytes = iter.count
    if (mount.isEncrypted) return this.writeEncrypted(iter)
    if (mount.smbHeader + bytes > mount.maxFragmented) {
      counts.refused++
      world.entries.limitHits++
      return ECONNABORTED
    }
    if (mount.smbHeader > 0) packets.send(headerParts(mount.smbHeader), true)
    if (iter.type === 'xarray') {
      packets.fail()
      packets.end()
      counts.refused++
      return ECONNABORTED
    }
    packets.send(partsOf(iter), false)
    packets.end()
    this.avoid(iter.left(), true)
    world.reachedInPlace(bytes)
    return bytes
  }

  /** A copy of the data is sent. */
  private writeEncrypted(iter: Iter): number {
    const { mount, packets } = this
    const bytes = iter.count
    const pages = iter.left()
    const folios = this.encryption.encrypt(iter)
    if (typeof folios === 'number') return folios
    if (mount.smbHeader > 0) {
      packets.send(headerParts(TRANSFORM_HEADER), true)
      packets.send(headerParts(mount.smbHeader), true)
    }
    packets.send(folios, false)
    packets.end()
    this.encryption.free(folios.length)
    this.avoid(pages, false)
    return bytes
  }

  /** 13.2: a pointer for each page, and a scatterlist entry for each packet, none of which went over the end of a page. */
  private avoid(pages: readonly Piece[], areReached: boolean): void {
    const { world, mount } = this
    const isKernelMemory = pages.every(({ page }) => page === undefined)
    world.avoided.entries += pages.length + sum(pages.map(({ length }) => Math.ceil(length / mount.payload)))
    if (!isKernelMemory) return
    world.avoided.allocations++
    if (areReached) world.bare += pages.length
  }

  /** The answer comes into buffers of the transport's and is copied. */
  private read(op: Operation, iter: Iter, before: number): number {
    this.sendHeaders(true, 0)
    const bytes = this.answered(op, before, iter.count)
    // The answer is an error.
    if ((op.row.result ?? 0) < 0 || bytes === 0) return bytes
    if (this.mount.isEncrypted) return this.encryption.decrypt(iter, bytes) ? bytes : EIO
    return iter.copy(bytes) < bytes ? EFAULT : bytes
  }

  private answered({ row }: Operation, before: number, room: number): number {
    return row.result === undefined || row.result < 0 ? room : Math.max(0, Math.min(room, row.result - before))
  }
}

/** What is one entry for the device: a bvec, a page of a kvec, a folio. */
export function partsOf(iter: Iter): { readonly entry: Entry | null; readonly length: number }[] {
  const parts: { entry: Entry; length: number; segment: number }[] = []
  for (const piece of iter.left()) {
    const last = parts.at(-1)
    if (iter.type === 'bvec' && last !== undefined && last.segment === piece.segment) last.length += piece.length
    else parts.push({ entry: iter.toEntry(piece), length: piece.length, segment: piece.segment })
  }
  return parts
}

/** A short write: the server took no more. */
function taken({ result }: Row, sent: number): number {
  return result === undefined || result < 0 ? sent : Math.min(sent, result)
}

function headerParts(bytes: number) {
  return [{ entry: null, length: bytes }]
}

function segmentLengths(iter: Iter): number[] {
  const lengths = new Map<number, number>()
  for (const { segment, length } of iter.left()) lengths.set(segment, (lengths.get(segment) ?? 0) + length)
  return [...lengths.values()]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
