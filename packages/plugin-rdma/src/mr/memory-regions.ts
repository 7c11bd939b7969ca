import {
  type ConsumerCounter,
  type ConsumerEnvironment,
  type ConsumerOption,
  flagOption,
  grown,
  isSince,
  numberOption,
  type Operation,
  RowPool,
  SCATTERLIST_BYTES,
} from '@pinscope/core'
import type { MemoryRegion } from './memory-region.ts'

/** No region. */
const NONE = 0

/**
 * Bytes of what stands for one MR, as the fields add up without the driver's part; mainline has a mutex and a kref more.
 * @kernel fs/smb/client/smbdirect.h: struct smbd_mr; mainline: fs/smb/smbdirect/socket.h: struct smbdirect_mr_io
 */
const SMBD_MR_BYTES = 168

/** Read and write requests that the peer may have running at once. @kernel fs/smb/client/smbdirect.c: SMBD_CM_RESPONDER_RESOURCES */
export const RESPONDER_RESOURCES = 32

/** Counters of registrations, behind those of cifs; the constants are slots from there on. */
export const MR_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'mrWaits', summary: 'registrations that had to wait for a free memory region' },
  { name: 'localInvalidations', summary: 'memory regions invalidated by this side (SMB 3.0), with a wait each' },
  {
    name: 'mrErrors',
    summary: 'registrations that failed: the connection is given up, and the next request makes another',
  },
  { name: 'lostMrs', summary: 'memory regions that nobody gives back (quirk smbd-write-mr-lost)' },
  {
    name: 'regionBytes',
    summary: 'allocated with the connection for its memory regions, their lists and (not iter-to-mr) scatterlists',
  },
]
const MR_WAITS = 0
const LOCAL_INVALIDATIONS = 1
const MR_ERRORS = 2
const LOST_MRS = 3
const REGION_BYTES = 4

/** Options of a consumer that registers memory, besides those of cifs. */
export const MR_OPTIONS: readonly ConsumerOption[] = [
  numberOption(
    'responder-resources',
    'reads and writes that the server may have running; a device may allow fewer (ConnectX: 16). Twice as many regions exist',
    'requests',
    RESPONDER_RESOURCES,
    1,
    255,
  ),
  flagOption('local-invalidate', 'the dialect is SMB 3.0: a region is invalidated by this side, not by the answer'),
]

/**
 * The memory regions of a connection: allocated when it begins, with a scatterlist of the greatest length each, used again
 * and again, and freed when it ends. They are there before the first operation, so they are in no sum of allocations: the
 * counter `regionBytes` tells their size.
 *
 * - A registration takes a ready one and waits where there is none. Waiting is counted and not simulated: the region it
 *   gets then costs nothing.
 * - A registration that fails leaves its region in error, and the connection is given up. The next request connects anew:
 *   all regions are freed and made again. (What else is in flight goes on here; the trace says that it completed.)
 * - Undoing one invalidates it, here or by the server's answer, unmaps its memory, and it is ready again. That an
 *   invalidation fails is not modelled. (6.1 and 6.12 leave the memory mapped then.)
 *
 * @kernel fs/smb/client/smbdirect.c: allocate_mr_list, get_mr, smbd_deregister_mr, destroy_mr_list;
 *   mainline: fs/smb/smbdirect/mr.c: smbdirect_connection_create_mr_list, smbdirect_connection_get_mr_io,
 *   smbdirect_connection_deregister_mr_io, smbdirect_connection_destroy_mr_list. 6.18: as mainline, in client/smbdirect.c.
 */
export class MemoryRegions {
  /** The list of the region at work: it is only looked at while it is made. */
  readonly list: MemoryRegion
  /** Regions of the connection. */
  readonly count: number
  private readonly counts: Float64Array
  /** Slot of the first of {@link MR_COUNTERS}. */
  private readonly base: number
  /** Of all regions: the structs, the drivers' lists, the scatterlists. */
  private readonly regionBytes: number
  private readonly isLocal: boolean
  private readonly waitsForLost: boolean

  private isBroken = false
  private used = 0
  private lost = 0
  private lostEntries = 0
  private readonly rows = new RowPool(1)
  /** Of a region in use: entries that are mapped. */
  private entries = new Int32Array(64)
  /** Of the regions of one operation, the one before. */
  private before = new Int32Array(64)
  /** Of each operation, its last region. */
  private last = new Int32Array(64)

