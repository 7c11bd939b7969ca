import type { OperationSkbs } from '../skb/operation-skbs.ts'
import { SkbPart } from '../skb/skb-part.ts'
import { NONE } from '../skb/skb-sizes.ts'
import type { SkbSockets } from '../skb/skb-sockets.ts'
import type { Skbs } from '../skb/skbs.ts'
import { SpliceFill } from '../skb/splice-fill.ts'
import { ZerocopyFill } from '../skb/zerocopy-fill.ts'
import { MODE_COPY } from './send-modes.ts'
import type { SocketSettings } from './settings.ts'

/** What TCP and UDP have in common: sockets with an skb that is not sent yet, and the ways in which data comes into one. */
export class SkbSender {
  protected readonly settings: SocketSettings
  protected readonly sockets: SkbSockets
  protected readonly skbs: Skbs
  protected readonly links: OperationSkbs
  protected readonly counts: Float64Array
  protected readonly zerocopy: ZerocopyFill
  protected readonly splice: SpliceFill
  protected readonly part: SkbPart
  /** Of an empty skb. */
  protected readonly skbBytes: number

  // The call at work.
  protected mode: number = MODE_COPY
  protected uarg = NONE

  constructor(
    settings: SocketSettings,
    sockets: SkbSockets,
    skbs: Skbs,
    links: OperationSkbs,
    counts: Float64Array,
    skbBytes: number,
  ) {
    this.settings = settings
    this.sockets = sockets
    this.skbs = skbs
    this.links = links
    this.counts = counts
    this.zerocopy = new ZerocopyFill(skbs)
    this.splice = new SpliceFill(skbs)
    this.part = new SkbPart(skbs)
    this.skbBytes = skbBytes
  }
}
