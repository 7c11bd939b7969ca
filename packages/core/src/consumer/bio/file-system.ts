import { isSince, type KernelVersion } from '../../kernel/version.ts'

/**
 * What an operation with O_DIRECT meets: `device`, a raw block device; `iomap`, bios through iomap; `btrfs`; `page-cache`,
 * where the flag is accepted and means nothing; `refused`, where open(2) already gives -EINVAL.
 */
export type DirectPath = 'device' | 'iomap' | 'btrfs' | 'page-cache' | 'refused'

/** File systems in memory: they accept O_DIRECT since 6.6. @kernel mm/shmem.c: shmem_file_open */
const SHMEM: readonly string[] = ['tmpfs', 'devtmpfs']

/** File systems without direct I/O. @kernel fs/open.c: do_dentry_open (neither a_ops->direct_IO nor FMODE_CAN_ODIRECT) */
const WITHOUT: readonly string[] = ['ramfs', 'squashfs', 'cramfs', 'romfs', 'iso9660', 'hugetlbfs']

/** The path of direct I/O on a file system, by the name that mount(8) has for it; null is a raw device. */
export function directPathOf(filesystem: string | null, kernel: KernelVersion): DirectPath {
  if (filesystem === null) return 'device'
  if (filesystem === 'btrfs') return 'btrfs'
  if (SHMEM.includes(filesystem)) return isSince(kernel, '6.12') ? 'page-cache' : 'refused'
  return WITHOUT.includes(filesystem) ? 'refused' : 'iomap'
}
