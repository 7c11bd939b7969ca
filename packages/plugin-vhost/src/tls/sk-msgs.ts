import {
  EFAULT,
  ENOMEM,
  ENOSPC,
  HOLD_NONE,
  type Hold,
  holding,
  type Operation,
  PAGE_FRAG_BYTES,
  type PageFrags,
} from '@pinscope/core'
import { MAX_MSG_FRAGS } from './prot-info.ts'

/** Elements that a message has room for: two more than it may use. @kernel include/linux/skmsg.h: struct sk_msg_sg */
const SLOTS = MAX_MSG_FRAGS + 2
/** Least room in a page frag before the next one is taken. @kernel net/core/sock.c: sk_page_frag_refill */
const REFILL_BYTES = 32

/**
 * `struct sk_msg` as columns: a row is a message, a list of up to 17 elements {page, offset, length}. An element lies in
 * a page frag of the task, on which it has a reference, or in the iterator's memory: then the first element of an
 * extraction has the hold of all of it, and they are freed together.
 * Without a BPF program a message is never eaten from its front, so it is no ring here: it starts at element 0.
 * @kernel include/linux/skmsg.h: struct sk_msg; net/core/skmsg.c
 */
export class SkMsgs {
  /** Elements in use. @kernel sk_msg_elem_used */
  used = new Int32Array(16)
  /** Bytes of all elements. @kernel sk_msg_sg.size */
  sizeBytes = new Int32Array(16)
  /** Element, and the byte in it, where the next copy goes. @kernel sk_msg_sg.curr, copybreak */
  curr = new Int32Array(16)
  copybreak = new Int32Array(16)
  /** By {@link slot}. Page row of the iterator's memory, or frag. */
  page = new Int32Array(16 * SLOTS)
  offsetBytes = new Int32Array(16 * SLOTS)
  lengthBytes = new Int32Array(16 * SLOTS)
  hold = new Int32Array(16 * SLOTS)
  /** 1: the element lies in a page frag. */
  isFrag = new Uint8Array(16 * SLOTS)

  private readonly frags: PageFrags

  constructor(frags: PageFrags) {
    this.frags = frags
  }

  /** Index of an element in the columns. */
  slot(msg: number, element: number): number {
    return msg * SLOTS + element
  }

  /** Makes the message an empty one. @kernel include/linux/skmsg.h: sk_msg_init */
  init(msg: number): void {
    this.used = holding(this.used, msg)
    this.sizeBytes = holding(this.sizeBytes, msg)
    this.curr = holding(this.curr, msg)
    this.copybreak = holding(this.copybreak, msg)
    const last = this.slot(msg, SLOTS - 1)
    this.page = holding(this.page, last)
    this.offsetBytes = holding(this.offsetBytes, last)
    this.lengthBytes = holding(this.lengthBytes, last)
    this.hold = holding(this.hold, last)
    this.isFrag = holding(this.isFrag, last)
    this.used[msg] = 0
    this.sizeBytes[msg] = 0
    this.curr[msg] = 0
    this.copybreak[msg] = 0
  }

  /** @kernel include/linux/skmsg.h: sk_msg_full */
  isFull(msg: number): boolean {
    return this.used[msg] === MAX_MSG_FRAGS
  }

  /** There is room for one more element. The first always has room. */
  private hasRoom(io: Operation, msg: number): boolean {
    return this.used[msg] === 0 || io.fits(this.used[msg] + 1, MAX_MSG_FRAGS)
  }

  /**
   * Grows the message to `bytes` bytes out of page frags. 0, -ENOMEM with the message as it was, or -ENOSPC with as much
   * as its elements could take.
   * @kernel net/core/skmsg.c: sk_msg_alloc
   */
  alloc(io: Operation, msg: number, bytes: number): number {
    const { frags } = this
    const before = this.sizeBytes[msg]
    let left = bytes - before
    while (left > 0) {
      if (!frags.refill(io, REFILL_BYTES)) {
        this.trim(io, msg, before)
        return ENOMEM
      }
      const offset = frags.offsetBytes
      const use = Math.min(left, PAGE_FRAG_BYTES - offset)
      if (!this.extend(msg, frags.frag, offset, use, 1)) {
        if (!this.hasRoom(io, msg)) return ENOSPC
        this.addFrag(io, msg, frags.frag, offset, use)
      }
      frags.offsetBytes = offset + use
      left -= use
    }
    return 0
  }

