// The ownership table of the specification of consumers (section 16), cell by cell as it stands there, and what the cells that
// differ from the code come from: a place in the kernel for each, looked up in its sources.

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
}

const ML = ['6.12', '6.18', 'mainline']
const ALL = ['6.1', ...ML]
const TLS_SEND = ['send a whole record', 'send less, with more to come', 'splice', 'splice slab memory']
const DIRECT_6_1 = ['direct write', 'direct write, registered', 'direct read', 'direct read, registered']
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
]

function row(name, version, kernels, consumer, ways) {
  return (...cells) => ({ name, version, kernels, consumer, ways, cells })
}

const NO_SOURCE =
  'lib/iov_iter.c: iov_iter_discard has BUG_ON(direction != READ) in every version: a DISCARD iterator is no source, so none can be sent'
const NOT_ALONE =
  'net/tls/tls_device.c: tls_push_data looks at MSG_SPLICE_PAGES alone, not at the type, and tls_device_sendmsg drops the flag without zerocopy_sendfile (6.12, 7.3): every kernel iterator is attached with it, and copied without'
const PAGE_ARRAY =
  'the message of 6.1 is an array of pages; the model makes that array too, as direct I/O does: fs/smb/client/file.c: cifs_send_async_read, cifs_write_from_iter call iov_iter_get_pages_alloc2()'
const NO_SMBD_ITER =
  'fs/smb/client/smbdirect.c: smbd_send, smbd_register_mr (6.1) take kvecs and arrays of pages; a row that is neither cannot be made into a request, and the model answers -EINVAL'
const RECEIVED =
  'a read that is not registered arrives in buffers of the transport, and is copied out of them while its pages are held: '
const RW_LIST =
  "drivers/infiniband/core/rw.c: rdma_rw_ctx_init takes a scatterlist and nothing on its pages, whatever the caller made it of; the model makes it of the iterator of the row, and holds user memory as the lane's policy says (6.1, 6.12, 7.3)"
const WALK =
  'the walk takes nothing; the list that it walks comes from somewhere, and the model makes it as crypto/af_alg.c does: '

/**
 * Cells of ours that are not the reference's: `columns` of the rows of that name, in these versions. One that does not
 * differ any more is an error.
 */
