import { BIO_VEC_BYTES, ENOMEM, type Operation, PAGE_SIZE, POINTER_BYTES, SCATTERLIST_BYTES } from '@pinscope/core'
import { CRYPT_FOLIOS, PAGE_POINTERS, SG_ENTRIES } from '../cifs/counters.ts'
import { Pieces } from '../payload/pieces.ts'
import { allocatesObject } from './objects.ts'
import { NO_PAGE, PageChains } from './page-chains.ts'

/** Initialisation vector and struct aead_request, before the entries; the cipher's own context is left out. @kernel fs/smb/client/smb2ops.c: smb2_aead_req_alloc */
const AEAD_REQUEST_BYTES = 16 + 80

/** Entries besides those of pages: transform header, SMB header, signature. @kernel fs/smb/client/cifsglob.h: cifs_get_num_sgs (6.1) */
const OTHER_ENTRIES = 3

/**
 * The encrypted form of a request: its pages copied into pages of its own, at the same offsets, and encrypted there. They
 * live until the message is sent.
 *
 * A page that cannot be had makes 6.1 put whatever kmalloc_array() left in the rest of the page array; here only the pages
 * that were had are freed.
 * @kernel fs/smb/client/transport.c: smb_send_rqst; smb2ops.c: smb3_init_transform_rq, crypt_message,
 *   smb3_free_compound_rqst (6.1)
 */
export class Transform {
  /** The copies: a page array as that of the request. */
  readonly array = new Pieces()
  private readonly counts: Float64Array
  private readonly chains = new PageChains()
  private chain = NO_PAGE

  constructor(counts: Float64Array) {
    this.counts = counts
  }

  /** Copies and encrypts `pages`; of a request without data it encrypts the header only. 0, or -ENOMEM with nothing left. */
  encrypt(io: Operation, pages: Pieces): number {
    const { array, counts } = this
    array.clear()
    if (!allocatesObject(io)) return ENOMEM
    if (pages.length > 0 && !io.allocate(POINTER_BYTES * pages.length)) return ENOMEM
    for (let i = 0; i < pages.length; i++) {
      const page = this.chains.push(io, this.chain)
      if (page === NO_PAGE) return this.fail(io, pages)
      this.chain = page
      array.add(page, pages.offsetBytes[i], pages.lengthBytes[i])
    }
    io.built(array.length, POINTER_BYTES)
    counts[PAGE_POINTERS] += array.length
    counts[CRYPT_FOLIOS] += array.length
    this.copy(io, pages)
    return this.crypt(io, array.length) ? 0 : this.fail(io, pages)
  }

  /** The message was sent, or will not be. @kernel smb3_free_compound_rqst */
  release(io: Operation): void {
    const { array } = this
    if (array.length > 0) io.free(POINTER_BYTES * array.length)
    this.chains.freeAll(io, this.chain)
    this.chain = NO_PAGE
  }

  /** The entries of the cipher are in one allocation, which is freed when the cipher is done. False when it cannot be had. @kernel crypt_message */
  private crypt(io: Operation, pages: number): boolean {
    const entries = pages + OTHER_ENTRIES
    const bytes = AEAD_REQUEST_BYTES + SCATTERLIST_BYTES * entries
    if (!io.allocate(bytes)) return false
    io.built(entries, SCATTERLIST_BYTES)
    this.counts[SG_ENTRIES] += entries
    io.free(bytes)
    return true
  }

  private copy(io: Operation, pages: Pieces): void {
    const contents = io.memory.bytes
    io.copied(pages.bytes)
    if (contents === null) return
    // Each byte keeps its offset in the page: whole pages do.
    for (let i = 0; i < pages.length; i++) contents.copyPage(pages.page[i], this.array.page[i])
  }

  private fail(io: Operation, pages: Pieces): number {
    if (pages.length > 0) io.free(POINTER_BYTES * pages.length)
    this.array.clear()
    this.release(io)
    return ENOMEM
  }

  /**
   * An encrypted answer with `bytes` bytes of data: copied out of packets into pages, decrypted there, and copied out of
   * them through an array of bvecs. False when something cannot be had: the answer is dropped. Nothing stays of it.
   * @kernel fs/smb/client/smb2ops.c: receive_encrypted_read, decrypt_raw_data, handle_read_data, init_read_bvec (6.1)
   */
  receive(io: Operation, bytes: number): boolean {
    const { counts } = this
    const pages = Math.ceil(bytes / PAGE_SIZE)
    if (!io.allocate(POINTER_BYTES * pages)) return false
    const isReceived = this.allocatePages(io, pages) && this.decrypt(io, pages, bytes)
    this.chains.freeAll(io, this.chain)
    this.chain = NO_PAGE
    io.free(POINTER_BYTES * pages)
    io.built(pages, POINTER_BYTES)
    counts[PAGE_POINTERS] += pages
    return isReceived
  }

  private allocatePages(io: Operation, pages: number): boolean {
    for (let i = 0; i < pages; i++) {
      const page = this.chains.push(io, this.chain)
      if (page === NO_PAGE) return false
      this.chain = page
    }
    this.counts[CRYPT_FOLIOS] += pages
    return true
  }

  private decrypt(io: Operation, pages: number, bytes: number): boolean {
    io.copied(bytes)
    if (!this.crypt(io, pages) || !io.allocate(BIO_VEC_BYTES * pages)) return false
    io.built(pages, BIO_VEC_BYTES)
    io.free(BIO_VEC_BYTES * pages)
    io.copied(bytes)
    return true
  }
}
