// The ownership table of the specification of consumers (section 16), cell by cell as it stands there, beside what the code does.
import { ALL, DIFFERENCES, ML } from './ownership-differences.mjs'

/** Columns of the reference, and the types of iterators that each of them is about. */
export const COLUMNS = {
  'UBUF/IOVEC': ['ubuf', 'iovec'],
  BVEC: ['bvec'],
  KVEC: ['kvec'],
  XARRAY: ['xarray'],
  FOLIOQ: ['folioq'],
  DISCARD: ['discard'],
}

/** Cells of the reference that are more than one word of ours, and what they say an operation may do. */
export const PHRASES = {
  '–': ['n/a'],
  '−EFAULT': ['-EFAULT'],
  '−EIO': ['-EIO'],
  '– / ref': ['ref'],
  'ref / copy': ['ref', 'copy'],
  'ref (zc) / copy': ['ref', 'copy'],
  'ref or copy': ['ref', 'copy'],
  'ref or copy (misaligned)': ['ref', 'copy'],
  'ref or copy (sendpage: ref)': ['ref', 'copy'],
  'ref or copy (splice n/a)': ['ref', 'copy'],
  'ref (splice) or ref/copy': ['ref', 'copy'],
  'ref (splice)': ['ref'],
  'copy (splice: ref, slab −EIO)': ['copy', 'ref', '-EIO'],
  'copy (sendpage zc: ref)': ['copy', 'ref'],
  'copy (page via sendpage: ref)': ['copy', 'ref'],
  '−EINVAL on splice, copy otherwise': ['-EINVAL', 'copy'],
  '−EINVAL/copy': ['-EINVAL', 'copy'],
  'bare+get = ref': ['ref'],
  'n/a (page arrays)': ['n/a'],
  'bare kvec': ['bare'],
  'operates on sg, no ownership': ['nothing'],
  'page array bare': ['bare'],
  'bare+map': ['bare'],
  'pin (leak: contract)': ['pin'],
  '−EINVAL': ['-EINVAL'],
  'copy (first bvec only)': ['copy'],
  'copy (first kvec only)': ['copy'],
  '→ copy': ['copy'],
  'pin (netfs)': ['pin'],
  '(address) pin LONGTERM': ['pin'],
  'map only': ['bare'],
  'sendpage ref': ['ref'],
  'sendpage ref (pages)': ['ref'],
  'via virt_to_page ref': ['ref'],
  'ref (skb)': ['ref'],
  'via bvec ref': ['ref'],
  'ref or −EIO (slab)': ['ref', '-EIO'],
  'pin+ref (not used)': ['pin + ref'],
  'managed bare (downgrade: ref)': ['bare', 'ref'],
  'pin per page': ['pin'],
  'pin per folio/page': ['pin'],
  'ref (nfs_page)': ['ref'],
  'n/a (cifs/fs specific)': ['n/a'],
  // A reference that is put as soon as the page is found.
  'borrow (ref+put)': ['ref'],
  borrow: ['ref'],
  'bare (borrow)': ['bare'],
  'bare (array reused)': ['bare'],
  pointer: ['nothing'],
  'pointer or bare': ['nothing', 'bare'],
  // What is held only while the CPU copies is no word of ours: the pins, and the pages found by number, are gone with the copy.
  'copy local; remote pin': ['copy'],
  'use_va: user copy': ['copy'],
  'bare (pfn)': ['copy'],
  'folio ref until load, lock until collect': ['ref'],
  'folio refs + bare iterator': ['ref'],
  later: ['n/a'],
}

const TLS_SEND = ['send a whole record', 'send less, with more to come', 'splice', 'splice slab memory']
const DIRECT_6_1 = ['direct write', 'direct write, registered', 'direct read', 'direct read, registered']
const SPLICES = ['splice', 'splice slab memory']
const FUSE = ['direct I/O', 'direct I/O, virtio-fs']
const MANAGED = ['SEND_ZC, registered buffer', 'SEND_ZC, registered buffer, behind copied data']
const TLS_DEVICE = ['device, send', 'device, splice', 'device, splice with zerocopy-sendfile']

/**
 * Rows: the reference's name and version, the versions of ours that it stands for, the consumer and the ways of calling it
 * that the row is about, and its cells in the order of COLUMNS. A cell of ours is what all these ways do.
 */
