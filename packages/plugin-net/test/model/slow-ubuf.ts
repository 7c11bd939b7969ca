import { since, type Version, type World } from '../../../core/test/consumer-twin/slow-common.ts'

const BYTES_MAX = 1 << 19
const CALLS_MAX = 0xfffe
/** SKB_TRUESIZE(0) */
const TRUESIZE_ASKED = 576

/** struct sock: what it keeps between calls. */
export class SlowSocket<Skb> {
  /** The skb that is not sent yet. */
  tail: Skb | null = null
  /** sk_zckey */
  nextId = 0
  /** sk_omem_alloc */
  omem = 0
  /** sk_error_queue: the last number that each notification is about. */
  readonly errorQueue: { hi: number }[] = []
}

/** struct ubuf_info_msgzc, or struct io_notif_data. */
export interface Ubuf {
  readonly isNotif: boolean
  readonly socket: SlowSocket<unknown>
  id: number
  calls: number
  bytes: number
  refs: number
  isZerocopy: boolean
  isUsed: boolean
  lockedPages: number
  /** io_uring: those that end together; the first of them has them all. */
  head: Ubuf
  readonly linked: Ubuf[]
}

export interface UbufCounts {
  ubufs: number
  ubufsJoined: number
  ubufsAborted: number
  notifications: number
  notificationsJoined: number
  notificationsCopied: number
  accountedPages: number
  accountedPagesPeak: number
}

/** net/core/skbuff.c: msg_zerocopy_alloc and what follows; io_uring/notif.c */
export class SlowUbufs {
  private readonly world: World
  private readonly counts: UbufCounts
  private lockedPages = 0

  constructor(world: World, counts: UbufCounts) {
    this.world = world
    this.counts = counts
  }

  /** msg_zerocopy_alloc */
  alloc(socket: SlowSocket<unknown>, bytes: number): Ubuf | null {
    const { version, options } = this.world.setup
    const optmem = options['optmem-max'] || (version === '6.1' ? 20_480 : 131_072)
    if (socket.omem + TRUESIZE_ASKED > optmem) {
      this.world.entries.limitHits++
      return null
    }
    this.world.allocate()
    socket.omem += truesize(version)
    const ubuf = this.make(false, socket)
    if (!this.account(ubuf, bytes)) {
      this.freeSkb(socket)
      return null
    }
    ubuf.id = socket.nextId++
    ubuf.bytes = bytes
    return ubuf
  }

  /** msg_zerocopy_realloc */
  realloc(socket: SlowSocket<unknown>, bytes: number, ubuf: Ubuf | null, isStream: boolean): Ubuf | null {
    if (ubuf === null) return this.alloc(socket, bytes)
    if (ubuf.isNotif) return null
    if (ubuf.calls === CALLS_MAX || ubuf.bytes + bytes > BYTES_MAX) {
      this.world.entries.limitHits++
      return isStream ? this.alloc(socket, bytes) : null
    }
    if (ubuf.id + ubuf.calls !== socket.nextId) return this.alloc(socket, bytes)
    if (!this.account(ubuf, bytes)) return null
    ubuf.calls++
    ubuf.bytes += bytes
    socket.nextId++
    if (isStream) ubuf.refs++
    this.counts.ubufsJoined++
    return ubuf
  }

  /** io_alloc_notif, io_notif_account_mem; null: -ENOMEM */
  allocNotif(socket: SlowSocket<unknown>, userBytes: number): Ubuf | null {
    this.world.allocate()
    const notif = this.make(true, socket)
    if (userBytes === 0 || this.account(notif, userBytes)) return notif
    // The request fails, and its notification comes all the same (io_send_zc_cleanup).
    this.put(notif, true, false)
    return null
  }

  /** io_link_skb: a second request's data comes into an skb. */
  link(ubuf: Ubuf, before: Ubuf): boolean {
    if (ubuf === before) return true
    if (ubuf.head !== ubuf || ubuf.linked.length > 0 || !before.isNotif) return false
    ubuf.head = before.head
    ubuf.head.linked.push(ubuf)
    ubuf.head.refs++
    return true
  }

  /** msg_zerocopy_complete, io_tx_ubuf_complete */
  put(ubuf: Ubuf, isSuccess: boolean, bySkb: boolean): void {
    if (!isSuccess) ubuf.isZerocopy = false
    else if (bySkb) ubuf.isUsed = true
    ubuf.refs--
    if (ubuf.refs > 0) return
    if (!ubuf.isNotif) this.complete(ubuf)
    else if (ubuf.head !== ubuf) this.put(ubuf.head, isSuccess, bySkb)
    else for (const one of [ubuf, ...ubuf.linked]) this.completeNotif(one)
  }

  /** net_zcopy_put_abort. A request of io_uring is notified all the same. */
  abort(ubuf: Ubuf, hasReference: boolean): void {
    if (!ubuf.isNotif) {
      this.counts.ubufsAborted++
      ubuf.socket.nextId--
      ubuf.calls--
    }
    if (hasReference) this.put(ubuf, true, false)
  }

  /** Somebody reads the error queue. */
  reap(socket: SlowSocket<unknown>): void {
    if (socket.errorQueue.shift() !== undefined) this.freeSkb(socket)
  }

  private complete(ubuf: Ubuf): void {
    const { counts } = this
    const { socket, calls, id } = ubuf
    this.lockedPages -= ubuf.lockedPages
    if (calls === 0) {
      this.freeSkb(socket)
      return
    }
    counts.notifications++
    if (!ubuf.isZerocopy) counts.notificationsCopied++
    const last = socket.errorQueue.at(-1)
    if (last?.hi === id - 1) {
      last.hi += calls
      counts.notificationsJoined++
      this.freeSkb(socket)
    } else socket.errorQueue.push({ hi: id + calls - 1 })
  }

  private completeNotif(notif: Ubuf): void {
    this.lockedPages -= notif.lockedPages
    this.counts.notifications++
    if (!notif.isZerocopy || !notif.isUsed) this.counts.notificationsCopied++
    this.world.free()
  }

  private freeSkb(socket: SlowSocket<unknown>): void {
    socket.omem -= truesize(this.world.setup.version)
    this.world.free()
  }

  /** mm_account_pinned_pages, __io_account_mem */
  private account(ubuf: Ubuf, bytes: number): boolean {
    const max = Math.floor((this.world.setup.options.memlock ?? 0) / 4096)
    if (max === 0) return true
    const pages = Math.floor(bytes / 4096) + 2
    if (this.lockedPages + pages > max) {
      this.world.entries.limitHits++
      return false
    }
    this.lockedPages += pages
    ubuf.lockedPages += pages
    this.counts.accountedPages += pages
    this.counts.accountedPagesPeak = Math.max(this.counts.accountedPagesPeak, this.lockedPages)
    return true
  }

  private make(isNotif: boolean, socket: SlowSocket<unknown>): Ubuf {
    this.counts.ubufs++
    const linked: Ubuf[] = []
    const ubuf = {
      isNotif,
      socket,
      id: 0,
      calls: 1,
      bytes: 0,
      refs: 1,
      isZerocopy: true,
      isUsed: false,
      lockedPages: 0,
    }
    const made = { ...ubuf, linked } as unknown as Ubuf
    made.head = made
    return made
  }
}

/** What the skb that a notification lives in charges to its socket. */
function truesize(version: Version): number {
  return since(version, '6.12') ? 256 + 640 : 256 + 512
}
