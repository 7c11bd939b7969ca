import { defineBug } from '../bug.ts'
import { FuseKernelIo } from './fuse-kernel-io.ts'
import { NetfsDirectWrite } from './netfs-direct-write.ts'
import { NetfsLimit } from './netfs-limit.ts'

export const bug30 = defineBug({
  number: 30,
  title: 'kernel iterators where nobody expected them',
  summary:
    'A KVEC or BVEC of the kernel reached code that knew other types only: virtiofs bounced 10 MiB through one kmalloc for ever, netfs hit a BUG, or took the iterator for one of a user.',
  cases: [
    {
      name: 'virtiofs-kernel-io',
      kernel: 'fs/fuse/file.c: fuse_get_user_pages; fs/fuse/virtio_fs.c: copy_args_to_argbuf',
      commit: '41748675c0bf',
      cve: 'CVE-2024-53219',
      trace: 'virtiofs.csv',
      rules: ['H-20'],
      row: 3,
      accepts: ['kvec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new FuseKernelIo(isFixed),
    },
    {
      name: 'netfs-limit-iter',
      kernel: 'fs/netfs/iterator.c: netfs_limit_iter',
      commit: '67e467a11f62',
      cve: 'CVE-2026-31438',
      trace: 'core-dump.csv',
      rules: ['H-20'],
      row: 3,
      accepts: ['bvec', 'xarray', 'folioq', 'kvec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new NetfsLimit(isFixed),
    },
    {
      name: 'netfs-async-dio',
      kernel: 'fs/netfs/direct_write.c: netfs_unbuffered_write_iter_locked',
      commit: '3f6bc9e3ab9b',
      cve: 'CVE-2025-21643',
      trace: 'async-dio.csv',
      rules: ['H-20'],
      row: 4,
      accepts: ['ubuf', 'iovec', 'bvec', 'kvec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new NetfsDirectWrite(isFixed),
    },
  ],
})
