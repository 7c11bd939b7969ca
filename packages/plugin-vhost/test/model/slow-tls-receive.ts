import {
  EFAULT,
  extract,
  type Hold,
  type Iter,
  type Operation,
  PAGE,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'

const RECORD_MAX = 16_384
const EBADMSG = -74

/** What a socket keeps between reads. */
export interface ReceivingSocket {
  /** Bytes left of records that were received in part. */
  kept: number[]
  error: number
}

/** net/tls/tls_sw.c: tls_sw_recvmsg(). consumers.md 6.2. */
export class SlowTlsReceive {
  private readonly world: World
  /** With an asynchronous cipher: what is held until the call ends, and bytes that are copied then. */
  private holds: Hold[] = []
  private toCopy = 0

  constructor(world: World) {
    this.world = world
  }

  receive({ iter, row }: Operation, socket: ReceivingSocket): number {
    const length = iter.count
    const { result = length } = row
    if (result <= 0) return result
    // A read that is shorter than asked for tells where a record ended.
    const coming = result < length ? result : Number.POSITIVE_INFINITY
    let copied = 0
    while (copied < Math.min(length, coming) && socket.kept.length > 0) {
      const bytes = this.copyKept(iter, socket, Math.min(length, coming) - copied)
      if (bytes < 0) {
        if (coming < length) socket.kept = []
        return copied > 0 ? copied : bytes
      }
      copied += bytes
    }
    // What was taken for more of a record than there was.
    if (copied === coming) socket.kept = []
    this.holds = []
    this.toCopy = 0
    const { bytes, error } = this.records(iter, socket, length - copied, coming - copied)
    const late = this.finish(iter, socket)
    const done = copied + bytes + Math.max(late, 0)
    return done > 0 ? done : Math.min(error, late)
  }

  /** Records until the read is full: bytes that are there, those not counted that are still to be copied. */
  private records(iter: Iter, socket: ReceivingSocket, wanted: number, coming: number) {
    const { world } = this
    const { options } = world.setup
    let done = 0
    while (done + this.toCopy < wanted) {
      const left = wanted - done - this.toCopy
      const payload = this.nextPayload(coming - done - this.toCopy)
      if (payload === 0) break
      const content = payload - this.padding
      const canPlace = iter.type !== 'kvec' && (!this.isVersion13 || options['expect-no-pad'] !== 0)
      if (canPlace && payload <= left && this.isDevice) {
        // The device has opened it: the CPU copies.
        if (!copyOut(iter, payload)) {
          socket.error = EBADMSG
          return { bytes: done, error: EFAULT }
        }
        done += payload
        continue
      }
      if (canPlace && payload <= left) {
        if (!this.place(iter, payload)) {
          socket.error = EBADMSG
          return { bytes: done, error: EFAULT }
        }
        if (this.padding === 0) {
          done += payload
          world.data.zeroCopyBytes += payload
          continue
        }
        // Opened in vain: the last byte is padding.
        if (!(world.setup.quirks['tls-retry-no-revert'] ?? world.setup.version === '6.1')) iter.position -= payload
      }
      if (!this.isDevice) world.built(1 + fragsOf(payload + (this.isVersion13 ? 22 : 29)))
      const bytes = Math.min(content, left)
      if (this.isAsync) {
        this.toCopy += bytes
        socket.kept.push(content)
        continue
      }
      if (!copyOut(iter, bytes)) {
        socket.kept.push(content)
        return { bytes: done, error: EFAULT }
      }
      done += bytes
      if (bytes < content) socket.kept.push(content - bytes)
    }
    return { bytes: done, error: 0 }
  }

  /** The asynchronous requests have ended: pages are put, and what was opened into buffers is copied: bytes, or -EFAULT. */
  private finish(iter: Iter, socket: ReceivingSocket): number {
    for (const hold of this.holds) this.world.drop(hold)
    let copied = 0
    while (copied < this.toCopy) {
      const bytes = this.copyKept(iter, socket, this.toCopy - copied)
      if (bytes < 0) return copied > 0 ? copied : bytes
      copied += bytes
    }
    return copied
  }

  /** process_rx_list, one record: bytes, or -EFAULT. */
  private copyKept(iter: Iter, socket: ReceivingSocket, bytesMax: number): number {
    const bytes = Math.min(socket.kept[0]!, bytesMax)
    if (!copyOut(iter, bytes)) return EFAULT
    socket.kept[0]! -= bytes
    if (socket.kept[0] === 0) socket.kept.shift()
    return bytes
  }

  /** tls_setup_from_iter: the reader's pages, put as soon as the record is opened. */
  private place(iter: Iter, payload: number): boolean {
    const { world } = this
    const pagesMax = iter.npages(payload)
    const start = iter.position
    const holds: Hold[] = []
    let entries = 0
    let isDone = true
    while (isDone && iter.position - start < payload) {
      if (entries === pagesMax) world.entries.limitHits++
      const left = payload - (iter.position - start)
      const got = entries === pagesMax ? EFAULT : extract(world, iter, pagesMax - entries, left)
      if (typeof got === 'number') isDone = false
      else {
        entries += got.entries.length
        if (got.hold !== null) holds.push(got.hold)
      }
    }
    if (isDone && this.isAsync) this.holds.push(...holds)
    else for (const hold of holds) world.drop(hold)
    if (isDone) world.built(1 + entries + (this.isVersion13 ? 1 : 0))
    else iter.position = start
    return isDone
  }

  /** Payload of the next record with its padding; 0 when none comes. */
  private nextPayload(coming: number): number {
    if (coming <= 0) return 0
    return Math.min(this.world.setup.options['record-size'] ?? RECORD_MAX, coming + this.padding)
  }

  private get isVersion13(): boolean {
    return this.world.setup.options.version === 13
  }

  private get isDevice(): boolean {
    return this.world.setup.options.device === 1 && !this.isVersion13
  }

  /** The cipher of TLS 1.3 is always waited for. */
  private get isAsync(): boolean {
    return this.world.setup.options.async === 1 && !this.isVersion13
  }

  private get padding(): number {
    return this.isVersion13 && this.world.setup.options.padded === 1 ? 1 : 0
  }
}

/** skb_copy_datagram_iter: all, or the iterator goes back; one that ends before is no error. */
function copyOut(iter: Iter, bytes: number): boolean {
  const start = iter.position
  if (iter.copy(bytes) === bytes || iter.count === 0) return true
  iter.position = start
  return false
}

/** alloc_skb_with_frags, order 3 at most: pages in powers of two, the largest first. */
function fragsOf(bytes: number): number {
  let pages = Math.ceil(bytes / PAGE)
  let frags = 0
  for (let order = 3; order >= 0; order--) {
    for (; pages >= 2 ** order; pages -= 2 ** order) frags++
  }
  return frags
}
