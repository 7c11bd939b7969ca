import { PAGE_LIST_MAX, type PluginRegistration } from '@pinscope/core'
import { describe, vi } from 'vitest'
import type { ExtractModule } from '../../core/test/support/extract-watch.ts'
import {
  describeAsRecorded,
  describeOther,
  type OtherFigures,
  type RecordedGroup,
} from '../../core/test/support/recorded-suite.ts'
import register from '../src/register.ts'

// What running kernels did with kTLS and vhost-scsi (6.1) and with 9p (6.12): every extraction, its pages, and the counts.

vi.mock('../../core/dist/extract/extract-pages.js', async (original) => {
  const { watchedModule } = await import('../../core/test/support/extract-watch.ts')
  return watchedModule(await original<ExtractModule>())
})

const registered: () => Promise<PluginRegistration> = register

describe('vhost-scsi', () => {
  const group: RecordedGroup = {
    trace: 'ground-truth/consumers-6.1-vhost-scsi',
    version: '6.1',
    group: 'vhost_scsi',
    register: registered,
    operations: 11,
    calls: 53,
    otherPolicy: 'extract',
  }
  describeAsRecorded(group)

  // iov_iter_get_pages2(LONG_MAX, VHOST_SCSI_PREALLOC_UPAGES) is there in all versions. What 6.12 refuses first comes with
  // more than 256 entries (BIO_MAX_VECS): none has more than the 256 of 1 MiB.
  // @kernel drivers/vhost/scsi.c: vhost_scsi_map_to_sgl
  describeOther(group, ['6.12', '6.18', 'mainline'], null)
})

describe('kTLS', () => {
  const group: RecordedGroup = {
    trace: 'ground-truth/consumers-6.1-ktls',
    version: '6.1',
    group: 'ktls',
    register: registered,
    operations: 9,
    calls: 15,
    otherPolicy: 'extract',
    // The recording does not tell which: the pages of the payload are the same.
    variants: { 'TLS 1.2': { tls: { version: 12 } }, 'TLS 1.3': { tls: { version: 13 } } },
  }
  describeAsRecorded(group)

  // Both ways still take references with iov_iter_get_pages2 in all versions: sk_msg_zerocopy_from_iter with the room that
  // is left of 17 elements (MAX_MSG_FRAGS), tls_setup_from_iter with the pages that the record spans.
  // @kernel net/core/skmsg.c: sk_msg_zerocopy_from_iter; net/tls/tls_sw.c: tls_setup_from_iter, tls_sw_sendmsg_locked
  describeOther(group, ['6.12', '6.18', 'mainline'], null)
})

describe('9p', () => {
  const group: RecordedGroup = {
    trace: 'ground-truth/consumers-6.12-9p',
    version: '6.12',
    group: '9p',
    register: registered,
    operations: 13,
    calls: 194,
    // The transport's: that netfs pins is no choice.
    otherPolicy: 'extract',
  }
  describeAsRecorded(group)

  // fs/netfs/iterator.c: netfs_extract_user_iter, and net/9p/trans_virtio.c: p9_get_mapped_pages are the same; a request
  // gets one bvec of the iterator, since iov_iter_get_pages_alloc2 never goes beyond one (6.16 joins bvecs in the other
  // family only: lib/iov_iter.c: iov_iter_extract_bvec_pages).
  describeOther(group, ['6.18', 'mainline'], null)

  // 6.1 has no netfs in the way: the system call's own iterator goes to p9_get_mapped_pages, a request for each call of
  // iov_iter_get_pages_alloc2 (which has no limit of pages), with references that end with the request. Requests of 1024
  // bytes or less are copied: the last two segments of 512.
  // @kernel fs/9p/vfs_file.c: v9fs_file_read_iter, v9fs_file_write_iter; net/9p/client.c: p9_client_read_once, p9_client_write
  const NO_LIMIT = PAGE_LIST_MAX
  const one = (bytes: number): OtherFigures => ({ calls: [[bytes, NO_LIMIT, bytes]], refcount: 2 })
  const pieces = (count: number, bytes: number, requests = count): OtherFigures => ({
    calls: Array.from({ length: requests }, (_, i) => [(count - i) * bytes, NO_LIMIT, bytes] as const),
    refcount: 2,
  })
  describeOther(group, ['6.1'], {
    policy: 'get-pages',
    operations: {
      '9p-cachenone O_DIRECT pwrite 64K': one(65536),
      '9p-cachenone O_DIRECT pread 64K': one(65536),
      '9p-cachenone O_DIRECT pread 64K @+512': one(65536),
      '9p-cachenone O_DIRECT preadv 8x4K': pieces(8, 4096),
      '9p-cachenone O_DIRECT pwritev 8x4K': pieces(8, 4096),
      '9p-cachenone O_DIRECT preadv 8x512 same addr': pieces(8, 512, 6),
      '9p-cachenone O_DIRECT preadv 8x512 contiguous': pieces(8, 512, 6),
      // The folio counts its 16 pages; the zero page is an ordinary page to get_page.
      '9p-cachenone O_DIRECT pread 64K THP': { ...one(65536), refcount: 1 + 16, pincount: 0 },
      '9p-cachenone O_DIRECT pwrite 64K zero page': { ...one(65536), refcount: 1 + 16 },
      '9p-cachenone buffered pread 64K': one(65536),
      '9p-cachenone buffered pwrite 64K': one(65536),
      '9p-cachenone buffered preadv 8': pieces(8, 512, 6),
    },
  })
})
