import type { Operation, PageBytes, PageList, PageStore, Scatterlists, SgTable } from '@pinscope/core'
import { cryptBlock } from './block-cipher.ts'
import { gather, inBlocks, type Piece, piecesOf, scatter } from './pieces.ts'

/**
 * The cipher at work on one operation whose pages hold bytes: what lists and page arrays reach is gathered, encrypted or
 * decrypted block by block, and scattered. Not for the hot path.
 * @kernel fs/netfs: netfs_request_ops.encrypt_block, decrypt_block (proposal)
 */
export class ByteCrypt {
  private readonly contents: PageBytes
  private readonly pages: PageStore
  private readonly cipher: number
  private readonly blockBytes: number
  /** Number in the file of the next block to encrypt, and of the first of those placed. */
  private block: number
  /** Where the data of the operation is, or will be, to be worked on in place. */
  private readonly placed: Piece[] = []

  /** Before the operation's first block. `cipher`: CIPHER_XTS or CIPHER_CTS. */
  constructor(io: Operation, contents: PageBytes, cipher: number, blockBytes: number) {
    this.contents = contents
    this.pages = io.pages
    this.cipher = cipher
    this.blockBytes = blockBytes
    this.block = Math.floor(Math.max(io.offsetBytes, 0) / blockBytes)
  }

  /** Encrypts the next block from one list into another, or the same. */
  encrypt(lists: Scatterlists, source: SgTable, dest: SgTable): void {
    const from = piecesOf(lists, this.pages, source.sgl, source.nents, this.blockBytes)
    const to = piecesOf(lists, this.pages, dest.sgl, dest.nents, this.blockBytes)
    this.crypt(true, from, to, this.block++)
  }

  /** The data of a block is what the list reaches. */
  placeList(lists: Scatterlists, table: SgTable): void {
    this.placed.push(...piecesOf(lists, this.pages, table.sgl, table.nents, this.blockBytes))
  }

  /** Data is in the pages of an extraction. */
  placePages({ page, offsetBytes, lengthBytes, length }: PageList): void {
    for (let i = 0; i < length; i++) this.placed.push([page[i], offsetBytes[i], lengthBytes[i]])
  }

  /** Encrypts in place what was placed. */
  encryptPlaced(): void {
    this.cryptPlaced(true)
  }

  /** Decrypts in place what was placed. */
  decryptPlaced(): void {
    this.cryptPlaced(false)
  }

  private cryptPlaced(isEncrypt: boolean): void {
    inBlocks(this.placed, this.blockBytes).forEach((pieces, i) => {
      this.crypt(isEncrypt, pieces, pieces, this.block + i)
    })
  }

  private crypt(isEncrypt: boolean, from: readonly Piece[], to: readonly Piece[], block: number): void {
    scatter(this.contents, to, cryptBlock(this.cipher, isEncrypt, gather(this.contents, from), block))
  }
}