  /** The last element grows, where the bytes follow it in its own page, or in its own frag (`isFrag` 1). */
  extend(msg: number, page: number, offsetBytes: number, bytes: number, isFrag: 0 | 1): boolean {
    if (this.used[msg] === 0) return false
    const last = this.slot(msg, this.used[msg] - 1)
    const end = this.offsetBytes[last] + this.lengthBytes[last]
    if (this.isFrag[last] !== isFrag || this.page[last] !== page || end !== offsetBytes) return false
    this.lengthBytes[last] += bytes
    this.sizeBytes[msg] += bytes
    return true
  }

  /** A new element in a frag, which gets a reference. @kernel include/linux/skmsg.h: sk_msg_page_add */
  addFrag(io: Operation, msg: number, frag: number, offsetBytes: number, bytes: number): void {
    this.frags.get(io, frag)
    const slot = this.add(msg, frag, offsetBytes, bytes)
    this.isFrag[slot] = 1
    this.hold[slot] = HOLD_NONE
  }

  /** A new element in the iterator's memory, with what was taken on it. */
  addPage(msg: number, page: number, offsetBytes: number, bytes: number, hold: Hold): void {
    const slot = this.add(msg, page, offsetBytes, bytes)
    this.isFrag[slot] = 0
    this.hold[slot] = hold
  }

  private add(msg: number, page: number, offsetBytes: number, bytes: number): number {
    const slot = this.slot(msg, this.used[msg]++)
    this.page[slot] = page
    this.offsetBytes[slot] = offsetBytes
    this.lengthBytes[slot] = bytes
    this.sizeBytes[msg] += bytes
    return slot
  }

  /**
   * Lets `to` name `bytes` bytes of the frags of `from`, from byte `skip` on: 0, or -ENOSPC when there was no room for all
   * of them.
   * @kernel net/core/skmsg.c: sk_msg_clone
   */
  clone(io: Operation, to: number, from: number, skip: number, bytes: number): number {
    let element = 0
    let skipped = skip
    while (skipped > 0 && this.lengthBytes[this.slot(from, element)] <= skipped) {
      skipped -= this.lengthBytes[this.slot(from, element)]
      element++
      if (element === this.used[from] && skipped > 0) return ENOSPC
    }
    let left = bytes
    while (left > 0) {
      if (element === this.used[from]) return ENOSPC
      const slot = this.slot(from, element)
      const length = Math.min(left, this.lengthBytes[slot] - skipped)
      const offset = this.offsetBytes[slot] + skipped
      if (!this.extend(to, this.page[slot], offset, length, 1)) {
        if (!this.hasRoom(io, to)) return ENOSPC
        this.addFrag(io, to, this.page[slot], offset, length)
      }
      skipped = 0
      left -= length
      element++
    }
    return 0
  }

  /**
   * Appends the pages of the iterator's next `bytes`, an element a page, none merged: 0, or -EFAULT with the iterator
   * where it was. What was appended before a failure stays, for {@link trim}.
   * @kernel net/core/skmsg.c: sk_msg_zerocopy_from_iter
   */
  zerocopyFromIter(io: Operation, msg: number, bytes: number): number {
    let left = bytes
    while (left > 0) {
      const used = this.used[msg]
      const got = io.fits(used + 1, MAX_MSG_FRAGS) ? io.extract(MAX_MSG_FRAGS - used, left) : EFAULT
      if (got <= 0) {
        io.iter.revert(bytes - left)
        return EFAULT
      }
      this.addList(io, msg)
      left -= got
      this.copybreak[msg] = 0
      this.curr[msg] = this.used[msg]
    }
    return 0
  }

  private addList({ list, hold }: Operation, msg: number): void {
    for (let i = 0; i < list.length; i++) {
      this.addPage(msg, list.page[i], list.offsetBytes[i], list.lengthBytes[i], i === 0 ? hold : HOLD_NONE)
    }
  }

