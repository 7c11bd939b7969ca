/** What the options of `ceph` say of a mount. */
export interface CephSettings {
  /** Most bytes of a read, of a write. @kernel fs/ceph/super.h: struct ceph_mount_options */
  readonly rsize: number
  readonly wsize: number
  /** @kernel include/linux/ceph/ceph_fs.h: struct ceph_file_layout */
  readonly stripeUnit: number
  /** Operations are asynchronous: io_uring, libaio. @kernel include/linux/fs.h: is_sync_kiocb */
  readonly isAio: boolean
}
