import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerCounter,
  defineConsumer,
  EFAULT,
  EINVAL,
  HOLD_NONE,
  ITER_DEST,
  type KernelVersion,
  MAX_RW_COUNT,
  type Operation,
} from '@pinscope/core'

/** Most pages, and so scatterlist entries, of one command. @kernel drivers/vhost/scsi.c: VHOST_SCSI_PREALLOC_SGLS */
export const SGLS_MAX = 2048

/** Commands of at most this many entries are passed on however they are aligned. @kernel BIO_MAX_VECS in vhost_scsi_map_to_sgl */
export const UNALIGNED_SGLS_MAX = 256

const SECTOR_MASK = 511

const COMMANDS = 0
const BOUNCED = 1
const BOUNCE_PAGES = 2

const COUNTERS: readonly ConsumerCounter[] = [
  { name: 'commands', summary: 'commands mapped, bounced ones included' },
  {
    name: 'bouncedCommands',
    summary: 'commands copied through fresh pages, because misaligned memory would need too many bvecs',
  },
  { name: 'bouncePages', summary: 'pages allocated for them' },
]

/**
 * The data of a vhost-scsi command: guest memory as an iovec, turned into a scatterlist of one entry a page. Pages are
 * referenced, not pinned, in every version up to mainline.
 *
 * From 6.12 on, a command of more than 256 entries with a piece that is not whole 512-byte sectors lets its pages go
 * again and is copied through fresh pages: at once for a write, at completion for a read. 6.1 passes it on as it is.
 *
 * @kernel drivers/vhost/scsi.c: vhost_scsi_mapal, vhost_scsi_map_iov_to_sgl, vhost_scsi_copy_iov_to_sgl
 */
class VhostScsi implements Consumer {
  private readonly bounces: boolean
  private readonly counts = new Float64Array(COUNTERS.length)

  constructor(kernel: KernelVersion) {
    this.bounces = kernel !== '6.1'
  }

  submit(io: Operation): number {
    const bytes = io.iter.countBytes
    if (bytes === 0) return 0
    const entries = io.iter.npages(SGLS_MAX + 1)
    if (entries > SGLS_MAX) {
      io.limitHit()
      return EINVAL
    }
    const mapped = this.map(io, entries)
    if (mapped === EINVAL) return this.bounce(io, bytes, entries)
    if (mapped < 0) return mapped
    this.counts[COMMANDS]++
    io.built(mapped)
    io.reachedInPlace(bytes)
    return bytes
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** @kernel drivers/vhost/scsi.c: vhost_scsi_release_cmd_res */
  complete(io: Operation): void {
    if (io.scratch > 0 && io.iter.direction === ITER_DEST) io.copied(io.scratch)
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(COUNTERS.map(({ name }, slot) => [name, this.counts[slot]]))
  }

  /** Entries of the scatterlist, or an errno with everything let go and the iterator where it was. */
  private map(io: Operation, expected: number): number {
    let entries = 0
    let taken = 0
    while (io.iter.countBytes > 0) {
      const bytes = io.extract(SGLS_MAX - entries, MAX_RW_COUNT)
      const isRefused = bytes > 0 && this.bounces && expected > UNALIGNED_SGLS_MAX && isMisaligned(io)
      if (bytes > 0) io.keep(io.hold)
      if (bytes <= 0 || isRefused) {
        io.letGoOfKept()
        io.iter.revert(taken + Math.max(bytes, 0))
        return isRefused ? EINVAL : bytes === 0 ? EFAULT : bytes
      }
      const { list } = io
      if (io.observer !== null) {
        io.observer.listBuilt('scatterlist', bytes, list.length, list.page, list.offsetBytes, list.lengthBytes, '')
      }
      entries += list.length
      taken += bytes
    }
    return entries
  }

  /** Copies through fresh pages, one for each entry. Nothing of the guest's memory is held. */
  private bounce(io: Operation, bytes: number, entries: number): number {
    this.counts[COMMANDS]++
    this.counts[BOUNCED]++
    this.counts[BOUNCE_PAGES] += entries
    io.built(entries)
    io.scratch = bytes
    io.hold = HOLD_NONE
    if (io.observer !== null)
      io.observer.note(`misaligned and over ${UNALIGNED_SGLS_MAX} entries: copied through ${entries} fresh pages`)
    // A write is copied now, a read when the device has filled the pages.
    if (io.iter.direction !== ITER_DEST) io.copied(bytes)
    return bytes
  }
}

/** A piece whose offset or length is not whole sectors. */
function isMisaligned({ list }: Operation): boolean {
  let bits = 0
  for (let i = 0; i < list.length; i++) bits |= list.offsetBytes[i] | list.lengthBytes[i]
  return (bits & SECTOR_MASK) !== 0
}

/** vhost-scsi. */
export const vhostScsi = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'vhost-scsi',
  summary: 'vhost-scsi data buffers: guest memory into a scatterlist, referenced until the command ends',
  kernel: 'drivers/vhost/scsi.c: vhost_scsi_mapal',
  // The descriptor ring gives an iovec even for one segment; a ubuf row is that one segment.
  accepts: ['ubuf', 'iovec'],
  entriesMax: SGLS_MAX,
  avoided:
    'copyBytes: payload that the scatterlist reaches in guest memory, which the copy fallback would copy. entries and ' +
    'allocations: none, since it is itself the path from page array to scatterlist, over preallocated tables.',
  counters: COUNTERS,
  kernelPolicy: () => 'get-pages',
  create: ({ kernel }) => new VhostScsi(kernel),
})
