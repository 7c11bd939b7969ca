import { ALL, type Quirk, SINCE_6_18 } from './quirk.ts'

/** Quirks of iterators and of lists that are built out of them. */
export const ITERATOR_QUIRKS = [
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
] as const satisfies readonly Quirk[]
