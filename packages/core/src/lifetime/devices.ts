import { PAGE_SIZE } from '../units.ts'
import type { EventBus } from './event-bus.ts'
import type { Folios } from './folios.ts'
import { BY_DEVICE, eventCode } from './lifetime-event.ts'
import type { Tokens } from './tokens.ts'

const DMA = eventCode('dma')
const DMA_END = eventCode('dma_end')

/** An access of a device that is under way. */
export interface DeviceAccess {
  readonly id: number
  /** It stores into the pages; false: it loads from them. */
  readonly isStore: boolean
  readonly page: number
  readonly offsetBytes: number
  readonly bytes: number
  /** Row in which it began. */
  readonly row: number
}

/** Devices that are at work in pages, from the begin of an access to its end. */
export class Devices {
  private readonly open: DeviceAccess[] = []
  private readonly bus: EventBus
  private readonly folios: Folios
  private readonly tokens: Tokens

  constructor(bus: EventBus, folios: Folios, tokens: Tokens) {
    this.bus = bus
    this.folios = folios
    this.tokens = tokens
  }

  /** Accesses under way. */
  atWork(): readonly DeviceAccess[] {
    return this.open
  }

  /** A device begins to store or load; several ranges may have one `id`. */
  begin(id: number, isStore: boolean, page: number, offsetBytes: number, bytes: number): void {
    const access = { id, isStore, page, offsetBytes, bytes, row: this.bus.row }
    this.tell(DMA, access)
    this.open.push(access)
  }

  /** It is done: what it stores has arrived. False where it has nothing under way. */
  end(id: number): boolean {
    const ended = this.open.filter((one) => one.id === id)
    // All of them at once: what one device loads and stores in place is in order by itself.
    for (const access of ended) this.open.splice(this.open.indexOf(access), 1)
    for (const access of ended) {
      this.tell(DMA_END, access)
      const { page, offsetBytes, bytes } = access
      if (access.isStore) this.store(page, offsetBytes, bytes)
      else this.folios.load(page, offsetBytes, bytes)
    }
    return ended.length > 0
  }

  /** A device stores at once: through the tokens for writing that the page has. */
  store(page: number, offsetBytes: number, bytes: number): void {
    this.folios.store(page, offsetBytes, bytes, BY_DEVICE)
    if (!this.folios.isBusy(page)) return
    this.tokens.eachOn(page, Math.ceil((offsetBytes + bytes) / PAGE_SIZE), (token) => {
      if (this.tokens.isDest[token] === 1) this.tokens.markWritten(token)
    })
  }

  private tell(code: number, access: DeviceAccess): void {
    const event = this.bus.next()
    event.object = access.id
    event.page = access.page
    event.pages = Math.ceil((access.offsetBytes + access.bytes) / PAGE_SIZE)
    event.offsetBytes = access.offsetBytes
    event.bytes = access.bytes
    event.by = BY_DEVICE
    event.amount = access.isStore ? 1 : 0
    this.bus.tell(code)
  }
}
