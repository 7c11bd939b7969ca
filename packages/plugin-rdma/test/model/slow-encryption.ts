import { EIO, type Entry, type Iter, PAGE, since, type World } from '../../../core/test/consumer-twin/slow-common.ts'
import type { CifsCounts } from './slow-cifs.ts'

/** Folios of a node of a folio queue. */
const NODE_FOLIOS = 31
/** Largest order of a folio. */
const ORDER_MAX = 9
/** Transform header, SMB header and signature. */
const ENDS = 3
const POINTER_BYTES = 8

/** smb3_init_transform_rq(), receive_encrypted_read(): folios of its own. consumers.md 2.6, 13.1 D-crypt. */
export class SlowEncryption {
  private readonly world: World
  private readonly counts: CifsCounts

  constructor(world: World, counts: CifsCounts) {
    this.world = world
    this.counts = counts
  }

  /** The folios that the data is in, or -EIO with nothing left. */
  encrypt(iter: Iter): { entry: Entry | null; length: number }[] | number {
    const bytes = iter.count
    const folios = this.allocate(bytes)
    if (iter.copy(bytes) < bytes) {
      this.free(folios.length)
      return EIO
    }
    this.crypt(folios.length)
    return folios.map((length) => ({ entry: null, length }))
  }

  encryptHeaders(): void {
    this.crypt(0)
  }

  /** The answer, through folios: false where the reader's memory cannot be had. */
  decrypt(iter: Iter, bytes: number): boolean {
    const { world } = this
    const folios = this.allocate(bytes)
    world.data.copiedBytes += bytes
    this.crypt(folios.length)
    const isWhole = iter.copy(bytes) === bytes
    this.free(folios.length)
    return isWhole
  }

  free(folios: number): void {
    for (let i = 0; i < folios + Math.ceil(folios / NODE_FOLIOS); i++) this.world.free()
  }

  /** Bytes of data in each folio. Since 6.18 they are as large as fits. */
  private allocate(bytes: number): number[] {
    const folios: number[] = []
    for (let left = Math.ceil(bytes / PAGE); left > 0; ) {
      const order = since(this.world.setup.version, 'mainline') ? Math.min(Math.floor(Math.log2(left)), ORDER_MAX) : 0
      folios.push(PAGE * 2 ** order)
      left -= 2 ** order
    }
    for (let i = 0; i < folios.length + Math.ceil(folios.length / NODE_FOLIOS); i++) this.world.allocate()
    this.world.built(folios.length, POINTER_BYTES)
    this.counts.cryptFolios += folios.length
    const over = folios.reduce((sum, length) => sum + length, 0) - bytes
    return folios.map((length, i) => (i === folios.length - 1 ? length - over : length))
  }

  private crypt(folios: number): void {
    this.world.allocate()
    this.world.built(ENDS + folios)
    this.counts.sgEntries += ENDS + folios
    this.world.free()
  }
}
