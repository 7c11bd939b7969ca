import {
  type Consumer,
  type ConsumerEnvironment,
  copyFromIter,
  copyToIter,
  type Direction,
  EFAULT,
  IovIter,
  ITER_DEST,
  ITER_SOURCE,
  type Operation,
} from '@pinscope/core'

/** The site copies into its iterator, out of it, or (target) as the SCSI command says. */
export const INTO = 'into'
export const FROM = 'from'
export const BY_COMMAND = 'by command'

/** One place that made an iterator with the wrong direction. */
export interface Site {
  readonly name: string
  readonly kernel: string
  readonly commit: string
  readonly does: typeof INTO | typeof FROM | typeof BY_COMMAND
  /** Bytes of one copy; left out: all at once. */
  readonly pieceBytes?: number
  /** Most that it has to copy; left out: what it is asked for. */
  readonly bytesMax?: number
  readonly accepts: readonly string[]
  readonly trace: string
  readonly row: number
}

/** Longest copy of these sites. */
const BUFFER_BYTES = 65536

/**
 * Code that makes an iterator over its memory and copies: the fix changes nothing but the direction that it names. Before
 * it, that is the opposite of what is done; target's fd_do_rw named a destination whatever the command was.
 */
export class WrongDirection implements Consumer {
  private readonly site: Site
  private readonly isFixed: boolean
  private readonly iter = new IovIter()
  private readonly buffer = new Uint8Array(BUFFER_BYTES)

  constructor(environment: ConsumerEnvironment, site: Site, isFixed: boolean) {
    this.site = site
    this.isFixed = isFixed
    environment.memory.holdBytes()
  }

  submit(io: Operation): number {
    const { does, pieceBytes = BUFFER_BYTES, bytesMax = io.lengthBytes } = this.site
    const wanted = Math.min(io.lengthBytes, bytesMax)
    const isInto = does === BY_COMMAND ? io.iter.direction === ITER_DEST : does === INTO
    this.iter.copyFrom(io.iter)
    this.iter.direction = this.directionOf(isInto)
    let done = 0
    while (done < wanted) {
      const bytes = Math.min(wanted - done, pieceBytes)
      const copied = isInto
        ? copyToIter(this.iter, io.memory, this.buffer, bytes)
        : copyFromIter(this.iter, io.memory, this.buffer, bytes)
      if (copied === 0) return EFAULT
      done += copied
    }
    return done
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private directionOf(isInto: boolean): Direction {
    if (!this.isFixed && this.site.does === BY_COMMAND) return ITER_DEST
    return this.isFixed === isInto ? ITER_DEST : ITER_SOURCE
  }
}
