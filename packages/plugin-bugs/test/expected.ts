import type { KernelVersion } from '@pinscope/core'

/** Rule, row and pages (0: it is about none) of a finding. */
export type Found = readonly [rule: string, row: number, pages: number]

/** What an audit must find in the trace of a case: before the fix, and after it where that is not nothing. */
export interface Expected {
  readonly before: readonly Found[]
  readonly after?: readonly Found[]
}

/** The code works on whatever rows name it in: each of them. */
const WRONG_DIRECTION_1_2: Expected = {
  before: [
    ['H-24', 1, 0],
    ['H-24', 2, 0],
  ],
}
const WRONG_DIRECTION_2_3: Expected = {
  before: [
    ['H-24', 2, 0],
    ['H-24', 3, 0],
  ],
}

/** By case, in the order of rows: from the collection's figures and the rows of the trace, not from what was printed. */
export const EXPECTED: Readonly<Record<string, Expected | undefined>> = {
  's390-oldmem': WRONG_DIRECTION_1_2,
  'fsi-sbefifo-ffdc': WRONG_DIRECTION_1_2,
  'fsi-sbefifo-user': { before: [['H-24', 2, 0]] },
  'rtrs-request': WRONG_DIRECTION_1_2,
  's390-zcore': WRONG_DIRECTION_1_2,
  // Always a destination: right for READ (row 1), wrong for WRITE.
  'target-rw': { before: [['H-24', 2, 0]] },
  'target-write-same': { before: [['H-24', 1, 0]] },
  'vhost-to-user': WRONG_DIRECTION_2_3,
  'vhost-from-user': WRONG_DIRECTION_2_3,
  'vringh-to-iotlb': WRONG_DIRECTION_1_2,
  'vringh-from-iotlb': WRONG_DIRECTION_1_2,
  'pvcalls-read': WRONG_DIRECTION_1_2,
  'pvcalls-write': WRONG_DIRECTION_1_2,
  's390-memcpy-real': WRONG_DIRECTION_1_2,
  // Two pages that are the zero page, three that the child has too: stored to, and handed on as a source (H-29).
  'user-gup': {
    before: [
      ['H-21', 4, 2],
      ['H-24', 4, 0],
      ['H-29', 4, 2],
      ['H-21', 6, 3],
      ['H-24', 6, 0],
      ['H-29', 6, 3],
    ],
  },
  'netfs-clear-unread': { before: [['H-24', 2, 0]] },
  // 9192 of 16384 bytes came: they end in the third page, the fourth is as it was.
  'netfs-clear-unread-checked': {
    before: [
      ['H-24', 3, 0],
      ['H-32', 3, 1],
    ],
  },
  // 16 extracted, 10 taken.
  'bio-append': { before: [['H-13', 2, 6]] },
  'uring-imu': { before: [['H-12', 4, 8]] },
  'uring-uaddr-map': { before: [['H-12', 4, 8]] },
  // Four pages wanted, the third cannot be had; the code goes through four (H-28).
  'integrity-user': {
    before: [
      ['H-12', 5, 2],
      ['H-28', 5, 0],
    ],
  },
  // The same two pages are taken off the account.
  'amdxdna-ubuf': {
    before: [
      ['H-12', 5, 2],
      ['H-50', 5, 2],
    ],
  },
  'qaic-transfer': { before: [['H-12', 5, 2]] },
  'kpc2000-transfer': { before: [['H-12', 4, 2]] },
  'xdp-umem': {
    before: [
      ['H-10', 3, 64],
      ['H-50', 3, 64],
    ],
  },
  // Three segments of two pages.
  'ceph-sparse-map': { before: [['H-13', 4, 6]] },
  // Two pages of the pipe, 6000 bytes: the second is not emptied.
  'iomap-dio-pipe': {
    before: [
      ['H-11', 2, 1],
      ['H-25', 2, 0],
    ],
  },
  'carve-managed': {
    before: [
      ['H-11', 4, 4],
      ['H-46', 4, 4],
    ],
  },
  // Teed three times, first in row 3.
  'watch-queue': { before: [['H-11', 3, 3]] },
  'rds-stale-count': { before: [['H-14', 4, 3]] },
  // Two pages of 8192 bytes, for which mm_account_pinned_pages counts 2 + 2.
  'rds-purge-kind': {
    before: [
      ['H-15', 3, 2],
      ['H-50', 3, 4],
    ],
  },
  // Three tail pages of 4096 bytes, in three pieces of 1500 each: two of three are counted on the page, and put on the folio.
  'ktls-page-counters': {
    before: [
      ['H-15', 2, 6],
      ['H-15', 2, 3],
    ],
  },
  'carve-notifier': { before: [['H-47', 2, 0]] },
  // Three folios: two put without a reference; the first keeps their two.
  'bvec-folio-references': {
    before: [
      ['H-17', 2, 2],
      ['H-17', 2, 2],
    ],
  },
  // The first mapping leaves its pins on the zero page.
  'vfio-zero-page': { before: [['H-51', 4, 1]] },
  'gup-zero-page': { before: [['H-51', 4, 1]] },
  'fuse-splice': { before: [['H-43', 3, 4]] },
  // One page, however often the iterator names it.
  'netfs-sink': { before: [['H-44', 2, 1]] },
  // Four pages, of which the first has a count.
  'nvme-tcp-refcount': { before: [['H-18', 4, 3]] },
  // Each message lies in one page.
  'ocfs2-sendpage': {
    before: [
      ['H-18', 2, 1],
      ['H-18', 4, 1],
      ['H-19', 5, 1],
    ],
  },
  // The reference is on the first page; what is in flight when the buffer is freed lies in two.
  'smc-splice': {
    before: [
      ['H-18', 2, 1],
      ['H-18', 3, 1],
      ['H-19', 4, 2],
    ],
  },
  'siw-sendpages': {
    before: [
      ['H-18', 3, 1],
      ['H-18', 5, 1],
    ],
  },
  'virtiofs-kernel-io': { before: [['H-20', 3, 0]] },
  'netfs-limit-iter': { before: [['H-20', 3, 0]] },
  'netfs-async-dio': { before: [['H-20', 4, 0]] },
  // 9000 bytes from byte 1000 on are three pages, none behind the other: the entry of the first reaches over two that are
  // others', that of the second over one. The list is full then: 1808 bytes are passed over.
  'extract-kvec': {
    before: [
      ['H-25', 3, 0],
      ['H-27', 3, 3],
      ['H-28', 3, 3],
    ],
  },
  // The pointers for 4 entries of 32 bytes lie in the last 32 bytes of 4 x 32: from the start of the table on that is the
  // fourth entry, whose 4096 bytes are lost.
  'extract-user': {
    before: [
      ['H-25', 3, 0],
      ['H-27', 3, 0],
    ],
  },
  // A header and twelve folios in six entries; twelve in eight.
  'smbdirect-folioq': { before: [['H-27', 2, 7]] },
  'extract-folioq': {
    before: [
      ['H-27', 2, 4],
      ['H-27', 3, 1],
    ],
  },
  // A head and six pages in six entries.
  'xdr-bvecs': { before: [['H-27', 2, 1]] },
  // Three pages of four are pulled, and the reference of the fourth is nobody's.
  'alg-pull-tsgl': {
    before: [
      ['H-17', 2, 1],
      ['H-27', 2, 1],
    ],
  },
  // 512 bytes of 8192 lie behind the two pages, in a third entry, which names none.
  'nvmet-pdu': {
    before: [
      ['H-27', 2, 0],
      ['H-28', 2, 0],
    ],
  },
  // The first array of the second write: five pages in four entries.
  'netfs-extract-user': { before: [['H-27', 3, 1]] },
  'io-uring-coalesce': { before: [['H-28', 8, 3]] },
  // 1 MiB in four bios of 256 KiB, none of which moves it: three are found by the next one, the last by the return.
  'zone-append-advance': {
    before: [
      ['H-25', 3, 0],
      ['H-25', 3, 0],
      ['H-25', 3, 0],
      ['H-25', 3, 0],
    ],
  },
  'iomap-append': { before: [['H-54', 3, 0]] },
  getsockopt: { before: [['H-06', 3, 1]] },
  // The fix mends what followed, not the cause.
  writepages: {
    before: [
      ['H-05', 3, 1],
      ['H-03', 4, 1],
      ['H-52', 6, 1],
    ],
    after: [
      ['H-05', 3, 1],
      ['H-03', 4, 1],
    ],
  },
  longterm: {
    before: [
      ['H-05', 4, 1],
      ['H-23', 4, 1],
      ['H-03', 5, 1],
      ['H-52', 7, 1],
    ],
  },
  splice: {
    before: [
      ['H-29', 5, 1],
      ['H-49', 5, 1],
    ],
  },
  // The page is the pipe's own.
  'push-pipe': { before: [['H-49', 5, 1]] },
  'fork-under-pin': { before: [['H-21', 3, 1]] },
  'get-instead-of-pin': { before: [['H-21', 3, 1]] },
}

const SINCE_6_12: readonly KernelVersion[] = ['6.12', '6.18', 'mainline']

/** The versions under which a case means something, where those are not all. */
export const KERNELS: Readonly<Record<string, readonly KernelVersion[] | undefined>> = {
  // Copies look at the direction since 6.2.
  'netfs-clear-unread-checked': SINCE_6_12,
  // Pipe iterators went with 6.5; so did pins of the zero page that count.
  'iomap-dio-pipe': ['6.1'],
  'vfio-zero-page': ['6.1'],
  'gup-zero-page': ['6.1'],
  // MSG_SPLICE_PAGES refuses slab pages since 6.5.
  'siw-sendpages': SINCE_6_12,
  // Pipe iterators went with 6.5.
  'push-pipe': ['6.1'],
  // Folio queues came with 6.12.
  'netfs-sink': SINCE_6_12,
}
