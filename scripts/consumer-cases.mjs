// The ways in which each consumer is called, for the ownership table (docs/consumers/ownership.md): what a row says besides
// its iterator, and what was sent or switched before it.
import { KERNEL_ITER_TYPE_NAMES } from '../packages/core/dist/index.js'

/** Bytes of one operation: four pages, or one TLS record. */
const BYTES = 16384

const shape = (cells, more = {}) => ({ row: { file: 's', ...cells }, bytes: BYTES, ...more })
const send = (more = {}, flags = '') => shape(flags === '' ? { op: 'write' } : { op: 'write', flags }, more)
const receive = (more = {}) => shape({ op: 'read' }, more)
const both = (more = {}) => [receive(more), send(more)]
const SPLICE = 'splice'
/** The row before, which sends what is received. */
const sent = (bytes) => ({ before: [{ op: 'write', file: 's', iter: 'ubuf', segs: `0x7e0000000000+${bytes}` }] })
const quirk = (name) => ({ quirks: [{ name, on: true }] })
const option = (name, value) => ({ options: { [name]: value } })
/** What backs the memory of a KVEC. */
const kernelMemory = (backing) => ({
  before: [{ event: 'map', iter: 'kvec', segs: '0x888000000000+65536', backing }],
})

/** cifs over RDMA: what is done with user memory, or with the page cache, and the transport alone. */
const OFFLOAD = { 'rdma-offload': 1 }
const ALONE = { 'transport-only': 1 }
const cifs = (options) => ({ options })
const direct = (op, more = {}) => shape({ op, flags: 'direct' }, more)

/** Those that register every payload: cifs, and the transport alone. */
const REGISTERING = [
  { name: 'write', shapes: [send()] },
  { name: 'read', shapes: [receive()] },
  { name: 'transport alone', shapes: both(cifs(ALONE)) },
]

/** A registration: `register` rows, and an operation inside one. */
const registered = (cells = {}) => ({ event: 'register', id: 'mr', end: '', file: '', ...cells })
const MEMORY = { iter: 'ubuf', segs: '0x7f0000000000+65536' }
const inRegistered = ({ row, ...more }) => ({ row: { ...row, flags: 'fixed', id: 'mr' }, ...more })
/** What a program can register. */
const ADDRESSED = ['ubuf', 'iovec']

/** A request over registered memory, and what else comes before it. */
const fixed = (op, more = {}) => {
  const { before = [] } = more
  return inRegistered(shape({ op }, { ...more, before: [registered(MEMORY), ...before] }))
}
const zerocopy = ({ row, ...more }) => ({ row: { ...row, flags: 'fixed zerocopy' }, ...more })
const bothFixed = (more = {}) => [fixed('read', more), fixed('write', more)]

/** Messages of NFS that go one of the ways of the mails. */
const MESSAGES = [
  { name: 'send', shapes: [send()] },
  { name: 'receive', shapes: [receive()] },
]

/** What is in a socket, or a pipe, before the row, and is not over yet. */
const ahead = (cells) => ({
  before: [{ op: 'write', file: 's', iter: 'ubuf', segs: '0x7e0000000000+16384', end: 2e6, ...cells }],
})
const spliceOut = (more = {}) => shape({ op: 'read', flags: SPLICE }, { ...ahead({ flags: SPLICE }), ...more })
/** A directory was listed before. */
const LISTED = { before: [{ op: 'read', file: 's', iter: 'xarray', segs: `file:0+${BYTES}` }] }
const without = (...names) => KERNEL_ITER_TYPE_NAMES.filter((type) => !names.includes(type))

const CIPHER = [
  { name: 'send', shapes: [send()] },
  { name: 'splice', shapes: [send({}, SPLICE)] },
]

/**
 * Every way that is told apart, by consumer: { name, shapes, kernels, types }. `kernels`: the versions that have it, `types`:
 * the types of iterators that can be given to it; all of them where they are left out.
 */
