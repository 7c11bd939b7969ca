// Cells of the ownership table that differ from the specification's (ownership-reference.mjs), each with its reason: a place in the
// kernel, looked up in its sources.

/** Versions with iov_iter_extract_pages(), and all. */
export const ML = ['6.12', '6.18', 'mainline']
export const ALL = ['6.1', ...ML]

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

const HANDED_OVER =
  'memory of a program is not handed over: net/socket.c: ____sys_sendmsg drops MSG_SPLICE_PAGES, io_uring/net.c does so, too (6.12, 7.3); it is copied'
const NFSD_PAGES =
  "nfsd sends pages of its own or of the file's page cache, and never sees memory of a program: fs/nfsd/vfs.c: nfsd_splice_read, nfsd_iter_read (6.1: nfsd_readv). A row with user memory is copied into such pages first, one with the page cache is the latter"
const CLIENT_COPIES =
  'whatever has the data, net/sunrpc/socklib.c: xprt_sock_sendmsg sends it without MSG_SPLICE_PAGES, and TCP copies it (6.1, 6.12, 7.3); a row with user memory is copied'
const NETFS_6_1 =
  '6.1 has no direct I/O in fs/netfs: fs/open.c: do_dentry_open refuses O_DIRECT with -EINVAL where a file system has no method of its own, as afs has none'
const NO_MSG_ITER =
  'net/ceph/messenger.c: ceph_msg_data_iter_next gets pages with iov_iter_get_pages2() and has BUG_ON() for an errno; fs/ceph/addr.c: ceph_netfs_issue_read hands down iterators of the page cache only (6.12, 7.3); the model refuses the others'
const ABOVE =
  'the driver takes nothing; a row with user memory is direct I/O of the layer above, block/bio.c: bio_iov_iter_get_pages, and one with the page cache its bios'
const SOCKET_REFS = `${ABOVE}. What a write sends, the socket references until it is acknowledged: net/ceph/messenger_v1.c: write_partial_message_data, messenger_v2.c: do_try_sendpage`
const URING_SEND =
  'io_uring/net.c: io_send_zc makes iterators of user memory and of registered buffers only; a row with another type gets what net/core/datagram.c: zerocopy_fill_skb_from_iter does with it'
const NO_FILE =
  'nobody hands a DISCARD iterator to a file: iov_iter_discard() is for sockets and calls (net/sunrpc/xprtsock.c, net/ceph/messenger_v2.c, fs/smb/client/connect.c, fs/afs/cmservice.c; 6.1, 6.12, 7.3)'
const OWN_ITER =
  'the iterator is the own one of fs/afs/dir.c: afs_read_dir; a row with any other lists a directory of its length, whose data is copied out of packets while it is fetched'
const AFS_QUEUE =
  'fs/afs/dir.c: afs_do_read_single (7.3) has directories in folio queues of their own since 6.14, and references none of their folios; what is fetched is copied out of packets, what is valid is not touched'

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
  { name: 'skb MSG_ZEROCOPY', kernels: ALL, columns: { DISCARD: 'n/a' }, why: NO_SOURCE },
  {
    name: 'skb splice',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': 'copy', KVEC: 'copy', XARRAY: 'ref' },
    why: '6.1 hands over pages one by one, out of a pipe: fs/splice.c: pipe_to_sendpage; those of a page cache get there by splice(2). What is sent otherwise net/ipv4/tcp.c: tcp_sendmsg_locked copies',
  },
  { name: 'skb splice', kernels: ML, columns: { 'UBUF/IOVEC': 'copy' }, why: HANDED_OVER },
  { name: 'skb splice', kernels: ML, columns: { DISCARD: 'n/a' }, why: NO_SOURCE },
  {
    name: 'io_uring send zc',
    kernels: ALL,
    columns: { KVEC: '-EFAULT', XARRAY: 'ref' },
    why: URING_SEND,
  },
  { name: 'io_uring send zc', kernels: ML, columns: { FOLIOQ: 'ref' }, why: URING_SEND },
  { name: 'sunrpc svc', kernels: ALL, columns: { 'UBUF/IOVEC': 'copy', XARRAY: 'ref' }, why: NFSD_PAGES },
  { name: 'sunrpc svc', kernels: ML, columns: { FOLIOQ: 'ref' }, why: NFSD_PAGES },
  { name: 'sunrpc client', kernels: ALL, columns: { 'UBUF/IOVEC': 'copy', XARRAY: 'copy' }, why: CLIENT_COPIES },
  { name: 'sunrpc client', kernels: ML, columns: { FOLIOQ: 'copy' }, why: CLIENT_COPIES },
  {
    name: 'netfs DIO',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': '-EINVAL', BVEC: '-EINVAL', KVEC: '-EINVAL', XARRAY: '-EINVAL' },
    why: NETFS_6_1,
  },
  {
    name: 'ceph msgr ITER',
    kernels: ML,
    columns: { 'UBUF/IOVEC': '-EINVAL', KVEC: '-EINVAL', DISCARD: '-EINVAL' },
    why: NO_MSG_ITER,
  },
  {
    name: 'rbd',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': 'ref', BVEC: 'bare or ref', XARRAY: 'bare or ref' },
    why: SOCKET_REFS,
  },
  {
    name: 'rbd',
    kernels: ML,
    columns: {
      'UBUF/IOVEC': 'pin or pin + ref',
      BVEC: 'bare or ref',
      XARRAY: 'bare or ref',
      FOLIOQ: 'bare or ref',
    },
    why: SOCKET_REFS,
  },
  { name: 'loop', kernels: ['6.1'], columns: { 'UBUF/IOVEC': 'ref', XARRAY: 'bare' }, why: ABOVE },
  { name: 'loop', kernels: ML, columns: { 'UBUF/IOVEC': 'pin', XARRAY: 'bare', FOLIOQ: 'bare' }, why: ABOVE },
  { name: 'block DIO (context)', kernels: ALL, columns: { DISCARD: 'n/a' }, why: NO_FILE },
  { name: 'vmsplice', kernels: ALL, columns: { DISCARD: 'n/a' }, why: NO_SOURCE },
  {
    name: 'process_vm',
    kernels: ALL,
    columns: { DISCARD: 'n/a' },
    why: 'mm/process_vm_access.c: process_vm_rw makes the iterator over the memory of the caller with import_iovec(): it is of user memory, always (6.1, 6.12, 7.3)',
  },
  {
    name: 'vring iotlb',
    kernels: ['6.1'],
    columns: { 'UBUF/IOVEC': '-EINVAL' },
    why: 'drivers/vhost/vringh.c of 6.1 has no use_va: maps are of pages alone, and an address without one is -EINVAL (iotlb_translate)',
  },
  {
    name: 'afs dir read',
    kernels: ['6.1', '6.12'],
    columns: {
      'UBUF/IOVEC': 'ref + copy',
      BVEC: 'ref + copy',
      KVEC: 'ref + copy',
      XARRAY: 'ref or ref + copy',
      DISCARD: 'ref + copy',
    },
    why: OWN_ITER,
  },
  { name: 'afs dir read', kernels: ['6.12'], columns: { FOLIOQ: 'ref + copy' }, why: OWN_ITER },
  {
    name: 'afs dir read',
    kernels: ['6.18', 'mainline'],
    columns: {
      'UBUF/IOVEC': 'copy',
      BVEC: 'copy',
      KVEC: 'copy',
      XARRAY: 'copy or nothing',
      FOLIOQ: 'copy',
      DISCARD: 'copy',
    },
    why: AFS_QUEUE,
  },
]
