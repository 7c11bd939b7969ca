import { KERNEL_VERSIONS, type KernelVersion } from './version.ts'

/** An upstream defect, or a sharp edge that upstream treats as one: on in the versions that have it. */
export interface Quirk {
  /** Lower case with dashes, for `--quirk` and `--no-quirk`. */
  readonly name: string
  /** What a kernel that has it does. */
  readonly summary: string
  /** What the model does with it switched off. */
  readonly without: string
  /** Where it is. */
  readonly source: string
  readonly versions: readonly KernelVersion[]
}

const ALL = KERNEL_VERSIONS
const SINCE_6_18 = ['6.18', 'mainline'] as const

/** Every quirk of the model. A new one is an entry here and the line of the model that asks for it. */
export const QUIRKS = [
  {
    name: 'get-pages-empty-bvec',
    summary:
      'a zero-length current bvec: -ENOMEM when its offset is page-aligned, else one page is referenced, 0 is returned and the reference is lost',
    without: 'empty bvecs are stepped over first',
    source: 'lib/iov_iter.c: __iov_iter_get_pages_alloc, want_pages_array',
    versions: ALL,
  },
  {
    name: 'bvec-entries-short',
    summary:
      'the pages wanted are counted from the byte offset inside the bvec, not inside the page: an exact request from an unaligned bv_offset comes back short',
    without: 'they are counted from the offset inside the page',
    source: 'lib/iov_iter.c: iov_iter_extract_bvec_pages',
    versions: SINCE_6_18,
  },
  {
    name: 'bvec-one-empty-skipped',
    summary:
      'one leading empty bvec is skipped; a further one ends the call with 0 bytes, one in the middle ends it, each with an entry that means nothing',
    without: 'empty bvecs are stepped over wherever they are',
    source: 'lib/iov_iter.c: iov_iter_extract_bvec_pages',
    versions: SINCE_6_18,
  },
  {
    name: 'bvec-no-entry-check',
    summary: 'maxpages 0 on a bvec iterator writes one entry all the same',
    without: '-ENOMEM, as for every other type',
    source: 'lib/iov_iter.c: iov_iter_extract_bvec_pages (6.16 to 7.1; fixed June 2026)',
    versions: ['6.18'],
  },
  {
    name: 'folioq-eager-roll',
    summary:
      'get_pages2 of a folio queue steps to the next folio as soon as one is used up, where released kernels stay at its end until the next call',
    without: 'it stays at the end of the folio',
    source: 'lib/iov_iter.c: iter_folioq_get_pages (the 9p tree in linux-next, June 2026; in no release)',
    versions: [],
  },
  {
    name: 'xarray-hole-wrap',
    summary:
      'a hole at the first index with an offset inside the page: the byte count wraps, and the call returns all bytes asked for with no page listed',
    without: 'the call returns 0',
    source: 'lib/iov_iter.c: iov_iter_extract_xarray_pages (6.3 to 7.1; fixed June 2026)',
    versions: ['6.12', '6.18'],
  },
  {
    name: 'xarray-copy-hole',
    summary: 'a copy steps over a hole: the data lands in the next folio that is present',
    without: 'the copy ends at the hole',
    source: 'include/linux/iov_iter.h: iterate_xarray; 6.1: lib/iov_iter.c: iterate_xarray',
    versions: ALL,
  },
  {
    name: 'is-aligned-first-bvec',
    summary: 'the alignment check takes the whole length of the first bvec, the part already consumed included',
    without: 'it takes the length that is left',
    source: 'lib/iov_iter.c: iov_iter_aligned_bvec (6.16-rc, mended soon after; the function is gone in mainline)',
    versions: [],
  },
  {
    name: 'iov-len-ubuf',
    summary: 'the length left of a partly advanced ubuf is short by what was advanced',
    without: 'it is the count',
    source: 'include/linux/uio.h: iter_iov_len (6.4 to 6.15)',
    versions: ['6.12'],
  },
  {
    name: 'sg-xarray-start',
    summary: 'a scatterlist from an xarray iterator gives every folio the offset of the first one',
    without: 'the offset is that of the position reached',
    source: 'lib/scatterlist.c: extract_xarray_to_sg (fixed June 2026)',
    versions: ['6.12', '6.18'],
  },
  {
    name: 'sg-temp-array',
    summary: 'the temporary page array is laid from the start of the table, over entries that are in use',
    without: 'it is laid from the first unused entry',
    source: 'lib/scatterlist.c: extract_user_to_sg (fixed in 6.12.88, 6.18.30, 7.0.7, 7.1)',
    versions: [],
  },
  {
    name: 'sg-kvec-length',
    summary:
      'every entry of a kvec gets the whole rest of the kvec as its length, and a kvec cut short by sg_max counts its remainder as done',
    without: 'an entry ends with its page, and the remainder is taken off the result',
    source: 'lib/scatterlist.c: extract_kvec_to_sg (CVE-2026-46289; fixed in 6.12.88, 6.18.30, 7.0.7, 7.1)',
    versions: [],
  },
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
] as const satisfies readonly Quirk[]

/** Name of a quirk. */
export type QuirkName = (typeof QUIRKS)[number]['name']

/** A version has a quirk. */
export function hasQuirk(version: KernelVersion, { versions }: Quirk): boolean {
  return versions.includes(version)
}

/** The quirks that a version has. */
export function quirksOf(version: KernelVersion): readonly Quirk[] {
  return QUIRKS.filter((quirk) => hasQuirk(version, quirk))
}

/** True for the name of a quirk. */
export function isQuirkName(name: string): name is QuirkName {
  return QUIRKS.some((quirk) => quirk.name === name)
}