export const CASES = {
  'af-alg-skcipher': [
    ...CIPHER,
    {
      name: 'send (quirk alg-tx-sendpage)',
      kernels: ['6.1'],
      shapes: [send(quirk('alg-tx-sendpage'))],
    },
    {
      name: 'splice of a page (quirk alg-tx-sendpage)',
      kernels: ['6.1'],
      shapes: [send({ ...quirk('alg-tx-sendpage'), bytes: 4096 }, SPLICE)],
    },
    {
      name: 'send (quirk alg-tx-splice)',
      kernels: ['6.12'],
      shapes: [send(quirk('alg-tx-splice'))],
    },
    {
      name: 'splice of a page (quirk alg-tx-splice)',
      kernels: ['6.12'],
      shapes: [send({ ...quirk('alg-tx-splice'), bytes: 4096 }, SPLICE)],
    },
    {
      name: 'splice of four pages (quirk alg-tx-splice)',
      kernels: ['6.12'],
      shapes: [send(quirk('alg-tx-splice'), SPLICE)],
    },
    { name: 'receive', shapes: [receive(sent(BYTES))] },
  ],
  'af-alg-aead': [...CIPHER, { name: 'receive', shapes: [receive(sent(BYTES - 16))] }],
  'af-alg-hash': [
    { name: 'send', shapes: [send()] },
    { name: 'splice', shapes: [send({}, SPLICE)] },
    { name: 'receive the digest', shapes: [receive(sent(BYTES))] },
  ],
  'netfs-crypt': [
    { name: 'read, whole blocks', shapes: [receive()] },
    { name: 'write, whole blocks', shapes: [send()] },
    { name: 'no whole blocks', shapes: both({ bytes: BYTES - 512 }) },
  ],
  'smb3-transform': [
    { name: 'encrypt', shapes: [send()] },
    { name: 'decrypt', shapes: [receive()] },
  ],
  'skcipher-walk': [{ name: 'walk', shapes: both() }],
  checksum: [{ name: 'sum', shapes: both() }],
  'vhost-scsi': [
    { name: 'command', shapes: both() },
    { name: 'misaligned, over 256 entries', shapes: both({ bytes: 300 * 4096 - 512, offsetBytes: 256 }) },
  ],
  '9p': [
    { name: 'over 1024 bytes', shapes: both() },
    { name: 'up to 1024 bytes', shapes: both({ bytes: 1024 }) },
  ],
  tls: [
    { name: 'send a whole record', shapes: [send()] },
    { name: 'send less, with more to come', shapes: [send({ bytes: 1000 }, 'more')] },
    { name: 'splice', shapes: [send(kernelMemory('vmalloc'), SPLICE)] },
    { name: 'splice slab memory', shapes: [send(kernelMemory('slab'), SPLICE)] },
    { name: 'receive a whole record', shapes: [receive()] },
    { name: 'receive part of a record', shapes: [receive({ bytes: 1000 })] },
    { name: 'receive a padded record (TLS 1.3)', shapes: [receive({ options: { version: 13, padded: 1 } })] },
    { name: 'device, send', shapes: [send(option('device', 1))] },
    { name: 'device, splice', shapes: [send(option('device', 1), SPLICE)] },
    {
      name: 'device, splice with zerocopy-sendfile',
      shapes: [send({ ...kernelMemory('vmalloc'), options: { device: 1, 'zerocopy-sendfile': 1 } }, SPLICE)],
    },
    { name: 'device, receive', shapes: [receive(option('device', 1))] },
  ],
  smbdirect: [
    { name: 'write', shapes: [send()] },
    { name: 'write, registered', shapes: [send(cifs(OFFLOAD))] },
    { name: 'write, encrypted', shapes: [send(cifs({ encrypted: 1 }))] },
    { name: 'read', shapes: [receive()] },
    { name: 'read, registered', shapes: [receive(cifs(OFFLOAD))] },
    { name: 'read, encrypted', shapes: [receive(cifs({ encrypted: 1 }))] },
    { name: 'transport alone, send', shapes: [send(cifs(ALONE))] },
    { name: 'transport alone, receive', shapes: [receive(cifs(ALONE))] },
  ],
  'smbdirect-legacy': [
    { name: 'direct write', shapes: [direct('write')] },
    { name: 'direct write, registered', shapes: [direct('write', cifs(OFFLOAD))] },
    { name: 'direct write, encrypted', shapes: [direct('write', cifs({ encrypted: 1 }))] },
    { name: 'direct read', shapes: [direct('read')] },
    { name: 'direct read, registered', shapes: [direct('read', cifs(OFFLOAD))] },
    { name: 'write that is not direct', shapes: [send(cifs({ 'non-direct': 1 }))] },
    { name: 'read that is not direct', shapes: [receive(cifs({ 'non-direct': 1 }))] },
    { name: 'transport alone, send', shapes: [send(cifs(ALONE))] },
    { name: 'transport alone, send of one packet', shapes: [send({ ...cifs(ALONE), bytes: 1000 })] },
    {
      name: 'transport alone, register',
      types: KERNEL_ITER_TYPE_NAMES.filter((type) => type !== 'kvec'),
      shapes: both(cifs({ ...ALONE, ...OFFLOAD })),
    },
    { name: 'transport alone, receive', shapes: [receive(cifs(ALONE))] },
  ],
  'smbd-mr': REGISTERING,
  'iter-to-mr': REGISTERING,
  'ib-umem': [
    { name: 'register', types: ADDRESSED, shapes: [shape(registered())] },
    { name: 'operation in registered memory', shapes: both({ before: [registered(MEMORY)] }).map(inRegistered) },
    { name: 'operation, not registered before', shapes: both() },
  ],
  'rdma-rw': [
    { name: 'scatterlist', shapes: both() },
    { name: 'bvecs', kernels: ['mainline'], shapes: both(option('bvec', 1)) },
  ],
  'nvme-rdma': [{ name: 'direct I/O', shapes: both() }],
  srp: [{ name: 'direct I/O', shapes: both() }],
  rds: [
    { name: 'send', shapes: [send()] },
    { name: 'send, zero-copy', shapes: [send({}, 'zerocopy')] },
    { name: 'splice', shapes: [send({}, SPLICE)] },
    { name: 'receive', shapes: [receive()] },
    { name: 'send, InfiniBand', shapes: [send(option('transport', 1))] },
    {
      name: 'register with a message, InfiniBand',
      types: ADDRESSED,
      shapes: [shape(registered(), { options: { transport: 1, 'rdma-map': 1 } })],
    },
  ],
  'msg-zerocopy': [
    { name: 'send', shapes: [send()] },
    { name: 'send, zero-copy', shapes: [send({}, 'zerocopy')] },
    { name: 'send, zero-copy, device without gathering', shapes: [send(option('sg-route', 0), 'zerocopy')] },
    { name: 'send, zero-copy, loopback', shapes: [send(option('loopback', 1), 'zerocopy')] },
    { name: 'splice', shapes: [send(kernelMemory('vmalloc'), SPLICE)] },
    { name: 'splice slab memory', shapes: [send(kernelMemory('slab'), SPLICE)] },
    { name: 'SEND_ZC', shapes: [send(option('uring', 1), 'zerocopy')] },
    { name: 'SEND_ZC, registered buffer', types: ADDRESSED, shapes: [zerocopy(fixed('write'))] },
    {
      name: 'SEND_ZC, registered buffer, behind copied data',
      types: ADDRESSED,
      shapes: [zerocopy(fixed('write', ahead({ segs: '0x7e0000000000+1000', flags: 'more' })))],
    },
    { name: 'receive', shapes: [receive()] },
  ],
  sunrpc: [
    { name: 'server, reply', shapes: [send()] },
    { name: 'server, reply, device without gathering', shapes: [send(option('sg', 0))] },
    { name: 'client, request', shapes: [send(option('side', 1))] },
    { name: 'receive', shapes: [receive(), receive(option('side', 1))] },
  ],
  'sunrpc-bvec': MESSAGES,
  'sunrpc-kmap': MESSAGES,
  'sunrpc-sends': MESSAGES,
  'sunrpc-mixed': MESSAGES,
  ceph: [
    { name: 'direct read', shapes: [receive()] },
    { name: 'direct write', shapes: [send()] },
    { name: 'direct write, secure', shapes: [send(option('msgr', 2))] },
    { name: 'page cache, read', shapes: [receive(option('path', 1))] },
    { name: 'page cache, writeback', shapes: [send(option('path', 1))] },
  ],
  rbd: [
    { name: 'read', shapes: [receive()] },
    { name: 'write', shapes: [send()] },
    { name: 'write, secure', shapes: [send(option('msgr', 2))] },
  ],
  splice: [
    { name: 'vmsplice; splice of a file (XARRAY)', shapes: [send({}, SPLICE)] },
    { name: 'splice of a file (6.1)', types: ['pipe'], shapes: [receive()] },
    { name: 'write', shapes: [send()] },
    { name: 'read', types: without('pipe'), shapes: [receive(ahead({ flags: SPLICE }))] },
    { name: 'splice to a socket', types: ['discard'], shapes: [spliceOut()] },
    { name: 'splice to a file', types: ['discard'], shapes: [spliceOut(option('out', 1))] },
  ],
  'xdp-umem': [
    { name: 'register', types: ADDRESSED, shapes: [shape(registered())] },
    { name: 'packets', types: ADDRESSED, shapes: bothFixed() },
    { name: 'packets, copy mode', types: ADDRESSED, shapes: bothFixed(option('mode', 1)) },
    { name: 'memory in no area', shapes: both() },
  ],
  'netfs-dio': [
    { name: 'read', shapes: [receive()] },
    { name: 'write', shapes: [send()] },
    { name: 'page cache, read', types: ['folioq'], shapes: [receive(option('page-cache', 1))] },
    { name: 'page cache, writeback', types: ['folioq'], shapes: [send(option('page-cache', 1))] },
  ],
  'nfs-direct': [{ name: 'direct I/O', shapes: both() }],
  fuse: [
    { name: 'direct I/O', shapes: both() },
    { name: 'direct I/O, virtio-fs', shapes: both(option('virtio-fs', 1)) },
    { name: 'read and write of /dev/fuse', shapes: both(option('side', 1)) },
  ],
  'afs-dir': [
    { name: 'list', shapes: [receive()] },
    { name: 'list again', shapes: [receive(LISTED)] },
    { name: 'list, without references', kernels: ['6.1', '6.12'], shapes: [receive(option('way', 1))] },
    { name: 'add an entry', shapes: [send(LISTED)] },
  ],
  'process-vm': [
    { name: 'process_vm_readv', shapes: [receive()] },
    { name: 'process_vm_writev', shapes: [send()] },
  ],
  'proc-mem': [{ name: 'read and write', shapes: both() }],
  loop: [
    { name: 'file below direct', shapes: both() },
    { name: 'file below buffered', shapes: both(option('direct-io', 0)) },
  ],
  vring: [
    { name: 'request', shapes: both() },
    { name: 'request, maps of pages alone', shapes: both(option('use-va', 0)) },
  ],
  'write-classic': [{ name: 'buffered write', shapes: [send()] }],
  'write-multipage': [{ name: 'buffered write', shapes: [send()] }],
  'write-iomap': [{ name: 'buffered write', shapes: [send()] }],
  recvfile: [{ name: 'receive into a file', shapes: [send()] }],
  'writeback-as-is': [{ name: 'direct I/O', shapes: both() }],
  'writeback-skip': [{ name: 'direct I/O', shapes: both() }],
  'writeback-wait': [{ name: 'direct I/O', shapes: both() }],
  'writeback-bounce-block': [{ name: 'direct I/O', shapes: both() }],
  'writeback-bounce-fs': [{ name: 'direct I/O', shapes: both() }],
  'writeback-stable': [{ name: 'direct I/O', shapes: both() }],
  'reflink-fail': [{ name: 'direct I/O', shapes: both() }],
  'reflink-wait': [{ name: 'direct I/O', shapes: both() }],
  'reflink-ignore': [{ name: 'direct I/O', shapes: both() }],
  'reflink-copy': [{ name: 'direct I/O', shapes: both() }],
  'reflink-lease': [{ name: 'direct I/O', shapes: both() }],
  'lease-prompt': [{ name: 'direct I/O', shapes: both() }],
  'lease-late': [{ name: 'direct I/O', shapes: both() }],
  'lease-never': [{ name: 'direct I/O', shapes: both() }],
  'io-uring-fixed': [
    { name: 'register', types: ADDRESSED, shapes: [shape(registered())] },
    { name: 'request in a registered buffer', types: ADDRESSED, shapes: bothFixed() },
    { name: 'request in other memory', shapes: both() },
  ],
}

/** As {@link CASES}, of a consumer of the library itself that the specification's table has, for its context. */
export const CORE_CASES = {
  bio: [{ name: 'direct I/O', shapes: both() }],
}