export const DIFFERENCES = [
  {
    name: 'AF_ALG TX',
    version: '6.5–2026 T-splice',
    kernels: ['6.12'],
    columns: { BVEC: 'copy or ref', FOLIOQ: '-EINVAL or copy' },
    why: 'crypto/af_alg.c: af_alg_sendmsg (before "Remove zero-copy support from skcipher and aead") lists pages only with MSG_SPLICE_PAGES, and copies out of any iterator without it; FOLIOQ, which 6.12 brought, fares as the other types that are no bvec',
  },
  { name: 'AF_ALG hash', kernels: ['6.1'], columns: { DISCARD: 'n/a' }, why: NO_SOURCE },
  { name: 'AF_ALG hash', kernels: ML, columns: { DISCARD: 'n/a' }, why: NO_SOURCE },
  {
    name: 'SMB3 crypt sg',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': 'ref', BVEC: 'ref', XARRAY: 'ref', DISCARD: '-EFAULT' },
    why: PAGE_ARRAY,
  },
  {
    name: 'SMB3 crypt sg',
    kernels: ['6.1'],
    columns: { KVEC: 'copy' },
    why: 'the reference means the kvecs of the headers, which are bare here too; data in a KVEC is not read directly but copied: fs/smb/client/file.c: __cifs_readv, __cifs_writev (6.1.176)',
  },
  {
    name: '9p zc',
    kernels: ML,
    columns: { 'UBUF/IOVEC': 'pin + ref' },
    why: 'unbuffered I/O of 9p goes through netfs: fs/9p/vfs_file.c: v9fs_file_read_iter calls netfs_unbuffered_read_iter(), which pins user memory into bvecs (fs/netfs/direct_read.c, direct_write.c: netfs_extract_user_iter; 6.12, 7.3), and net/9p/trans_virtio.c: p9_get_mapped_pages takes a reference on top',
  },
  {
    name: 'TLS RX',
    kernels: ML,
    columns: { FOLIOQ: 'copy or ref' },
    why: 'net/tls/tls_sw.c: tls_sw_recvmsg copies a record that does not fit, whatever the type (6.12, 7.3)',
  },
  {
    name: 'TLS RX',
    kernels: ALL,
    columns: { DISCARD: '-EFAULT or copy' },
    why: 'net/tls/tls_sw.c: tls_sw_recvmsg lets a whole record be opened in any iterator that is no KVEC; iov_iter_npages() of a DISCARD is 0, so tls_setup_from_iter has no room and returns -EFAULT, and the connection is aborted (6.1, 6.12, 7.3)',
  },
  {
    name: 'TLS dev TX',
    kernels: ML,
    columns: { BVEC: 'copy or ref', KVEC: 'copy or ref', XARRAY: 'copy or ref', FOLIOQ: 'copy or ref' },
    why: NOT_ALONE,
  },
  {
    name: 'smbdirect send',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': '-EINVAL', XARRAY: '-EINVAL' },
    why: NO_SMBD_ITER,
  },
  {
    name: 'smbdirect send',
    kernels: ['6.1'],
    columns: { KVEC: '-EIO or bare' },
    why: 'fs/smb/client/smbdirect.c: smbd_send (6.1.176) gives a kvec that is longer than a packet a negative length (max_iov_size - iov_len, quirk smbdirect-vec-split); headers, which are the only kvecs that cifs sends, fit',
  },
  { name: 'smbdirect send', kernels: ML, columns: { DISCARD: 'n/a' }, why: NO_SOURCE },
  {
    name: 'smbd_register_mr',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': '-EINVAL', XARRAY: '-EINVAL', DISCARD: '-EINVAL' },
    why: NO_SMBD_ITER,
  },
  {
    name: 'smbd_register_mr',
    kernels: ML,
    columns: { DISCARD: '-EAGAIN' },
    why: 'fs/smb/client/smbdirect.c: smbd_register_mr passes over what smbd_iter_to_mr returns, maps no entries and returns NULL, of which smb2_new_read_req and smb2_async_writev make -EAGAIN (6.12; 7.3: fs/smb/smbdirect/mr.c)',
  },
  { name: 'RDS zcopy', kernels: ALL, columns: { DISCARD: 'n/a' }, why: NO_SOURCE },
  {
    name: 'cifs DIO',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': 'ref or ref + copy', BVEC: 'ref or ref + copy', XARRAY: 'ref or ref + copy' },
    why: `${RECEIVED}fs/smb/client/file.c: uncached_fill_pages, smbdirect.c: smbd_recv_page (6.1.176)`,
  },
  {
    name: 'cifs DIO',
    kernels: ML,
    columns: { 'UBUF/IOVEC': 'pin or pin + copy', BVEC: 'bare or copy', KVEC: 'bare or copy', FOLIOQ: 'bare or copy' },
    why: `${RECEIVED}fs/smb/client/transport.c: cifs_readv_receive, smbdirect.c: smbd_recv (6.12; 7.3: fs/smb/smbdirect/connection.c)`,
  },
  {
    name: 'cifs DIO',
    kernels: ['6.12'],
    columns: { XARRAY: 'bare or copy or nothing' },
    why: 'fs/smb/client/smbdirect.c: smb_extract_iter_to_rdma has no XARRAY, so that a write in packets fails, and fs/netfs/write_collect.c: netfs_write_collection_worker loses its error (6.12.117); a read is copied',
  },
  {
    name: 'cifs DIO',
    kernels: ['6.18', 'mainline'],
    columns: { XARRAY: '-ECONNABORTED or bare or copy' },
    why: 'fs/smb/smbdirect/connection.c: smbdirect_map_sges_from_iter (7.3) has no XARRAY, so that a write in packets fails and fs/smb/client/transport.c: __smb_send_rqst makes -ECONNABORTED of it; a read is copied',
  },
  {
    name: 'cifs DIO',
    kernels: ML,
    columns: { DISCARD: '-EIO' },
    why: 'fs/netfs/iterator.c: netfs_limit_iter has BUG() for a DISCARD (6.12, 7.3); the model refuses it',
  },
  {
    name: 'rdma_rw / frwr',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': 'ref', XARRAY: 'bare' },
    why: RW_LIST,
  },
  {
    name: 'rdma_rw / frwr',
    kernels: ML,
    columns: { 'UBUF/IOVEC': 'pin', XARRAY: 'bare', FOLIOQ: 'bare' },
    why: RW_LIST,
  },
  {
    name: 'skcipher walk',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': 'ref', BVEC: 'ref', KVEC: '-EFAULT', XARRAY: 'ref', DISCARD: '-EFAULT' },
    why: `${WALK}af_alg_make_sg (6.1)`,
  },
  {
    name: 'skcipher walk',
    kernels: ML,
    columns: { 'UBUF/IOVEC': 'pin', BVEC: 'bare', KVEC: 'bare', XARRAY: 'bare', FOLIOQ: 'bare', DISCARD: '-EIO' },
    why: `${WALK}af_alg_get_rsgl (extract_iter_to_sg)`,
  },
]

/** Every cell of the reference beside ours: { name, version, kernel, column, type, says, is, expected }. */
export function comparedCells(rowsOf) {
  return REFERENCE.flatMap(({ name, version, kernels, consumer, ways, cells }) =>
    kernels.flatMap((kernel) =>
      Object.entries(COLUMNS).flatMap(([column, types], at) =>
        types.map((type) => {
          const is = union(rowsOf(consumer), kernel, ways, type)
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
