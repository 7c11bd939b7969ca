import type { Retention } from '../extract/retention.ts'
import { type Hold, slotOf } from '../ledger/hold.ts'
import { PAGE_SIZE } from '../units.ts'
import { checkPage } from './check-page.ts'
import type { EventBus } from './event-bus.ts'
import type { Folios } from './folios.ts'
import type { KernelObject, ObjectEntry, RingSlot } from './kernel-object.ts'
import { eventCode } from './lifetime-event.ts'
import type { Tokens } from './tokens.ts'

const ALLOC = eventCode('alloc')
const ATTACH = eventCode('attach')
const SUBMIT = eventCode('submit')
const COMPLETE = eventCode('complete')
const CLONE = eventCode('clone')
const SHARE = eventCode('share')
const DROP = eventCode('drop')
const OBJECT_FREE = eventCode('object_free')
const MERGE = eventCode('merge')
const SLOT = eventCode('slot')
const APPEND = eventCode('append')

/**
 * Kinds of objects that put each page of their list when they are freed.
 * @kernel net/core/skbuff.c: skb_release_data; net/core/skmsg.c: sk_msg_free; net/tls/tls_sw.c: tls_free_rec; fs/pipe.c:
 *   generic_pipe_buf_release; crypto/af_alg.c: af_alg_pull_tsgl
 */
const PUTS_PAGES: readonly string[] = [
  ...['skb', 'sk_buff', 'skb_shared_info', 'sk_msg', 'tls_rec'],
  ...['pipe', 'pipe_inode_info', 'pipe_buffer', 'af_alg_tsgl'],
]

/** Nobody told how many bytes were submitted: 0 is a number. */
const BYTES_UNKNOWN = -1

/** The objects that consumers and traces tell of, and what happens to them. From 1. */
export class Objects {
  private readonly all: KernelObject[] = []
  private readonly flying: KernelObject[] = []
  /** By ring and page. */
  private readonly slots = new Map<number, Map<number, RingSlot>>()
  private readonly bus: EventBus
  private readonly tokens: Tokens
  private readonly folios: Folios

  constructor(bus: EventBus, tokens: Tokens, folios: Folios) {
    this.bus = bus
    this.tokens = tokens
    this.folios = folios
  }

  /** The object of that number. @throws RangeError where a consumer names one that there is not. */
  of(id: number): KernelObject {
    const object = this.all[id - 1]
    if (object === undefined) throw new RangeError(`audit.objects: there is no object ${id}`)
    return object
  }

  /** Every object that was not freed and is in flight. */
  inFlight(): readonly KernelObject[] {
    return this.flying
  }

  /** @kernel mm/slub.c: kmalloc, and what allocates on top of it */
  alloc(kind: string, capacity = 0, putsPages = PUTS_PAGES.includes(kind)): number {
    if (typeof kind !== 'string' || kind === '') throw new RangeError('audit.objects.alloc: it does not say what it is')
    const id = this.all.length + 1
    const object: KernelObject = {
      id,
      kind,
      row: this.bus.row,
      capacity,
      entries: [],
      joined: [],
      filled: 0,
      putsPages,
      references: 1,
      unreferenced: 0,
      spare: 0,
      prepaid: 0,
      isInFlight: false,
      submittedRow: 0,
      isFreed: false,
      freedRow: 0,
      freedLine: 0,
      bytes: BYTES_UNKNOWN,
    }
    this.all.push(object)
    this.tell(ALLOC, id)
    return id
  }

  /**
   * An entry of `bytes` bytes from byte `offsetBytes` of `page` on is put into its list: pages of `hold`, whose owner it
   * is from now on, or bare ones.
   */
  attach(id: number, hold: Hold, page: number, offsetBytes: number, bytes: number): void {
    this.checkEntry(id, page, offsetBytes, bytes)
    const token = this.tokenOf(hold)
    const event = this.bus.next()
    event.object = id
    event.token = token
    event.page = page
    event.pages = Math.ceil((offsetBytes + bytes) / PAGE_SIZE)
    event.offsetBytes = offsetBytes
    event.bytes = bytes
    this.bus.tell(ATTACH)
    this.of(id).entries.push({ token, page, offsetBytes, bytes, row: this.bus.row })
    this.of(id).filled++
    this.tokens.cameInto(id, token, Math.ceil(((offsetBytes % PAGE_SIZE) + bytes) / PAGE_SIZE))
  }

  /**
   * The last entry is joined with one that `hold` is of, or that has bare pages: `bytes` bytes from byte `offsetBytes` of
   * `page` on; page -1: all of the hold. Pages of `hold` belong to the object from now on.
   */
  merge(id: number, hold: Hold, page = -1, offsetBytes = 0, bytes = 0): void {
    this.checkEntry(id, page, offsetBytes, bytes)
    const token = this.tokenOf(hold)
    const event = this.bus.next()
    event.object = id
    event.token = token
    event.page = page
    event.offsetBytes = offsetBytes
    event.bytes = bytes
    event.amount = this.of(id).entries.at(-1)?.token ?? 0
    this.bus.tell(MERGE)
    this.of(id).joined.push({ token, page, offsetBytes, bytes, row: this.bus.row })
    if (token !== 0) this.tokens.cameInto(id, token, this.tokens.pagesOf(token))
  }

  /**
   * Its entries, which had no references, have those of `hold` from now on, and it says so: whoever frees it drops them.
   * @kernel net/core/skbuff.c: __skb_zcopy_downgrade_managed
   */
  adopt(id: number, hold: Hold): void {
    const token = this.tokenOf(hold)
    const { entries } = this.of(id)
    for (let i = 0; i < entries.length; i++) if (entries[i].token === 0) entries[i] = { ...entries[i], token }
    if (token === 0) return
    this.tokens.owner[token] = id
    this.tokens.attached[token] = this.tokens.pagesOf(token)
  }

