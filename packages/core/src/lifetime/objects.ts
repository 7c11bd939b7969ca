import type { Retention } from '../extract/retention.ts'
import { type Hold, slotOf } from '../ledger/hold.ts'
import { PAGE_SIZE } from '../units.ts'
import type { EventBus } from './event-bus.ts'
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

/** An entry of an object's list. */
export interface ObjectEntry {
  /** Row of the hold table; 0: a bare page. */
  readonly token: number
  /** Page row, -1 where none is known, and bytes from `offsetBytes` of it on. */
  readonly page: number
  readonly offsetBytes: number
  readonly bytes: number
}

/** A kernel object that references belong to: a bio, an skb, a request, a table of pages, a notifier. */
export interface KernelObject {
  readonly id: number
  /** What it is: `bio`, `skb`, `ubuf_info`. */
  readonly kind: string
  /** Row that allocated it. */
  readonly row: number
  /** Entries that fit into its list; 0: it has none, or it grows. */
  readonly capacity: number
  readonly entries: ObjectEntry[]
  references: number
  /** Descriptors that name it and took no reference. */
  unreferenced: number
  isInFlight: boolean
  isFreed: boolean
  /** Bytes submitted. */
  bytes: number
}

/** The objects that consumers and traces tell of, and what happens to them. From 1. */
export class Objects {
  private readonly all: KernelObject[] = []
  private readonly flying: KernelObject[] = []
  private readonly bus: EventBus
  private readonly tokens: Tokens

  constructor(bus: EventBus, tokens: Tokens) {
    this.bus = bus
    this.tokens = tokens
  }

  /** The object of that number. */
  of(id: number): KernelObject {
    return this.all[id - 1]
  }

  /** Every object that was not freed and is in flight. */
  inFlight(): readonly KernelObject[] {
    return this.flying
  }

  /** @kernel mm/slub.c: kmalloc, and what allocates on top of it */
  alloc(kind: string, capacity = 0): number {
    const id = this.all.length + 1
    const object: KernelObject = {
      id,
      kind,
      row: this.bus.row,
      capacity,
      entries: [],
      references: 1,
      unreferenced: 0,
      isInFlight: false,
      isFreed: false,
      bytes: 0,
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
    const token = slotOf(hold)
    const event = this.bus.next()
    event.object = id
    event.token = token
    event.page = page
    event.pages = Math.ceil((offsetBytes + bytes) / PAGE_SIZE)
    event.offsetBytes = offsetBytes
    event.bytes = bytes
    this.bus.tell(ATTACH)
    this.of(id).entries.push({ token, page, offsetBytes, bytes })
    this.tokens.cameInto(id, token, Math.ceil(((offsetBytes % PAGE_SIZE) + bytes) / PAGE_SIZE))
  }

  /** The last entry and the one that `hold` is of are joined into one: pages of `hold` belong to the object from now on. */
  merge(id: number, hold: Hold): void {
    const token = slotOf(hold)
    const event = this.bus.next()
    event.object = id
    event.token = token
    event.amount = this.of(id).entries.at(-1)?.token ?? 0
    this.bus.tell(MERGE)
    if (token !== 0) this.tokens.cameInto(id, token, this.tokens.pagesOf(token))
  }

  /**
   * Its entries, which had no references, have those of `hold` from now on, and it says so: whoever frees it drops them.
   * @kernel net/core/skbuff.c: __skb_zcopy_downgrade_managed
   */
  adopt(id: number, hold: Hold): void {
    const token = slotOf(hold)
    const { entries } = this.of(id)
    for (let i = 0; i < entries.length; i++) if (entries[i].token === 0) entries[i] = { ...entries[i], token }
    if (token === 0) return
    this.tokens.owner[token] = id
    this.tokens.attached[token] = this.tokens.pagesOf(token)
  }

  /** `bytes` bytes of it are on their way. @kernel block/blk-core.c: submit_bio */
  submit(id: number, bytes = 0): void {
    this.tell(SUBMIT, id, bytes)
    const object = this.of(id)
    if (!object.isInFlight) this.flying.push(object)
    object.isInFlight = true
    object.bytes = bytes
  }

  /** `result`: bytes or -errno. @kernel block/bio.c: bio_endio */
  complete(id: number, result: number): void {
    this.tell(COMPLETE, id, 0, result)
    this.land(id)
  }

  /** Its descriptor is copied with memcpy: what it refers to has one more who will drop it. @kernel net/core/skbuff.c: skb_clone, pskb_carve */
  clone(id: number): void {
    this.tell(CLONE, id)
    this.of(id).unreferenced++
  }

  /** A reference on it is taken: for a descriptor that was copied, where there is one. @kernel lib/refcount.c: refcount_inc */
  share(id: number): void {
    this.tell(SHARE, id)
    const object = this.of(id)
    object.references++
    if (object.unreferenced > 0) object.unreferenced--
  }

  /** A reference on it is dropped; the last one frees it. @kernel lib/refcount.c: refcount_dec_and_test */
  drop(id: number): void {
    this.tell(DROP, id)
    const object = this.of(id)
    object.references--
    if (object.references === 0) this.free(id)
  }

  /** @kernel mm/slub.c: kfree */
  free(id: number): void {
    this.tell(OBJECT_FREE, id)
    this.of(id).isFreed = true
    this.land(id)
    this.tokens.objectFreed(id)
  }

  /** A slot of a ring takes `page`; `isReset`: its flags are set anew. @kernel include/linux/pipe_fs_i.h: struct pipe_buffer */
  fillSlot(id: number, page: number, isReset: boolean): void {
    this.tellSlot(SLOT, id, page, isReset ? 1 : 0)
  }

  /** Bytes are appended to what a slot of a ring has. @kernel fs/pipe.c: pipe_write (PIPE_BUF_FLAG_CAN_MERGE) */
  appendToSlot(id: number, page: number): void {
    this.tellSlot(APPEND, id, page, 0)
  }

  /** Retention of an entry, RETAIN_NONE for a bare page. */
  retentionOf(entry: ObjectEntry): Retention {
    return entry.token === 0 ? 0 : this.tokens.retention(entry.token)
  }

  private land(id: number): void {
    const object = this.of(id)
    if (!object.isInFlight) return
    object.isInFlight = false
    this.flying.splice(this.flying.indexOf(object), 1)
  }

  private tellSlot(code: number, id: number, page: number, amount: number): void {
    const event = this.bus.next()
    event.object = id
    event.page = page
    event.pages = 1
    event.amount = amount
    this.bus.tell(code)
  }

  private tell(code: number, id: number, bytes = 0, result = 0): void {
    const event = this.bus.next()
    event.object = id
    event.bytes = bytes
    event.result = result
    this.bus.tell(code)
  }
}
