import type { Entry, Hold, Page, World } from '../../../core/test/consumer-twin/slow-common.ts'

const FRAGS_MAX = 17
const PAGE_FRAG_BYTES = 32_768
const PAGE_FRAG_LEFT_MIN = 32
const SIZE_GOAL = 65_160

/** Memory that is no page of the row's: a page that the sender owns, the marker's, a kmalloc'ed head, TCP's own. */
export interface OwnMemory {
  /** References of TCP's. */
  references: number
}

interface Frag {
  readonly memory: Page | OwnMemory
  end: number
}

/** The skbs of one message after another: include/linux/skbuff.h: skb_can_coalesce, net/ipv4/tcp.c: tcp_sendmsg_locked. */
export class SlowTcpFrags {
  skbs = 0
  frags = 0
  fragReferences = 0
  readonly holds: Hold[] = []
  private readonly world: World
  private bytes = 0
  private inSkb: Frag[] = []
  private copyFrag: OwnMemory = { references: 0 }
  private copyOffset = 0

  constructor(world: World) {
    this.world = world
  }

  /** What came before has been sent, and what TCP copied has been acknowledged. */
  beginMessage(): void {
    this.bytes = 0
    this.inSkb = []
    this.copyFrag = { references: 0 }
    this.copyOffset = 0
  }

  /** A piece of a page of the row's, by reference. */
  referRow({ page, offset, length }: Entry): void {
    this.append(page, offset, length, () => this.holds.push(this.world.take('ref', [page])))
  }

  referOwn(memory: OwnMemory, offset: number, length: number): void {
    this.append(memory, offset, length, () => memory.references++)
  }

  private append(memory: Page | OwnMemory, offset: number, length: number, reference: () => void): void {
    for (let done = 0; done < length; ) {
      const isJoined = this.makeRoom(memory, offset + done)
      const take = Math.min(length - done, this.goal - this.bytes)
      if (!isJoined) {
        reference()
        this.fragReferences++
      }
      this.add(memory, offset + done, take, isJoined)
      done += take
    }
  }

  /** TCP copies, into pages of 32 KiB. */
  copy(length: number): void {
    for (let done = 0; done < length; ) {
      if (this.copyOffset + PAGE_FRAG_LEFT_MIN > PAGE_FRAG_BYTES) {
        this.copyFrag = { references: 0 }
        this.copyOffset = 0
      }
      const isJoined = this.makeRoom(this.copyFrag, this.copyOffset)
      const take = Math.min(length - done, this.goal - this.bytes, PAGE_FRAG_BYTES - this.copyOffset)
      this.add(this.copyFrag, this.copyOffset, take, isJoined)
      this.copyOffset += take
      done += take
    }
  }

  private get goal(): number {
    return this.world.setup.options['size-goal'] ?? SIZE_GOAL
  }

  /** The skb has room for a byte there; true when the last fragment goes on with it. */
  private makeRoom(memory: Page | OwnMemory, offset: number): boolean {
    const last = this.inSkb.at(-1)
    const isFull = this.skbs === 0 || this.bytes === this.goal || this.bytes === 0
    const isJoined = !isFull && last?.memory === memory && last.end === offset
    if (isFull || (!isJoined && this.inSkb.length === FRAGS_MAX)) {
      this.skbs++
      this.bytes = 0
      this.inSkb = []
      return false
    }
    return isJoined
  }

  private add(memory: Page | OwnMemory, offset: number, length: number, isJoined: boolean): void {
    if (isJoined) this.inSkb.at(-1)!.end += length
    else {
      this.inSkb.push({ memory, end: offset + length })
      this.frags++
    }
    this.bytes += length
  }
}
