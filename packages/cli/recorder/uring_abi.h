/*
 * io_uring as programs and the kernel see it (include/uapi/linux/io_uring.h): the headers of a machine may be older than its
 * kernel. Numbers and layouts never change; what a kernel does not know it does not use.
 */
#ifndef IOREC_URING_ABI_H
#define IOREC_URING_ABI_H

#include <stdint.h>

/* struct io_uring_sqe */
struct uring_sqe {
  uint8_t opcode, flags;
  uint16_t priority;
  int32_t fd;
  uint64_t offset;  /* addr2, cmd_op */
  uint64_t address; /* splice_off_in */
  uint32_t length, op_flags;
  uint64_t user_data;
  uint16_t buffer_index; /* buf_group */
  uint16_t personality;
  int32_t splice_fd_in; /* file_index */
  uint8_t command[16];  /* 80 bytes with SQE128 */
};

/* struct io_uring_cqe */
struct uring_cqe {
  uint64_t user_data;
  int32_t result;
  uint32_t flags;
};

/* struct io_sqring_offsets, struct io_cqring_offsets */
struct uring_sq_offsets {
  uint32_t head, tail, mask, entries, flags, dropped, array, reserved;
  uint64_t user_address;
};
struct uring_cq_offsets {
  uint32_t head, tail, mask, entries, overflow, cqes, flags, reserved;
  uint64_t user_address;
};

/* struct io_uring_params */
struct uring_params {
  uint32_t sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, reserved[3];
  struct uring_sq_offsets sq;
  struct uring_cq_offsets cq;
};

enum { SETUP_SQPOLL = 1 << 1, SETUP_SQE128 = 1 << 10, SETUP_CQE32 = 1 << 11, SETUP_NO_MMAP = 1 << 14 };
enum { SETUP_REGISTERED_FD_ONLY = 1 << 15, SETUP_NO_SQARRAY = 1 << 16, SETUP_CQE_MIXED = 1 << 18, SETUP_SQE_MIXED = 1 << 19 };
enum { SETUP_SQ_REWIND = 1 << 20 };
enum { FEATURE_SINGLE_MMAP = 1 };
enum { ENTER_REGISTERED_RING = 1 << 4 };
enum { OFFSET_SQ_RING = 0, OFFSET_CQ_RING = 0x8000000, OFFSET_SQES = 0x10000000 };
enum { SQE_FIXED_FILE = 1, SQE_BUFFER_SELECT = 1 << 5, SQE_CQE_SKIP_SUCCESS = 1 << 6 };
enum { CQE_MORE = 1 << 1, CQE_NOTIFICATION = 1 << 3, CQE_SKIP = 1 << 5, CQE_32 = 1 << 15 };
enum { PRIORITY_FIXED_BUFFER = 1 << 2 };       /* IORING_RECVSEND_FIXED_BUF */
enum { COMMAND_FIXED_BUFFER = 1 };             /* IORING_URING_CMD_FIXED */
#define SPLICE_FD_IN_FIXED (1u << 31)

enum {
  OP_READV = 1, OP_WRITEV = 2, OP_READ_FIXED = 4, OP_WRITE_FIXED = 5, OP_SENDMSG = 9, OP_RECVMSG = 10, OP_FALLOCATE = 17,
  OP_OPENAT = 18, OP_FILES_UPDATE = 20, OP_READ = 22, OP_WRITE = 23, OP_SEND = 26, OP_RECV = 27, OP_OPENAT2 = 28, OP_SPLICE = 30,
  OP_TEE = 33, OP_SOCKET = 45, OP_URING_CMD = 46, OP_SEND_ZC = 47, OP_SENDMSG_ZC = 48, OP_READ_MULTISHOT = 49, OP_ACCEPT = 13,
  OP_READV_FIXED = 60, OP_WRITEV_FIXED = 61, OP_NOP128 = 63, OP_URING_CMD128 = 64,
};

enum {
  REGISTER_BUFFERS = 0, REGISTER_FILES = 2, UNREGISTER_FILES = 3, REGISTER_FILES_UPDATE = 6, REGISTER_FILES2 = 13,
  REGISTER_FILES_UPDATE2 = 14, REGISTER_BUFFERS2 = 15, REGISTER_BUFFERS_UPDATE = 16, REGISTER_RING_FDS = 20,
  UNREGISTER_RING_FDS = 21, REGISTER_PBUF_RING = 22, UNREGISTER_PBUF_RING = 23, REGISTER_CLONE_BUFFERS = 30,
  REGISTER_RESIZE_RINGS = 33,
};
#define REGISTER_USE_REGISTERED_RING (1u << 31)
enum { RSRC_REGISTER_SPARSE = 1, CLONE_SOURCE_REGISTERED = 1, CLOSE_RANGE_CLOEXEC_FLAG = 1 << 2 };

/* struct io_uring_rsrc_register, io_uring_rsrc_update, io_uring_rsrc_update2 */
struct rsrc_register {
  uint32_t count, flags;
  uint64_t reserved, data, tags;
};
struct rsrc_update {
  uint32_t offset, reserved;
  uint64_t data;
};
struct rsrc_update2 {
  uint32_t offset, reserved;
  uint64_t data, tags;
  uint32_t count, reserved2;
};

/* struct io_uring_clone_buffers */
struct clone_buffers {
  uint32_t source_fd, flags, source_offset, target_offset, count, padding[3];
};

/* struct io_uring_buf_reg */
struct buffer_ring {
  uint64_t address;
  uint32_t entries;
  uint16_t group, flags;
  uint64_t reserved[3];
};

_Static_assert(sizeof(struct uring_sqe) == 64, "struct io_uring_sqe");
_Static_assert(sizeof(struct uring_params) == 120, "struct io_uring_params");

#endif