export const REFERENCE = [
  row('AF_ALG TX', '6.1.0', ['6.1'], 'af-alg-skcipher', [
    'send (quirk alg-tx-sendpage)',
    'splice of a page (quirk alg-tx-sendpage)',
  ])('copy', 'copy (page via sendpage: ref)', 'copy', 'copy', 'n/a', '–'),
  row('AF_ALG TX', '6.1.192 / ML / VML', ALL, 'af-alg-skcipher', ['send', 'splice'])(
    'copy',
    'copy',
    'copy',
    'copy',
    'copy',
    '–',
  ),
  row('AF_ALG TX', '6.1.192 / ML / VML', ALL, 'af-alg-aead', ['send', 'splice'])(
    'copy',
    'copy',
    'copy',
    'copy',
    'copy',
    '–',
  ),
  row('AF_ALG TX', '6.5–2026 T-splice', ['6.12'], 'af-alg-skcipher', [
    'send (quirk alg-tx-splice)',
    'splice of a page (quirk alg-tx-splice)',
  ])('−EINVAL on splice, copy otherwise', 'bare+get = ref', '−EINVAL/copy', '−EINVAL/copy', '–', '–'),
  ...['af-alg-skcipher', 'af-alg-aead'].flatMap((consumer) => [
    row('AF_ALG RX', '6.1', ['6.1'], consumer, ['receive'])('ref', 'ref', '−EFAULT', 'ref', 'n/a', '−EFAULT'),
    row('AF_ALG RX', 'ML', ML, consumer, ['receive'])('pin', 'bare', 'bare', 'bare', 'bare', '−EIO'),
  ]),
  row('AF_ALG hash', '6.1', ['6.1'], 'af-alg-hash', ['send'])('ref', 'ref', '−EFAULT', 'ref', 'n/a', '−EFAULT'),
  row('AF_ALG hash', 'ML', ML, 'af-alg-hash', ['send'])('pin', 'bare', 'bare', 'bare', 'bare', '−EIO'),
  row('SMB3 crypt sg', '6.1', ['6.1'], 'smb3-transform', ['decrypt'])(
    'n/a (page arrays)',
    '–',
    'bare kvec',
    '–',
    'n/a',
    '–',
  ),
  row('SMB3 crypt sg', 'ML', ML, 'smb3-transform', ['decrypt'])('−EIO', 'bare', 'bare', 'bare', 'bare', '−EIO'),
  row('vhost-scsi', '6.1', ['6.1'], 'vhost-scsi', ['command', 'misaligned, over 256 entries'])(
    'ref',
    'n/a',
    'n/a',
    'n/a',
    'n/a',
    '–',
  ),
  row('vhost-scsi', 'ML', ML, 'vhost-scsi', ['command', 'misaligned, over 256 entries'])(
    'ref or copy (misaligned)',
    'n/a',
    'n/a',
    'n/a',
    'n/a',
    '–',
  ),
  row('9p zc', '6.1 / ML', ALL, '9p', ['over 1024 bytes'])('ref', 'ref', 'bare', 'ref', '– / ref', '−EFAULT'),
  row('TLS TX sw', '6.1', ['6.1'], 'tls', TLS_SEND)(
    'ref or copy',
    'ref or copy (sendpage: ref)',
    'copy',
    'ref or copy',
    'n/a',
    '–',
  ),
  row('TLS TX sw', 'ML', ML, 'tls', TLS_SEND)(
    'ref or copy (splice n/a)',
    'ref (splice) or ref/copy',
    'copy (splice: ref, slab −EIO)',
    'ref or copy',
    'ref or copy',
    '–',
  ),
  row('TLS RX', 'both', ALL, 'tls', ['receive a whole record', 'receive part of a record'])(
    'ref (zc) / copy',
    'ref / copy',
    'copy',
    'ref / copy',
    '– / ref',
    'copy',
  ),
  row('TLS dev TX', '6.1', ['6.1'], 'tls', TLS_DEVICE)('copy', 'copy (sendpage zc: ref)', 'copy', 'copy', 'n/a', '–'),
  row('TLS dev TX', 'ML', ML, 'tls', TLS_DEVICE)('copy', 'ref (splice)', 'copy', 'copy', 'copy', '–'),
  row('smbdirect send', '6.1', ['6.1'], 'smbdirect-legacy', [
    'transport alone, send',
    'transport alone, send of one packet',
  ])('n/a', 'page array bare', 'bare', 'n/a', 'n/a', '–'),
  row('smbdirect send', 'ML / VML', ML, 'smbdirect', ['transport alone, send'])(
    '−EIO',
    'bare+map',
    'bare+map',
    '−EIO',
    'bare+map',
    '−EIO',
  ),
  row('smbd_register_mr', '6.1', ['6.1'], 'smbdirect-legacy', ['transport alone, register'])(
    'n/a',
    'page array bare',
    'n/a',
    'n/a',
    'n/a',
    '–',
  ),
  row('smbd_register_mr', 'ML', ML, 'smbd-mr', ['transport alone'])(
    'pin (leak: contract)',
    'bare+map',
    'bare+map',
    'bare+map',
    'bare+map',
    '−EIO',
  ),
  row('smbd_recv', '6.1', ['6.1'], 'smbdirect-legacy', ['transport alone, receive'])(
    '−EINVAL',
    'copy (first bvec only)',
    'copy (first kvec only)',
    '−EINVAL',
    'n/a',
    '−EINVAL',
  ),
  row('smbd_recv', 'ML', ML, 'smbdirect', ['transport alone, receive'])('copy', 'copy', 'copy', 'copy', 'copy', 'copy'),
  row('RDS zcopy', '6.1 / ML', ALL, 'rds', ['send, zero-copy'])('ref', 'ref', '−EFAULT', 'ref', '– / ref', '−EFAULT'),
  row('RDS copy', 'both', ALL, 'rds', ['send', 'send, InfiniBand'])('copy', 'copy', 'copy', 'copy', 'copy', '–'),
  row('cifs DIO', '6.1', ['6.1'], 'smbdirect-legacy', DIRECT_6_1)('ref', 'ref', '→ copy', 'ref', 'n/a', '−EFAULT'),
  row('cifs DIO', 'ML', ML, 'smbdirect', ['write', 'write, registered', 'read', 'read, registered'])(
    'pin (netfs)',
    'bare',
    'bare',
    'bare',
    'bare',
    '–',
  ),
  row('ib_umem', 'both', ALL, 'ib-umem', ['register'])('(address) pin LONGTERM', '–', '–', '–', '–', '–'),
  row('rdma_rw / frwr', 'both', ALL, 'rdma-rw', ['scatterlist'])('–', 'map only', 'map only', '–', '–', '–'),
  row('skcipher walk', 'both', ALL, 'skcipher-walk', ['walk'])('operates on sg, no ownership', '–', '–', '–', '–', '–'),
  row('skb MSG_ZEROCOPY', '6.1 / ML', ALL, 'msg-zerocopy', ['send, zero-copy'])(
    'ref',
    'ref',
    '−EFAULT',
    'ref',
    '– / ref',
    '−EFAULT',
  ),
  row('skb splice', '6.1', ['6.1'], 'msg-zerocopy', SPLICES)('n/a', 'sendpage ref', 'n/a', 'n/a', 'n/a', '–'),
  row('skb splice', 'ML', ML, 'msg-zerocopy', SPLICES)(
    'pin+ref (not used)',
    'ref',
    'ref or −EIO (slab)',
    'ref',
    'ref',
    '−EFAULT',
  ),
  row('io_uring send zc', '6.1 / ML', ALL, 'msg-zerocopy', ['SEND_ZC'], MANAGED)(
    'ref',
    'managed bare (downgrade: ref)',
    'n/a',
    '–',
    '–',
    '–',
  ),
  row('io_uring reg buf', '6.1', ['6.1'], 'io-uring-fixed', ['register'])(
    'pin per page',
    'n/a',
    'n/a',
    'n/a',
    'n/a',
    '–',
  ),
  row('io_uring reg buf', 'ML', ML, 'io-uring-fixed', ['register'])(
    'pin per folio/page',
    'n/a',
    'n/a',
    'n/a',
    'n/a',
    '–',
  ),
  row('sunrpc svc', '6.1', ['6.1'], 'sunrpc', ['server, reply'])(
    'n/a',
    'sendpage ref (pages)',
    'via virt_to_page ref',
    'n/a',
    '–',
    '–',
  ),
  row('sunrpc svc', 'ML', ML, 'sunrpc', ['server, reply'])('n/a', 'ref (skb)', 'via bvec ref', 'n/a', '–', '–'),
  row('sunrpc client', 'both', ALL, 'sunrpc', ['client, request'])('n/a', 'copy', 'copy', 'n/a', '–', '–'),
  row('NFS direct', '6.1 / ML', ALL, 'nfs-direct', ['direct I/O'])(
    'ref (nfs_page)',
    'ref',
    '−EFAULT',
    'ref',
    '– / ref',
    '−EFAULT',
  ),
  row('netfs DIO', '6.1', ['6.1'], 'netfs-dio', ['read', 'write'])('n/a (cifs/fs specific)', '–', '–', '–', '–', '–'),
  row('netfs DIO', 'ML', ML, 'netfs-dio', ['read', 'write'])('pin', 'bare', 'bare', 'bare', 'bare', '–'),
  row('ceph DIO', '6.1 / ML', ALL, 'ceph', ['direct read', 'direct write'])(
    'ref',
    'ref',
    '−EFAULT',
    'ref',
    '– / ref',
    '−EFAULT',
  ),
  row('ceph msgr ITER', 'ML', ML, 'ceph', ['page cache, read'])(
    'n/a',
    'borrow (ref+put)',
    'n/a',
    'borrow',
    'borrow',
    '–',
  ),
  row('rbd', 'both', ALL, 'rbd', ['read', 'write'])('n/a', 'bare (borrow)', 'n/a', '–', '–', '–'),
  row('loop', 'both', ALL, 'loop', ['file below direct'])('n/a', 'bare (borrow)', 'n/a', '–', '–', '–'),
  row('block DIO (context)', '6.1', ['6.1'], 'bio', ['direct I/O'])(
    'ref',
    'bare (array reused)',
    '−EFAULT',
    'ref',
    'n/a',
    '−EFAULT',
  ),
  row('block DIO (context)', 'ML', ML, 'bio', ['direct I/O'])('pin', 'bare', 'bare', 'bare', 'bare', '−EFAULT'),
  row('fuse DIO', '6.1', ['6.1'], 'fuse', FUSE)('ref', 'ref', 'pointer', 'ref', 'n/a', '−EFAULT'),
  row('fuse DIO', 'ML', ML, 'fuse', FUSE)('pin', 'bare', 'pointer or bare', 'bare', 'bare', '−EFAULT'),
  row('vmsplice', 'both', ALL, 'splice', ['vmsplice; splice of a file (XARRAY)'])(
    'ref',
    'ref',
    '−EFAULT',
    'ref',
    '– / ref',
    '−EFAULT',
  ),
  row('process_vm', 'both', ALL, 'process-vm', ['process_vm_readv', 'process_vm_writev'])(
    'copy local; remote pin',
    'copy',
    'copy',
    'copy',
    'copy',
    'copy',
  ),
  row('vring iotlb', 'both', ALL, 'vring', ['request'])('use_va: user copy', 'bare (pfn)', 'n/a', '–', '–', '–'),
  row('netfs rolling buffer', 'ML', ML, 'netfs-dio', ['page cache, read'])(
    'n/a',
    'n/a',
    'n/a',
    'n/a',
    'folio ref until load, lock until collect',
    '–',
  ),
  row('afs dir read', '6.1 / ML', ALL, 'afs-dir', ['list', 'list again'])(
    'n/a',
    'n/a',
    'n/a',
    'folio refs + bare iterator',
    'later',
    '–',
  ),
]