  /** `base`: slot of the first of {@link MR_COUNTERS}. `hasScatterlists`: one is preallocated with each region. */
  constructor(
    { kernel, options }: ConsumerEnvironment,
    counts: Float64Array,
    base: number,
    list: MemoryRegion,
    hasScatterlists: boolean,
  ) {
    this.counts = counts
    this.base = base
    this.list = list
    this.count = 2 * (options['responder-resources'] ?? RESPONDER_RESOURCES)
    const entryBytes = list.entryBytes + (hasScatterlists ? SCATTERLIST_BYTES : 0)
    this.regionBytes = this.count * (SMBD_MR_BYTES + list.entriesMax * entryBytes)
    this.isLocal = options['local-invalidate'] === 1
    this.waitsForLost = !isSince(kernel, '6.18')
  }

  /** There is a connection, the first or a new one; false where the old one cannot end. */
  connect(io: Operation): boolean {
    if (this.isBroken) this.destroy(io)
    this.counts[this.base + REGION_BYTES] = this.regionBytes
    return !this.isBroken
  }

  /**
   * A region for `operation`: a ready one, or the one that will be when another operation is done.
   * @kernel get_mr, smbdirect_connection_get_mr_io
   */
  take(io: Operation, operation: number): void {
    if (!io.fits(this.used + this.lost + 1, this.count)) this.counts[this.base + MR_WAITS]++
    const row = this.rows.take()
    if (row === this.entries.length) this.grow()
    if (operation >= this.last.length) this.last = grown(this.last, 2 * operation)
    this.entries[row] = 0
    this.before[row] = this.last[operation]
    this.last[operation] = row
    this.used++
  }

  /** The region that the operation took last has its memory, `entries` entries of it mapped. */
  register(operation: number, entries: number): void {
    this.entries[this.last[operation]] = entries
  }

  /** It could not be registered: nothing of it is mapped, and the connection is given up. */
  fail(operation: number): void {
    this.rows.give(this.unlink(operation))
    this.isBroken = true
    this.counts[this.base + MR_ERRORS]++
  }

  /** Undoes the last registration of an operation, if it has one. @kernel smbd_deregister_mr */
  undoLast(io: Operation, operation: number): void {
    const row = this.unlink(operation)
    if (row === NONE) return
    if (this.isLocal) this.counts[this.base + LOCAL_INVALIDATIONS]++
    io.unmapDma(this.entries[row])
    this.rows.give(row)
  }

  /** Undoes every registration of an operation. */
  undoAll(io: Operation, operation: number): void {
    while (operation < this.last.length && this.last[operation] !== NONE) this.undoLast(io, operation)
  }

  /** Nobody will undo the last registration of an operation. Returns the entries that stay mapped; 0 where it has none. */
  lose(operation: number): number {
    const row = this.unlink(operation)
    if (row === NONE) return 0
    this.rows.give(row)
    this.lost++
    this.lostEntries += this.entries[row]
    this.counts[this.base + LOST_MRS]++
    return this.entries[row]
  }

  /** The connection ends with the trace. */
  close(io: Operation): void {
    this.destroy(io)
  }

  private unlink(operation: number): number {
    const row = operation < this.last.length ? this.last[operation] : NONE
    if (row === NONE) return NONE
    this.last[operation] = this.before[row]
    this.used--
    return row
  }

  /**
   * The regions are freed. What is lost is unmapped with its region, but its struct stays: it waits for who is to give it
   * back. 6.1 and 6.12 wait for every region before that, for a lost one without end: there is no other connection then.
   * @kernel fs/smb/client/smbdirect.c: smbd_destroy, destroy_mr_list (6.18: smbd_mr_disable_locked)
   */
  private destroy(io: Operation): void {
    if (this.lost > 0 && this.waitsForLost) return
    if (this.lostEntries > 0) io.unmapDma(this.lostEntries)
    this.lost = 0
    this.lostEntries = 0
    this.isBroken = false
  }

  private grow(): void {
    this.entries = grown(this.entries, 2 * this.entries.length)
    this.before = grown(this.before, 2 * this.before.length)
  }
}
