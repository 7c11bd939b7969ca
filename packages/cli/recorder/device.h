/* How direct I/O on a file must be aligned, and which file system the file is on. */
#ifndef IOREC_DEVICE_H
#define IOREC_DEVICE_H

#include <stdint.h>
#include <sys/types.h>

/* struct statx of the kernel (include/uapi/linux/stat.h): the C library of the machine may be older than its kernel. */
struct file_facts {
  uint32_t mask, block_bytes;
  uint64_t attributes;
  uint32_t links_count, uid, gid;
  uint16_t mode, spare0;
  uint64_t inode, size_bytes, blocks_count, attributes_mask;
  struct { int64_t seconds; uint32_t nanoseconds; int32_t reserved; } accessed, born, changed, modified;
  uint32_t rdev_major, rdev_minor, device_major, device_minor;
  uint64_t mount_id;
  uint32_t dio_mem_align, dio_offset_align;
  uint64_t spare[12];
};

#define FACTS_DIO 0x2000u /* STATX_DIOALIGN, since 6.1 */

/* statx() of a path, following links. 0, or -1 with errno. */
int facts_of(const char *path, struct file_facts *facts);

/* A number out of the queue folder of a block device in sysfs, of its disk for a partition; 0: not known. */
unsigned queue_number(uint32_t major, uint32_t minor, const char *attribute);

/* The file system of a mount of a task, by mount number, or by device where that is negative. False: none such. */
int mount_filesystem(pid_t tid, int mount_id, uint32_t major, uint32_t minor, char name[32]);

#endif
