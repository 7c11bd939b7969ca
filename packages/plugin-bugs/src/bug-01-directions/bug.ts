import { type BugCase, defineBug } from '../bug.ts'
import { DeviceRead } from './device-read.ts'
import { BY_COMMAND, FROM, INTO, type Site, WrongDirection } from './wrong-direction.ts'

const WORD_BYTES = 4
/** Answers of the chip. @kernel drivers/fsi/fsi-sbefifo.c: SBEFIFO_MAX_FFDC_SIZE */
const ANSWER_BYTES_MAX = 0x2000
const PAGE_BYTES = 4096

/** What each site does with its iterator, and in what pieces: read in the source before the fix. */
const SITES: readonly Site[] = [
  {
    name: 's390-oldmem',
    kernel: 'arch/s390/kernel/crash_dump.c: copy_oldmem_kernel',
    commit: '0e1e4a2238d4',
    does: INTO,
    pieceBytes: PAGE_BYTES,
    accepts: ['kvec'],
    trace: 's390-dump.csv',
    row: 1,
  },
  {
    name: 'fsi-sbefifo-ffdc',
    kernel: 'drivers/fsi/fsi-sbefifo.c: sbefifo_collect_async_ffdc, sbefifo_submit',
    commit: '974c36fb828a',
    does: INTO,
    pieceBytes: WORD_BYTES,
    bytesMax: ANSWER_BYTES_MAX,
    accepts: ['kvec'],
    trace: 'sbefifo-ffdc.csv',
    row: 1,
  },
  {
    name: 'fsi-sbefifo-user',
    kernel: 'drivers/fsi/fsi-sbefifo.c: sbefifo_user_read',
    commit: '974c36fb828a',
    does: INTO,
    pieceBytes: WORD_BYTES,
    bytesMax: ANSWER_BYTES_MAX,
    accepts: ['iovec'],
    trace: 'sbefifo-user.csv',
    row: 2,
  },
  {
    name: 'rtrs-request',
    kernel: 'drivers/infiniband/ulp/rtrs/rtrs-clt.c: rtrs_clt_init_req',
    commit: '355d2c2798e9',
    does: FROM,
    accepts: ['kvec'],
    trace: 'rtrs.csv',
    row: 1,
  },
  {
    name: 's390-zcore',
    kernel: 'drivers/s390/char/zcore.c: memcpy_hsa_kernel',
    commit: '4ba48e1bae5f',
    does: INTO,
    pieceBytes: PAGE_BYTES,
    accepts: ['kvec'],
    trace: 's390-dump.csv',
    row: 1,
  },
  {
    name: 'target-rw',
    kernel: 'drivers/target/target_core_file.c: fd_do_rw',
    commit: 'b676668d9915',
    does: BY_COMMAND,
    pieceBytes: PAGE_BYTES,
    accepts: ['bvec'],
    trace: 'target-rw.csv',
    row: 2,
  },
  {
    name: 'target-write-same',
    kernel: 'drivers/target/target_core_file.c: fd_execute_write_same',
    commit: 'b676668d9915',
    does: FROM,
    pieceBytes: PAGE_BYTES,
    accepts: ['bvec'],
    trace: 'target-write-same.csv',
    row: 1,
  },
  {
    name: 'vhost-to-user',
    kernel: 'drivers/vhost/vhost.c: vhost_copy_to_user',
    commit: 'e3bf3df82467',
    does: INTO,
    accepts: ['iovec'],
    trace: 'vhost-used.csv',
    row: 2,
  },
  {
    name: 'vhost-from-user',
    kernel: 'drivers/vhost/vhost.c: vhost_copy_from_user, get_indirect',
    commit: 'e3bf3df82467',
    does: FROM,
    accepts: ['iovec'],
    trace: 'vhost-avail.csv',
    row: 2,
  },
  {
    name: 'vringh-to-iotlb',
    kernel: 'drivers/vhost/vringh.c: copy_to_iotlb',
    commit: 'e3bf3df82467',
    does: INTO,
    accepts: ['bvec'],
    trace: 'vringh-to.csv',
    row: 1,
  },
  {
    name: 'vringh-from-iotlb',
    kernel: 'drivers/vhost/vringh.c: copy_from_iotlb',
    commit: 'e3bf3df82467',
    does: FROM,
    accepts: ['bvec'],
    trace: 'vringh-from.csv',
    row: 1,
  },
  {
    name: 'pvcalls-read',
    kernel: 'drivers/xen/pvcalls-back.c: pvcalls_conn_back_read',
    commit: 'fc02f33787d8',
    does: INTO,
    accepts: ['kvec'],
    trace: 'pvcalls-in.csv',
    row: 1,
  },
  {
    name: 'pvcalls-write',
    kernel: 'drivers/xen/pvcalls-back.c: pvcalls_conn_back_write',
    commit: 'fc02f33787d8',
    does: FROM,
    accepts: ['kvec'],
    trace: 'pvcalls-out.csv',
    row: 1,
  },
  {
    name: 's390-memcpy-real',
    kernel: 'arch/s390/mm/maccess.c: memcpy_real',
    commit: '77729412acde',
    does: INTO,
    pieceBytes: PAGE_BYTES,
    accepts: ['kvec'],
    trace: 's390-dump.csv',
    row: 1,
  },
]

/** A site that copies. */
function caseOf(site: Site): BugCase {
  const { name, kernel, commit, trace, row, accepts } = site
  return {
    name,
    kernel,
    commit,
    trace,
    rules: ['H-24'],
    row,
    accepts,
    policy: () => 'extract',
    create: (environment, isFixed) => new WrongDirection(environment, site, isFixed),
  }
}

/** An IOVEC at any of these sites, whose pages are taken and not copied to. */
const USER_GUP: BugCase = {
  name: 'user-gup',
  kernel: 'lib/iov_iter.c: __iov_iter_get_pages_alloc (no FOLL_WRITE for a source)',
  commit: null,
  trace: 'user-gup.csv',
  rules: ['H-24', 'H-21', 'H-29'],
  row: 4,
  accepts: ['ubuf', 'iovec'],
  policy: () => 'get-pages',
  create: (_environment, isFixed) => new DeviceRead(isFixed),
}

export const bug01 = defineBug({
  number: 1,
  title: 'READ and WRITE confused',
  summary:
    'Nine places made an iterator as source of data and copied into it, or the other way round: the names READ and WRITE say what the call does, and were read as what happens to the memory.',
  cases: [...SITES.map((site) => caseOf(site)), USER_GUP],
})
