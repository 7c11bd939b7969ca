import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  EINVAL,
  ENOMEM,
  HOLD_NONE,
  isBorrowed,
  isSince,
  type Ledger,
  MAX_RW_COUNT,
  type Operation,
  type OperationShape,
  POINTER_BYTES,
  REASON_PUT_SHORT,
  SCATTERLIST_BYTES,
  Scatterlists,
  SgChunks,
  type SgTable,
  sgAllocTableChained,
  sgFreeTableChained,
  sgPoolBytes,
  tellScatterlist,
} from '@pinscope/core'
import { BounceBuffer } from './bounce-buffer.ts'
import { type Command, CommandTable } from './command-table.ts'
import { isMisaligned, pagesNotPut } from './misaligned.ts'
import {
  BAD_TARGETS,
  BOUNCE_PAGES,
  BOUNCED,
  COMMANDS,
  DROPPED,
  LOST_PAGES,
  PREALLOCATED_BYTES,
  PROT_ENTRIES,
  SCSI_COUNTERS,
  TASK_SET_FULL,
} from './scsi-counters.ts'
import { IOVEC_BYTES, PROT_SGLS_MAX, protectionBytes, SGLS_MAX, UNALIGNED_SGLS_MAX, UPAGES_MAX } from './scsi-limits.ts'

/** Segments of one iovec, at most: each command of 6.1 and 6.12 has an array of them for its response. @kernel UIO_MAXIOV */
const RESP_IOVS = 1024

/**
 * The data of vhost-scsi commands: guest memory as an iovec, turned into a scatterlist of one entry a page. Pages are
 * referenced, not pinned, in every version up to mainline.
 *
 * Since 6.12, a command of more than 256 entries with a piece that is not whole 512-byte sectors lets its pages go again
 * and is copied through fresh pages: at once for a write, at completion for a read. 6.1 passes it on as it is. Since 6.18
 * the entries beyond those that a command has of its own come from the pools.
 *
 * @kernel drivers/vhost/scsi.c: vhost_scsi_handle_vq, vhost_scsi_mapal, vhost_scsi_complete_cmd_work. 6.18: taken as 7.3,
 *   whose form is that of a series of December 2024.
 */
export class VhostScsi implements Consumer {
  /** Alone only: commands in flight share the tags of their queue. Protection information ends anywhere in a page. */
  readonly operationShape: OperationShape
  private readonly ledger: Ledger
  private readonly bounces: boolean
  private readonly chains: boolean
  private readonly noRevert: boolean
  private readonly putsShort: boolean
  private readonly tags: number
  private readonly inlineSgCnt: number
  private readonly hasProt: boolean
  private readonly lists = new Scatterlists()
  private readonly chunks = new SgChunks(this.lists, sgPoolBytes)
  private readonly commands: CommandTable
  private readonly bounceBuffer: BounceBuffer
  private readonly counts = new Float64Array(SCSI_COUNTERS.length)
  /** Entries listed for the command at work. */
  private entries = 0

