import {
  type ConsumerOption,
  flagOption,
  HOLD_NONE,
  type Hold,
  isHold,
  KIND_SLAB,
  type Ledger,
  type Operation,
  PAGE_SIZE,
  type PageStore,
  POINTER_BYTES,
  SCATTERLIST_BYTES,
  wordOption,
} from '@pinscope/core'
import {
  CONNECTION_FAULTS,
  COPIED_PIECES,
  ENCRYPTED_PAGES,
  JOINED_PIECES,
  MESSAGES,
  RECEIVED_BYTES,
  SENDS,
  SPLICED_PIECES,
} from './messenger-counters.ts'
import type { PagePieces } from './page-pieces.ts'
import { PageVectors, VECTOR_NONE } from './page-vectors.ts'
import { allocateSgTable, freeSgTable } from './sg-memory.ts'
import { CEPH_EPILOGUE_SECURE_LEN, CEPH_GCM_BLOCK_LEN, FRONT_BYTES } from './sizes.ts'

/** What a connection speaks, as the option `msgr` numbers it. @kernel net/ceph/ceph_common.c: ms_mode */
export const MSGR_NAMES = ['v1', 'v2', 'secure'] as const
const MSGR_SECURE = 2

/** Options of the messenger. */
export const MESSENGER_OPTIONS: readonly ConsumerOption[] = [
  wordOption(
    'msgr',
    'of the connections (ms_mode=): v1 (legacy), v2 (crc), or secure, which is v2 with encryption',
    MSGR_NAMES,
  ),
  flagOption('rxbounce', 'data is received into a page of the connection and copied from there (the mount option)'),
]

/** Epilogue, front, and what pads the data to a whole block. @kernel net/ceph/messenger_v2.c: setup_message_sgs */
const ENTRIES_BESIDE_DATA = 2

const PAGE_NONE = -1

/**
 * Below ceph's file system and rbd: how the data of a message goes into the socket, and out of it.
 *
 * **Out**: one call for each piece, which lies in one page (v1), or one bvec (v2; the cursor gives pieces inside one page
 * here too). A page that is no slab page and has a reference goes as it is: the socket takes a reference of its own for
 * each fragment, and has it until the peer acknowledged the data. Other pages are copied. A piece that goes on in the page
 * where the one before it ended lengthens that fragment and has no reference of its own; where a socket buffer ends, which
 * would begin a new one, is not modelled.
 *
 * **In**: TCP copies into a bvec over one page. With `rxbounce` into a page of the connection, and from there.
 *
 * **secure**: the data is encrypted into pages of the client's own, which go out in its place, or comes in such pages and
 * is decrypted out of them; of the data's own pages the socket knows nothing.
 *
 * What finds no memory is a fault of the connection, which sends or receives the message again: nobody above is told.
 *
 * 6.1 calls the socket's sendpage, or sock_no_sendpage for what is copied; since 6.5 it is MSG_SPLICE_PAGES, or not: the
 * counts are the same. 6.18: taken as 7.3, which is as 6.12 here.
 *
 * @kernel net/ceph/messenger_v1.c: write_partial_message_data, ceph_tcp_sendpage, read_partial_msg_data;
 *   net/ceph/messenger_v2.c: do_try_sendpage, prepare_message_secure, decrypt_tail; include/linux/net.h: sendpage_ok
 */
export class Messenger {
  /** Of the last {@link send}: the pages of its ciphertext, to be {@link release}d when the peer has them. */
  vector = VECTOR_NONE
  readonly isSecure: boolean
  private readonly isBounced: boolean
  private readonly counts: Float64Array
  private readonly ledger: Ledger
  private readonly pages: PageStore
  private readonly vectors = new PageVectors()
  /** @kernel include/linux/ceph/messenger.h: struct ceph_connection.bounce_page */
  private bouncePage = PAGE_NONE

  constructor(options: Readonly<Record<string, number>>, counts: Float64Array, ledger: Ledger, pages: PageStore) {
    this.isSecure = options.msgr === MSGR_SECURE
    this.isBounced = options.rxbounce === 1
    this.counts = counts
    this.ledger = ledger
    this.pages = pages
  }

  /**
   * Sends pieces `first` to `end` as the data of one message. Returns what the socket holds on their pages until the peer
   * has them. `isRepeat`: data that is sent a second time is no more payload.
   */
  send(io: Operation, pieces: PagePieces, first: number, end: number, isRepeat = false): Hold {
    this.vector = VECTOR_NONE
    if (first === end) return HOLD_NONE
    this.counts[MESSAGES]++
    const bytes = bytesOf(pieces, first, end)
    if (!this.isSecure) return this.sendPlain(io, pieces, first, end, isRepeat ? 0 : bytes)
    if (!this.encrypt(io, end - first, bytes)) {
      this.counts[CONNECTION_FAULTS]++
      this.encrypt(io, end - first, bytes)
    }
    if (!isRepeat) io.reachedInPlace(bytes)
    return HOLD_NONE
  }

  /** A vector of pages of the client's own, to be {@link release}d; 0 when there is no memory. */
  allocatePages(io: Operation, pages: number, elementBytes = POINTER_BYTES): number {
    return this.vectors.alloc(io, pages, elementBytes)
  }

  /** The peer has the message: its pages are not needed any more. */
  release(io: Operation, vector: number): void {
    this.vectors.release(io, vector)
  }

