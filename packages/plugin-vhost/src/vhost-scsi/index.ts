import { CONSUMER_API_VERSION, defineConsumer, flagOption, numberOption } from '@pinscope/core'
import { SCSI_COUNTERS } from './scsi-counters.ts'
import { PROT_SGLS_MAX, SGLS_MAX, TAGS_DEFAULT, UNALIGNED_SGLS_MAX, UPAGES_MAX } from './scsi-limits.ts'
import { VhostScsi } from './vhost-scsi.ts'

export { PROT_SGLS_MAX, SGLS_MAX, UNALIGNED_SGLS_MAX, UPAGES_MAX } from './scsi-limits.ts'

/** Commands of a virtqueue, at most: entries of a split ring. @kernel include/uapi/linux/virtio_ring.h: 32768 */
const TAGS_MAX = 32768

const SCSI_C = 'drivers/vhost/scsi.c'

/** vhost-scsi. */
export const vhostScsi = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'vhost-scsi',
  summary: 'vhost-scsi data buffers: guest memory into a scatterlist, referenced until the command ends',
  kernel: `${SCSI_C}: vhost_scsi_mapal`,
  // The descriptor ring gives an iovec even for one segment; a ubuf row is that one segment.
  accepts: ['ubuf', 'iovec'],
  entriesMax: SGLS_MAX,
  dirtiesDest: false,
  avoided:
    'copyBytes: payload that the scatterlist reaches in guest memory, which the copy fallback would copy. entries and ' +
    'allocations: none, since it is itself the path from page array to scatterlist, over preallocated tables.',
  options: [
    numberOption(
      'tags',
      'commands that the virtqueue can have outstanding: its size (vq->num)',
      'commands',
      TAGS_DEFAULT,
      1,
      TAGS_MAX,
    ),
    flagOption('t10-pi', 'the memory begins with eight bytes of protection information for each 512 bytes of data'),
    numberOption(
      'inline-sg-cnt',
      'entries that each command has of its own (inline_sg_cnt); since 6.15, before it was 2048',
      'entries',
      SGLS_MAX,
      0,
      SGLS_MAX,
    ),
  ],
  limits: [
    limit('VHOST_SCSI_PREALLOC_SGLS', SGLS_MAX, 'entries', 'of the data of a command; -EINVAL beyond'),
    limit('VHOST_SCSI_PREALLOC_UPAGES', UPAGES_MAX, 'pages', 'of one extraction'),
    limit('VHOST_SCSI_PREALLOC_PROT_SGLS', PROT_SGLS_MAX, 'entries', 'of the protection information; -EINVAL beyond'),
    limit('BIO_MAX_VECS', UNALIGNED_SGLS_MAX, 'entries', 'of misaligned data; copied beyond, since 6.12'),
    limit('vq->num', TAGS_DEFAULT, 'commands', 'outstanding, unless -O vhost-scsi.tags tells; TASK_SET_FULL beyond'),
  ],
  counters: SCSI_COUNTERS,
  kernelPolicy: () => 'get-pages',
  create: (environment) => new VhostScsi(environment),
})

function limit(name: string, max: number, unit: string, summary: string) {
  return { name, max, unit, summary, kernel: SCSI_C }
}