/** `registered`: the ways that the column BVEC is about, where the bvecs are those of a registered buffer. */
function row(name, version, kernels, consumer, ways, registered = null) {
  return (...cells) => ({ name, version, kernels, consumer, ways, registered, cells })
}

/** Every cell of the reference beside ours: { name, version, kernel, column, type, says, is, expected }. */
export function comparedCells(rowsOf) {
  return REFERENCE.flatMap(({ name, version, kernels, consumer, ways, registered, cells }) =>
    kernels.flatMap((kernel) =>
      Object.entries(COLUMNS).flatMap(([column, types], at) =>
        types.map((type) => {
          // A row over a registered buffer names addresses; what the consumer sees is its bvecs.
          const isRegistered = column === 'BVEC' && registered !== null
          const is = isRegistered
            ? union(rowsOf(consumer), kernel, registered, 'ubuf')
            : union(rowsOf(consumer), kernel, ways, type)
          // A row for several versions says nothing of a type that one of them does not have.
          const isMissing = type === 'folioq' && kernel === '6.1'
          const means = isMissing ? ['n/a'] : (PHRASES[cells[at]] ?? [cells[at]])
          return { name, version, kernel, consumer, column, type, says: cells[at], means: words(means), is }
        }),
      ),
    ),
  )
}

/** What a consumer does in all these ways, with an iterator of the type. */
function union(rows, kernel, ways, type) {
  const cells = rows.filter((one) => one.kernel === kernel && ways.includes(one.name)).map(({ cells }) => cells[type])
  if (cells.length !== ways.length) throw new Error(`${kernel}: one of ${ways.join('; ')} is missing`)
  const arriving = cells.flatMap((cell) => cell.split(' or ')).filter((cell) => cell !== 'n/a')
  return words(arriving.length === 0 ? ['n/a'] : arriving)
}

const words = (cells) => [...new Set(cells)].sort().join(' or ')

/** The difference that is listed for a cell, or undefined. */
export function listedFor({ name, version, kernel, column }) {
  return DIFFERENCES.find(
    (one) =>
      one.name === name &&
      (one.version ?? version) === version &&
      one.kernels.includes(kernel) &&
      one.columns[column] !== undefined,
  )
}