  /** A reply will bring `bytes` bytes: where they land is known when they are asked for. */
  expect(io: Operation, bytes: number): void {
    if (this.isBounced && !this.isSecure) io.copied(bytes)
    else io.reachedInPlace(bytes)
  }

  /** They arrive, in `count` pieces. */
  receive(io: Operation, bytes: number, count: number): void {
    const { counts } = this
    if (bytes === 0) return
    counts[MESSAGES]++
    counts[RECEIVED_BYTES] += bytes
    if (this.isSecure) this.decrypt(io, count, bytes)
    else if (this.isBounced) this.takeBouncePage(io)
  }

  /** The connection is closed. @kernel net/ceph/messenger.c: ceph_con_reset_protocol */
  close(io: Operation): void {
    if (this.bouncePage !== PAGE_NONE) io.owned.put(this.bouncePage)
    this.bouncePage = PAGE_NONE
  }

  /** `payloadBytes`: 0 for data that was sent before. */
  private sendPlain(io: Operation, pieces: PagePieces, first: number, end: number, payloadBytes: number): Hold {
    const { counts } = this
    const { page, offsetBytes, lengthBytes } = pieces
    let hold: Hold = HOLD_NONE
    let lastPage = PAGE_NONE
    let lastEnd = 0
    let copied = 0
    for (let i = first; i < end; i++) {
      const row = page[i]
      const bytes = lengthBytes[i]
      counts[SENDS]++
      if (this.pages.kindOf(row) === KIND_SLAB) {
        counts[COPIED_PIECES]++
        copied += bytes
        lastPage = PAGE_NONE
        continue
      }
      counts[SPLICED_PIECES]++
      if (row === lastPage && offsetBytes[i] === lastEnd) counts[JOINED_PIECES]++
      else hold = this.withReference(io, hold, row)
      lastPage = row
      lastEnd = offsetBytes[i] + bytes
    }
    if (payloadBytes > 0) {
      io.copied(copied)
      io.reachedInPlace(payloadBytes - copied)
    }
    return hold
  }

  private withReference(io: Operation, hold: Hold, page: number): Hold {
    const reference = io.referencePage(page)
    return isHold(reference) ? this.ledger.join(hold, reference) : hold
  }

  /** False, with nothing left, where memory is missing. @kernel net/ceph/messenger_v2.c: prepare_message_secure */
  private encrypt(io: Operation, count: number, bytes: number): boolean {
    const { counts } = this
    const pages = ciphertextPages(bytes)
    const entries = messageEntries(count, bytes)
    if (!allocateSgTable(io, entries)) return false
    this.vector = this.vectors.alloc(io, pages)
    const isReady = this.vector !== VECTOR_NONE && allocateSgTable(io, pages)
    if (isReady) {
      io.built(entries + pages, SCATTERLIST_BYTES)
      counts[ENCRYPTED_PAGES] += pages
      counts[SENDS] += pages
      freeSgTable(io, pages)
    } else {
      this.vectors.release(io, this.vector)
      this.vector = VECTOR_NONE
    }
    freeSgTable(io, entries)
    return isReady
  }

  private decrypt(io: Operation, count: number, bytes: number): void {
    if (this.decryptOnce(io, count, bytes)) return
    this.counts[CONNECTION_FAULTS]++
    this.decryptOnce(io, count, bytes)
  }

  /** @kernel net/ceph/messenger_v2.c: decrypt_tail */
  private decryptOnce(io: Operation, count: number, bytes: number): boolean {
    const pages = ciphertextPages(bytes)
    const vector = this.vectors.alloc(io, pages)
    if (vector === VECTOR_NONE) return false
    this.counts[ENCRYPTED_PAGES] += pages
    const entries = messageEntries(count, bytes)
    const hasSource = allocateSgTable(io, pages)
    const isReady = hasSource && allocateSgTable(io, entries)
    if (isReady) {
      io.built(entries + pages, SCATTERLIST_BYTES)
      freeSgTable(io, entries)
    }
    if (hasSource) freeSgTable(io, pages)
    this.vectors.release(io, vector)
    return isReady
  }

  private takeBouncePage(io: Operation): void {
    if (this.bouncePage !== PAGE_NONE) return
    this.bouncePage = io.owned.alloc()
    if (this.bouncePage !== PAGE_NONE) return
    this.counts[CONNECTION_FAULTS]++
    this.bouncePage = io.owned.alloc()
  }
}

/** @kernel net/ceph/messenger_v2.c: tail_onwire_len */
function ciphertextPages(bytes: number): number {
  return Math.ceil((FRONT_BYTES + padded(bytes) + CEPH_EPILOGUE_SECURE_LEN) / PAGE_SIZE)
}

/** Entries of the message: an entry each piece, and the padding one more. @kernel net/ceph/messenger_v2.c: setup_message_sgs */
function messageEntries(count: number, bytes: number): number {
  return count + ENTRIES_BESIDE_DATA + (padded(bytes) > bytes ? 1 : 0)
}

function padded(bytes: number): number {
  return Math.ceil(bytes / CEPH_GCM_BLOCK_LEN) * CEPH_GCM_BLOCK_LEN
}

function bytesOf(pieces: PagePieces, first: number, end: number): number {
  let bytes = 0
  for (let i = first; i < end; i++) bytes += pieces.lengthBytes[i]
  return bytes
}