  /**
   * Copies from the iterator into the frags, from where the last copy ended on. Positive, or -EFAULT, or -ENOSPC when
   * there is no element to copy into.
   * @kernel net/core/skmsg.c: sk_msg_memcopy_from_iter
   */
  memcopyFromIter(io: Operation, msg: number, bytes: number): number {
    let result = ENOSPC
    let left = bytes
    let element = this.curr[msg]
    while (left > 0) {
      let slot = this.slot(msg, element)
      // A trim may have cut off what was filled.
      if (this.copybreak[msg] >= this.lengthBytes[slot]) {
        this.copybreak[msg] = 0
        element++
        if (element >= this.used[msg]) break
        slot = this.slot(msg, element)
      }
      const skip = this.copybreak[msg]
      const copy = Math.min(left, this.lengthBytes[slot] - skip)
      this.copybreak[msg] = skip + copy
      if (this.copyInto(io, slot, skip, copy) !== copy) {
        result = EFAULT
        break
      }
      result = copy
      left -= copy
      if (left === 0) break
      this.copybreak[msg] = 0
      element++
      if (element === this.used[msg]) break
    }
    this.curr[msg] = element
    return result
  }

  private copyInto(io: Operation, slot: number, skip: number, bytes: number): number {
    if (io.memory.bytes === null) return io.copy(bytes)
    const buffer = new Uint8Array(bytes)
    const copied = io.copy(bytes, buffer)
    this.frags.write(io, this.page[slot], this.offsetBytes[slot] + skip, buffer.subarray(0, copied))
    return copied
  }

  /** Cuts the message down to its first `bytes` bytes. @kernel net/core/skmsg.c: sk_msg_trim */
  trim(io: Operation, msg: number, bytes: number): void {
    let cut = this.sizeBytes[msg] - bytes
    if (cut <= 0) return
    this.sizeBytes[msg] = bytes
    let last = this.used[msg] - 1
    while (cut > 0 && cut >= this.lengthBytes[this.slot(msg, last)]) {
      cut -= this.lengthBytes[this.slot(msg, last)]
      this.freeElement(io, this.slot(msg, last))
      last--
    }
    if (cut > 0) {
      const slot = this.slot(msg, last)
      this.lengthBytes[slot] -= cut
      if (this.curr[msg] === last) this.copybreak[msg] = Math.min(this.copybreak[msg], this.lengthBytes[slot])
    }
    this.used[msg] = last + 1
    if (bytes === 0) {
      this.curr[msg] = 0
      this.copybreak[msg] = 0
    } else if (this.curr[msg] > last) {
      this.curr[msg] = last
      this.copybreak[msg] = this.lengthBytes[this.slot(msg, last)]
    }
  }

  /** Frees every element; the message is empty. @kernel net/core/skmsg.c: sk_msg_free */
  free(io: Operation, msg: number): void {
    for (let i = 0; i < this.used[msg]; i++) this.freeElement(io, this.slot(msg, i))
    this.init(msg)
  }

  /** @kernel net/core/skmsg.c: sk_msg_free_elem */
  private freeElement(io: Operation, slot: number): void {
    if (this.isFrag[slot] === 1) this.frags.put(io, this.page[slot])
    else if (this.hold[slot] !== HOLD_NONE) io.ledger.letGo(this.hold[slot] as Hold)
  }

  /** One more reference on what every element lies in. @kernel net/tls/tls_device.c: tls_push_record (get_page) */
  getPages(io: Operation, msg: number): void {
    for (let i = 0; i < this.used[msg]; i++) {
      const slot = this.slot(msg, i)
      if (this.isFrag[slot] === 1) this.frags.get(io, this.page[slot])
      else io.ledger.getPage(this.page[slot])
    }
  }

  /** Drops what {@link getPages} took. @kernel net/tls/tls_main.c: tls_push_sg (put_page) */
  putPages(io: Operation, msg: number): void {
    for (let i = 0; i < this.used[msg]; i++) {
      const slot = this.slot(msg, i)
      if (this.isFrag[slot] === 1) this.frags.put(io, this.page[slot])
      else io.ledger.putPage(this.page[slot])
    }
  }
}
