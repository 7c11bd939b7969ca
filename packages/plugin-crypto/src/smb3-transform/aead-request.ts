import {
  ENOMEM,
  type Operation,
  RETAIN_NONE,
  SCATTERLIST_BYTES,
  type Scatterlists,
  SG_NO_PAGE,
  SG_NONE,
  SgTable,
  tellScatterlist,
} from '@pinscope/core'

/** Bytes of the transform header that are not encrypted data and not its associated data either: its signature included. @kernel fs/smb/client/smb2ops.c: smb2_get_aead_req (skip) */
export const TRANSFORM_SKIP_BYTES = 20

/** @kernel fs/smb/common/smb2pdu.h: SMB2_SIGNATURE_SIZE */
export const SIGNATURE_BYTES = 16

/**
 * What comes before the entries: an initialisation vector and struct aead_request. The cipher's own context follows
 * (crypto_aead_reqsize), whose size the driver knows; it is left out.
 */
const REQUEST_BYTES = 16 + 80

/**
 * The request of one message: headers, data and signature in one scatterlist, in one allocation. Headers and signature are
 * kernel memory of other code: their entries have no page here.
 * @kernel fs/smb/client/smb2ops.c: smb2_aead_req_alloc, smb2_get_aead_req; cifsglob.h (mainline: cifsproto.h): cifs_get_num_sgs
 */
export class AeadRequest {
  readonly lists: Scatterlists
  readonly table = new SgTable()
  private readonly kvecs: number
  private readonly firstKvecBytes: number
  private readonly kvecBytes: number
  /** Entries that there is room for: the estimate. */
  private room = 0

  /** `kvecs`: header kvecs of each message, the transform header first. */
  constructor(lists: Scatterlists, kvecs: number, firstKvecBytes: number, kvecBytes: number) {
    this.lists = lists
    this.kvecs = kvecs
    this.firstKvecBytes = firstKvecBytes
    this.kvecBytes = kvecBytes
  }

  /** Allocates room for headers, `dataPages` pages of data and the signature, and lists the headers. 0, or -ENOMEM. */
  begin(io: Operation, dataPages: number): number {
    const { table, lists } = this
    const room = this.kvecs + dataPages + 1
    if (!io.allocate(REQUEST_BYTES + SCATTERLIST_BYTES * room)) return ENOMEM
    this.room = room
    table.clear()
    // One more than the kernel has: where the data takes all that is left, the signature is written behind its end.
    table.sgl = lists.take(room + 1)
    lists.initTable(table.sgl, room + 1)
    for (let i = 0; i < this.kvecs; i++) {
      this.add(SG_NO_PAGE, 0, i === 0 ? this.firstKvecBytes - TRANSFORM_SKIP_BYTES : this.kvecBytes)
    }
    table.origNents = table.nents
    return 0
  }

  /** Entries that the data may take: the one for the signature is among them. */
  get entriesLeft(): number {
    return this.room - this.table.nents
  }

  /** Appends an entry. */
  add(page: number, offsetBytes: number, lengthBytes: number): void {
    this.lists.setPage(this.table.sgl + this.table.nents++, page, lengthBytes, offsetBytes)
  }

  /** Lists the signature; the list is finished. Behind the end of the allocation it is memory corruption: a violation. */
  end(io: Operation): void {
    const { table } = this
    if (table.nents === this.room) {
      const detail = 'smb2_get_aead_req wrote the entry of the signature behind its table'
      io.ledger.violate('wrong-data', 0, RETAIN_NONE, RETAIN_NONE, 0, detail)
    }
    this.add(SG_NO_PAGE, 0, SIGNATURE_BYTES)
    this.lists.markEnd(table.sgl + table.nents - 1)
    io.built(table.nents, SCATTERLIST_BYTES)
    if (io.observer !== null) io.observer.note(`scatterlist: ${this.lengths()} bytes`)
  }

  /** Tells of the entries of the data, `bytes` bytes in the iterator's memory. */
  tellData(io: Operation, bytes: number): void {
    const { table, lists, kvecs } = this
    tellScatterlist(io, lists, table.sgl + kvecs, table.nents - kvecs, 'data', bytes)
  }

  /** The cipher is done. @kernel fs/smb/client/smb2ops.c: crypt_message (kfree_sensitive) */
  free(io: Operation): void {
    const { table } = this
    io.free(REQUEST_BYTES + SCATTERLIST_BYTES * this.room)
    this.lists.give(table.sgl, this.room + 1)
    table.sgl = SG_NONE
  }

  private lengths(): string {
    const { sgl, nents } = this.table
    return Array.from(this.lists.lengthBytes.subarray(sgl, sgl + nents)).join(' ')
  }
}
