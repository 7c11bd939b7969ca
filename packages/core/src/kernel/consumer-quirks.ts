import { ALL, type Quirk, SINCE_6_12, SINCE_6_18 } from './quirk.ts'

/** Quirks of the code that consumes iterators. */
export const CONSUMER_QUIRKS = [
  {
    name: 'bio-align-down-leak',
    summary: 'cutting a bio down to whole blocks drops one pin of a bvec that spans many pages: the others leak',
    without: 'every page cut off is unpinned',
    source: 'block/bio.c: bio_iov_iter_align_down (since 6.18; a fix was posted in September 2026)',
    versions: SINCE_6_18,
  },
  {
    name: 'alg-tx-sendpage',
    summary: 'a page spliced into an AF_ALG socket is listed as it is, with a reference (the sendpage callback)',
    without: 'its bytes are copied into a page of the socket',
    source: 'crypto/af_alg.c: af_alg_sendpage (before 6.5; removed from the stable series in 2026)',
    versions: [],
  },
  {
    name: 'alg-tx-splice',
    summary:
      'MSG_SPLICE_PAGES into an AF_ALG socket lists bvecs as they are, with one reference for each, and refuses other iterators with -EINVAL',
    without: 'the bytes are copied into pages of the socket',
    source: 'crypto/af_alg.c: af_alg_sendmsg (6.5 to May 2026)',
    versions: [],
  },
  {
    name: 'alg-excess-skipped',
    summary:
      'an AF_ALG cipher request cut to whole chunks steps over the rest of its receive buffer: the next one leaves a gap',
    without: 'the iterator goes back to where the data ends',
    source: 'crypto/algif_skcipher.c: _skcipher_recvmsg (6.1)',
    versions: ['6.1'],
  },
  {
    name: 'alg-aead-in-place',
    summary:
      'an AF_ALG AEAD message is copied into the receive list (to decrypt: all but the tag, whose pages are chained behind) and worked on in place',
    without: 'only the associated data is copied, and the cipher goes from the one list to the other',
    source: 'crypto/algif_aead.c: _aead_recvmsg (before 2026)',
    versions: [],
  },
  {
    name: 'vhost-scsi-no-revert',
    summary: 'a command whose pages cannot all be had puts those it has, and leaves the iterator behind them',
    without: 'the iterator is where it was',
    source: 'drivers/vhost/scsi.c: vhost_scsi_iov_to_sgl (6.1)',
    versions: ['6.1'],
  },
  {
    name: 'vhost-scsi-revert-short',
    summary:
      'letting go of a misaligned iovec counts its pages without the offset in the first one: a page keeps its reference',
    without: 'every page is put',
    source: 'drivers/vhost/scsi.c: vhost_scsi_map_to_sgl (since 6.14)',
    versions: SINCE_6_18,
  },
  {
    name: 'smbdirect-rollback',
    summary:
      'a packet whose DMA mapping fails half-way undoes one entry that was never mapped and leaves the first mapped',
    without: 'every entry mapped so far is undone',
    source:
      'fs/smb/client/smbdirect.c: smb_extract_iter_to_rdma (mended where it became fs/smb/smbdirect/connection.c)',
    versions: ['6.12', '6.18'],
  },
  {
    name: 'smbd-write-mr-lost',
    summary:
      'a registered write whose request cannot be sent keeps its memory registration: it stays mapped until the connection ends (6.12: for good)',
    without: 'the registration is undone where the request is',
    source:
      'fs/smb/client/smb2pdu.c: smb2_async_writev; fs/smb/client/file.c: cifs_free_subrequest (only reads are deregistered)',
    versions: ['6.12', '6.18', 'mainline'],
  },
  {
    name: 'rds-mr-put-page',
    summary:
      'memory registered with RDS over InfiniBand is pinned, and freed with put_page: 1,023 references of each pin stay for good',
    without: 'it is unpinned',
    source: 'net/rds/ib_rdma.c: __rds_ib_teardown_mr (6.1); net/rds/rdma.c: rds_pin_pages',
    versions: ['6.1'],
  },
  {
    name: 'smbdirect-page-size',
    summary:
      'packets of a page are as long as what remains of the whole payload allows: the last one of a page reaches beyond it',
    without: 'the last packet of a page ends with the page',
    source: 'fs/smb/client/smbdirect.c: smbd_send (6.1)',
    versions: ['6.1'],
  },
  {
    name: 'smbdirect-vec-split',
    summary: 'a kvec that does not fit into a packet any more is cut as if the packet held nothing but it',
    without: 'the packet is filled up with it',
    source: 'fs/smb/client/smbdirect.c: smbd_send (6.1)',
    versions: ['6.1'],
  },
  {
    name: 'cifs-read-lost',
    summary: 'an uncached read whose request cannot be allocated keeps the references on the pages just got',
    without: 'they are put',
    source: 'fs/smb/client/file.c: cifs_send_async_read (6.1)',
    versions: ['6.1'],
  },
  {
    name: 'cifs-aio-overrun',
    summary:
      'uncached I/O that is not direct, with more pages than were counted beforehand, loses the last batch of them (no iterator leads there)',
    without: 'they are put',
    source: 'fs/smb/client/misc.c: setup_aio_ctx_iter (6.1)',
    versions: ['6.1'],
  },
  {
    name: 'tls-retry-no-revert',
    summary:
      'a TLS 1.3 record decrypted in vain into the reader is decrypted again behind it: the iterator is not taken back',
    without: 'the iterator is where it was before the record',
    source: 'net/tls/tls_sw.c: tls_decrypt_sw (6.1)',
    versions: ['6.1'],
  },
  {
    name: 'tls-splice-user',
    summary: 'MSG_SPLICE_PAGES with a user-backed iterator pins pages that nobody unpins',
    without: 'the flag is dropped, as sendmsg(2) drops it: no caller sends such an iterator',
    source: 'net/tls/tls_sw.c: tls_sw_sendmsg_splice; net/tls/tls_device.c: tls_push_data (since 6.5)',
    versions: [],
  },
  {
    name: 'p9-extract-pool-leak',
    summary:
      'under the extract proposal of 2023, pages that are only listed are added to the count of the 9p pool and never taken off',
    without: 'they are taken off with the request',
    source: 'net/9p/trans_virtio.c: p9_get_mapped_pages, p9_unpin_pages (a proposal; in no release)',
    versions: [],
  },
  {
    name: 'p9-put-in-flight',
    summary:
      'a 9p request killed while the device has it puts its pages at once, though the device may still write to them',
    without: 'they are put when the flush is answered',
    source: 'net/9p/trans_virtio.c: p9_virtio_zc_request',
    versions: ALL,
  },
  {
    name: 'uring-imu-leak',
    summary:
      'a buffer whose bvec table cannot be allocated stays pinned: io_uring frees only the array of page pointers',
    without: 'its pages are unpinned',
    source: 'io_uring/rsrc.c: io_sqe_buffer_register (6.1)',
    versions: ['6.1'],
  },
  {
    name: 'iomap-end-hides-fault',
    summary:
      'a fault at the first page of an extent is lost behind the -ENOTBLK of ->iomap_end: btrfs does not fault the memory in and try again, but copies all that is left',
    without: 'the fault is reported, btrfs faults the memory in and goes on directly',
    source: 'fs/iomap/iter.c: iomap_iter; fs/btrfs/direct-io.c: btrfs_dio_iomap_end',
    versions: SINCE_6_18,
  },
  {
    name: 'afs-dir-put-by-index',
    summary:
      'a directory read puts the folios that are at its indices when it is done, not those that it referenced: one that was taken out of the page cache in between keeps its reference for good',
    without: 'what was referenced is put',
    source: 'fs/afs/dir.c: afs_dir_read_cleanup, afs_read_dir (6.1, 6.12; a folio queue since 6.14)',
    versions: ['6.1', '6.12'],
  },
  {
    name: 'netfs-read-retry-abandons',
    summary:
      'when netfs asks again for what a short answer left out, it gives up with -ENOMEM at the first subrequest that needs no retry',
    without: 'every short subrequest is asked for again',
    source: 'fs/netfs/read_retry.c: netfs_retry_read_subrequests (since 6.12)',
    versions: SINCE_6_12,
  },
  {
    name: 'netfs-read-unsubmitted',
    summary:
      'a direct read whose first subrequest cannot be had ends with 0 bytes, as at the end of the file, and its request is put twice',
    without: 'it ends with the error',
    source: 'fs/netfs/direct_read.c: netfs_unbuffered_read (6.12)',
    versions: ['6.12'],
  },
  {
    name: 'nfs-direct-enomem-lost',
    summary:
      'a direct read or write of NFS whose first RPC header cannot be allocated ends with 0 bytes: the error of the descriptor reaches nobody',
    without: 'it ends with -ENOMEM',
    source: 'fs/nfs/direct.c: nfs_direct_read_schedule_iovec, nfs_direct_write_schedule_iovec',
    versions: ALL,
  },
  {
    name: 'pipe-stale-flags',
    summary:
      "a pipe buffer that splice fills keeps the flags of its slot's last use: a write(2) that follows is merged into the file's own page (Dirty Pipe, CVE-2022-0847)",
    without: 'the flags are cleared',
    source: 'lib/iov_iter.c: copy_page_to_iter_pipe, push_pipe (5.8 to 5.16.10)',
    versions: [],
  },
  {
    name: 'tcp-sendpage-managed',
    summary:
      "a page of sendfile or splice that is appended to an unsent skb with io_uring's managed frags is referenced while the skb stays managed: freeing that skb drops no reference, and this one stays for good",
    without: 'the managed frags are given a reference each first, as when data is copied into such an skb',
    source: 'net/ipv4/tcp.c: tcp_build_frag (6.1); net/core/skbuff.c: skb_release_data',
    versions: ['6.1'],
  },
  {
    name: 'xdp-umem-account-short',
    summary:
      'where only some pages of an AF_XDP area can be pinned, the number accounted to the user is overwritten with that of those pinned before it is given back: the rest stays accounted for good',
    without: 'what was accounted is given back',
    source: 'net/xdp/xdp_umem.c: xdp_umem_pin_pages, xdp_umem_unaccount_pages',
    versions: ALL,
  },
] as const satisfies readonly Quirk[]