  constructor({ kernel, traits, options, ledger }: ConsumerEnvironment) {
    const { quirks } = traits
    this.ledger = ledger
    this.bounces = isSince(kernel, '6.12')
    this.chains = isSince(kernel, '6.18')
    this.noRevert = quirks['vhost-scsi-no-revert']
    this.putsShort = quirks['vhost-scsi-revert-short']
    this.tags = options.tags
    this.hasProt = options['t10-pi'] === 1
    this.operationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: this.hasProt ? 0 : 1, aloneOnly: true }
    this.inlineSgCnt = this.chains ? options['inline-sg-cnt'] : SGLS_MAX
    this.commands = new CommandTable(this.lists, this.inlineSgCnt, this.hasProt ? this.inlineSgCnt : 0)
    this.bounceBuffer = new BounceBuffer(this.lists, this.chains)
    this.counts[PREALLOCATED_BYTES] = this.preallocatedBytes()
  }

  submit(io: Operation): number {
    const bytes = io.iter.countBytes
    const { commands, counts } = this
    if (!io.fits(commands.outstanding + 1, this.tags)) return this.answer(ENOMEM)
    const command = commands.take()
    this.chunks.work(io)
    this.entries = 0
    const error = bytes > 0 ? this.mapal(io, command) : 0
    if (error < 0) {
      this.undo(command)
      return this.answer(error)
    }
    counts[COMMANDS]++
    if (this.entries > 0) io.built(this.entries, SCATTERLIST_BYTES)
    io.keep(command.table.hold)
    io.keep(command.protTable.hold)
    io.scratch = command.tag
    return bytes
  }

  /** What the command had was let go when it failed. */
  abort(): void {}

  /**
   * The pages of the data are let go first, then those of the protection information.
   * @kernel drivers/vhost/scsi.c: vhost_scsi_complete_cmd_work, vhost_scsi_release_cmd_res
   */
  complete(io: Operation): void {
    if (io.scratch === 0) return
    const command = this.commands.at(io.scratch)
    this.chunks.work(io)
    if (command.isCopied) {
      if (!this.bounceBuffer.copyBack(io, command)) this.counts[BAD_TARGETS]++
      this.bounceBuffer.free(io, command, command.table.nents)
    }
    io.letGoOfKept()
    if (command.table.nents > 0) this.freeTable(command.table)
    if (command.protTable.nents > 0) this.freeTable(command.protTable)
    this.commands.give(command)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(SCSI_COUNTERS, this.counts)
  }

  /**
   * Both lists of a command. The protection information lies before the data; its iterator is a copy of the data's, cut
   * to its bytes. @kernel drivers/vhost/scsi.c: vhost_scsi_mapal
   */
  private mapal(io: Operation, command: Command): number {
    const { iter } = io
    const bytes = iter.countBytes
    const protBytes = this.hasProt ? protectionBytes(bytes) : 0
    if (protBytes > 0) {
      iter.truncate(protBytes)
      const error = this.mapProtection(io, command)
      iter.reexpand(iter.countBytes + bytes - protBytes)
      if (error < 0) return error
    }
    const protEntries = this.entries
    const error = this.mapData(io, command)
    if (error < 0) return error
    io.reachedInPlace(command.isCopied ? protBytes : bytes)
    if (io.observer !== null && !command.isCopied) {
      const { lists } = this
      if (protBytes > 0) tellScatterlist(io, lists, command.protTable.sgl, protEntries, 'protection', protBytes)
      tellScatterlist(io, lists, command.table.sgl, this.entries - protEntries, 'scatterlist', bytes - protBytes)
    }
    return 0
  }

  private mapProtection(io: Operation, command: Command): number {
    const { protTable: table } = command
    const count = io.iter.npages(0xffff)
    if (!io.fits(count, PROT_SGLS_MAX)) return EINVAL
    if (!this.allocTable(table, count, command.protSgl)) return ENOMEM
    const error = this.mapIovToSgl(io, table, false)
    if (error < 0) {
      this.freeTable(table)
      return error
    }
    this.counts[PROT_ENTRIES] += this.entries
    return 0
  }

  private mapData(io: Operation, command: Command): number {
    const before = this.entries
    const { table } = command
    const count = io.iter.npages(0xffff)
    if (!io.fits(count, SGLS_MAX)) return EINVAL
    if (!this.allocTable(table, count, command.sgl)) return ENOMEM
    const mapped = this.mapIovToSgl(io, table, this.bounces && count > UNALIGNED_SGLS_MAX)
    // Misaligned, and more entries than one bio has.
    if (mapped === EINVAL) io.limitHit()
    const error = mapped === EINVAL ? this.bounce(io, command) : mapped
    if (error < 0) {
      this.freeTable(table)
      return error
    }
    if (command.isCopied) this.entries = before + count
    return 0
  }

  /** A table of `count` entries: in the command's own array as far as that goes. */
  private allocTable(table: SgTable, count: number, sgl: number): boolean {
    if (this.chains) return sgAllocTableChained(this.chunks, table, count, sgl, this.inlineSgCnt) === 0
    table.sgl = sgl
    table.nents = count
    table.origNents = count
    this.lists.initTable(sgl, count)
    return true
  }

  private freeTable(table: SgTable): void {
    if (this.chains) sgFreeTableChained(this.chunks, table, this.inlineSgCnt)
    table.clear()
  }

  /**
   * An entry for each page of the iterator. An errno with everything let go and, but for 6.1, the iterator where it was:
   * -EINVAL for a misaligned piece where `refusesMisaligned`.
   *
   * Each call asks for LONG_MAX bytes, which get_pages2 itself cuts to MAX_RW_COUNT.
   * @kernel drivers/vhost/scsi.c: vhost_scsi_map_iov_to_sgl, vhost_scsi_map_to_sgl (6.1: vhost_scsi_iov_to_sgl)
   */
  private mapIovToSgl(io: Operation, table: SgTable, refusesMisaligned: boolean): number {
    const { lists, ledger } = this
    const before = this.entries
    let sg = table.sgl
    let mapped = 0
    while (io.iter.countBytes > 0) {
      const bytes = io.extract(UPAGES_MAX, MAX_RW_COUNT)
      if (bytes <= 0) return this.unmap(io, table, before, mapped, bytes === 0 ? EFAULT : bytes)
      const { list } = io
      if (refusesMisaligned && isMisaligned(list)) {
        this.putMisaligned(io)
        return this.unmap(io, table, before, mapped + bytes, EINVAL)
      }
      for (let i = 0; i < list.length; i++) {
        lists.setPage(sg, list.page[i], list.lengthBytes[i], list.offsetBytes[i])
        sg = lists.next(sg)
      }
      table.hold = ledger.join(table.hold, io.hold)
      this.entries += list.length
      mapped += bytes
    }
    return 0
  }

  /** @kernel drivers/vhost/scsi.c: vhost_scsi_revert_map_iov_to_sgl; 6.1 does not revert */
  private unmap(io: Operation, table: SgTable, entries: number, bytes: number, error: number): number {
    this.ledger.letGo(table.hold)
    table.hold = HOLD_NONE
    this.entries = entries
    if (!this.noRevert) io.iter.revert(bytes)
    return error
  }

  /** Lets go of what the last extraction took. @kernel drivers/vhost/scsi.c: vhost_scsi_map_to_sgl: revert_iter_get_pages */
  private putMisaligned(io: Operation): void {
    const lost = this.putsShort && !isBorrowed(io.hold) ? pagesNotPut(io.list) : 0
    if (lost > 0) {
      // Nobody has this part of the hold any more.
      this.ledger.mark(this.ledger.split(io.hold, lost), REASON_PUT_SHORT)
      this.counts[LOST_PAGES] += lost
    }
    this.ledger.letGo(io.hold)
  }

  private bounce(io: Operation, command: Command): number {
    const { table } = command
    const error = this.bounceBuffer.fill(io, command)
    if (error < 0) return error
    io.isBounced = true
    this.counts[BOUNCED]++
    this.counts[BOUNCE_PAGES] += table.nents
    if (io.observer !== null)
      io.observer.note(`misaligned and over ${UNALIGNED_SGLS_MAX} entries: copied through ${table.nents} fresh pages`)
    return 0
  }

  /** The command failed: what it has of its protection information goes, and its tag. @kernel vhost_scsi_release_cmd_res */
  private undo(command: Command): void {
    const { protTable } = command
    this.ledger.letGo(protTable.hold)
    if (protTable.nents > 0) this.freeTable(protTable)
    this.commands.give(command)
  }

  /** What the guest is told of a command that failed; the errno goes no further. @kernel drivers/vhost/scsi.c: vhost_scsi_handle_vq */
  private answer(error: number): number {
    const isFull = this.bounces && error === ENOMEM
    this.counts[isFull ? TASK_SET_FULL : this.bounces ? DROPPED : BAD_TARGETS]++
    return error
  }

  /**
   * Before 6.18 each command has both lists, a page array and one for its response; since then the page array is the
   * queue's, and the second list is there for protection information only.
   * @kernel drivers/vhost/scsi.c: vhost_scsi_setup_vq_cmds
   */
  private preallocatedBytes(): number {
    const upages = UPAGES_MAX * POINTER_BYTES
    const lists = this.hasProt || !this.chains ? 2 : 1
    const sgls = lists * this.inlineSgCnt * SCATTERLIST_BYTES
    return this.chains ? this.tags * sgls + upages : this.tags * (sgls + upages + RESP_IOVS * IOVEC_BYTES)
  }
}