  /** `bytes` bytes of it are on their way. @kernel block/blk-core.c: submit_bio */
  submit(id: number, bytes = BYTES_UNKNOWN): void {
    if (Number.isNaN(bytes)) throw new RangeError('audit.objects.submit: NaN bytes')
    this.tell(SUBMIT, id, Math.max(bytes, 0))
    const object = this.of(id)
    if (!object.isInFlight) this.flying.push(object)
    object.isInFlight = true
    object.submittedRow = this.bus.row
    object.bytes = bytes
  }

  /** `result`: bytes or -errno. @kernel block/bio.c: bio_endio */
  complete(id: number, result: number): void {
    this.tell(COMPLETE, id, 0, result)
    this.of(id).filled = 0
    this.land(id)
  }

  /**
   * Its descriptor is copied with memcpy: what it refers to has one more who will drop it. A reference may have been taken
   * for the copy before. @kernel net/core/skbuff.c: skb_clone, pskb_carve
   */
  clone(id: number): void {
    this.tell(CLONE, id)
    const object = this.of(id)
    if (object.spare === 0) object.unreferenced++
    else {
      object.spare--
      object.prepaid++
    }
  }

  /** A reference on it is taken: for a descriptor that was copied, or that will be. @kernel lib/refcount.c: refcount_inc */
  share(id: number): void {
    this.tell(SHARE, id)
    const object = this.of(id)
    object.references++
    if (object.unreferenced > 0) object.unreferenced--
    else object.spare++
  }

  /** A reference on it is dropped; the last one frees it. @kernel lib/refcount.c: refcount_dec_and_test */
  drop(id: number): void {
    this.tell(DROP, id)
    const object = this.of(id)
    object.references--
    // One reference is that of whoever has it: nothing more waits for a copy.
    object.spare = Math.max(Math.min(object.spare, object.references - 1), 0)
    if (object.references === 0) this.free(id)
  }

  /** @kernel mm/slub.c: kfree */
  free(id: number): void {
    this.tell(OBJECT_FREE, id)
    const object = this.of(id)
    if (!object.isFreed) {
      object.isFreed = true
      object.freedRow = this.bus.row
      object.freedLine = this.bus.line
    }
    this.slots.delete(id)
    this.land(id)
    this.tokens.objectFreed(id)
  }

  /** A slot of a ring takes `page`; `isReset`: its flags are set anew. @kernel include/linux/pipe_fs_i.h: struct pipe_buffer */
  fillSlot(id: number, page: number, isReset: boolean): void {
    this.tellSlot(SLOT, id, page, isReset ? 1 : 0)
    const ring = this.slots.get(id) ?? new Map<number, RingSlot>()
    ring.set(page, { row: this.bus.row, isReset })
    this.slots.set(id, ring)
  }

  /** Bytes are appended to what a slot of a ring has. @kernel fs/pipe.c: pipe_write (PIPE_BUF_FLAG_CAN_MERGE) */
  appendToSlot(id: number, page: number): void {
    this.tellSlot(APPEND, id, page, 0)
  }

  /** The slot of a ring that took the page last. */
  slotWith(id: number, page: number): RingSlot | undefined {
    return this.slots.get(id)?.get(page)
  }

  /** Row that attached a page, on which nothing was taken for it, to an object that lives; -1: there is none. */
  bareIn(page: number): number {
    const names = ({ token, page: first, offsetBytes, bytes }: ObjectEntry) =>
      token === 0 && first >= 0 && first <= page && page < first + Math.ceil((offsetBytes + bytes) / PAGE_SIZE)
    const object = this.all.findLast(({ isFreed, entries }) => !isFreed && entries.some(names))
    return object?.entries.find(names)?.row ?? -1
  }

  /** Retention of an entry, RETAIN_NONE for a bare page. */
  retentionOf(entry: ObjectEntry): Retention {
    return entry.token === 0 ? 0 : this.tokens.retention(entry.token)
  }

  private checkEntry(id: number, page: number, offsetBytes: number, bytes: number): void {
    this.of(id)
    if (page !== -1) checkPage(this.folios.pages, page)
    if (offsetBytes >= 0 && bytes >= 0) return
    throw new RangeError(`audit.objects: ${bytes} bytes from byte ${offsetBytes} on`)
  }

  /** Its token, 0 for `HOLD_NONE`. @throws RangeError where nothing was ever taken as that hold. */
  private tokenOf(hold: Hold): number {
    const token = slotOf(hold)
    if (typeof hold !== 'number' || (token !== 0 && !(this.tokens.rowOf(token) > 0)))
      throw new RangeError(`audit.objects: there is no hold ${hold}`)
    return token
  }

  private land(id: number): void {
    const object = this.of(id)
    if (!object.isInFlight) return
    object.isInFlight = false
    this.flying.splice(this.flying.indexOf(object), 1)
  }

  private tellSlot(code: number, id: number, page: number, amount: number): void {
    this.of(id)
    const event = this.bus.next()
    event.object = id
    event.page = page
    event.pages = 1
    event.amount = amount
    this.bus.tell(code)
  }

  private tell(code: number, id: number, bytes = 0, result = 0): void {
    this.of(id)
    const event = this.bus.next()
    event.object = id
    event.bytes = bytes
    event.result = result
    this.bus.tell(code)
  }
}
