// The ways in which each consumer is called, for the ownership table (docs/consumers/ownership.md): what a row says besides
// its iterator, and what was sent or switched before it.

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

const CIPHER = [
  { name: 'send', shapes: [send()] },
  { name: 'splice', shapes: [send({}, SPLICE)] },
]

/**
 * Every way that is told apart, by consumer: { name, shapes, kernels }. `kernels`: the versions that have it, all of them
 * where it is left out.
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
}
