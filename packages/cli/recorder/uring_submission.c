/* The submission queue: what a call is about to submit, entry by entry. */
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "memory.h"
#include "notes.h"
#include "segments.h"
#include "uring.h"

static void name_of(uint8_t opcode, char name[32]) {
  static const char *const names[] = {
    "NOP", "READV", "WRITEV", "FSYNC", "READ_FIXED", "WRITE_FIXED", "POLL_ADD", "POLL_REMOVE", "SYNC_FILE_RANGE", "SENDMSG",
    "RECVMSG", "TIMEOUT", "TIMEOUT_REMOVE", "ACCEPT", "ASYNC_CANCEL", "LINK_TIMEOUT", "CONNECT", "FALLOCATE", "OPENAT", "CLOSE",
    "FILES_UPDATE", "STATX", "READ", "WRITE", "FADVISE", "MADVISE", "SEND", "RECV", "OPENAT2", "EPOLL_CTL", "SPLICE",
    "PROVIDE_BUFFERS", "REMOVE_BUFFERS", "TEE", "SHUTDOWN", "RENAMEAT", "UNLINKAT", "MKDIRAT", "SYMLINKAT", "LINKAT", "MSG_RING",
    "FSETXATTR", "SETXATTR", "FGETXATTR", "GETXATTR", "SOCKET", "URING_CMD", "SEND_ZC", "SENDMSG_ZC", "READ_MULTISHOT", "WAITID",
    "FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_WAITV", "FIXED_FD_INSTALL", "FTRUNCATE", "BIND", "LISTEN", "RECV_ZC", "EPOLL_WAIT",
    "READV_FIXED", "WRITEV_FIXED", "PIPE", "NOP128", "URING_CMD128",
  };
  if (opcode < sizeof names / sizeof *names) snprintf(name, 32, "uring:%s", names[opcode]);
  else snprintf(name, 32, "uring:OP%u", opcode);
}

/* Operations whose descriptor is a file with data, or a socket. */
static bool has_file(uint8_t opcode) {
  switch (opcode) {
    case OP_READV: case OP_WRITEV: case OP_READ_FIXED: case OP_WRITE_FIXED: case OP_SENDMSG: case OP_RECVMSG: case OP_FALLOCATE:
    case OP_READ: case OP_WRITE: case OP_SEND: case OP_RECV: case OP_SPLICE: case OP_TEE: case OP_URING_CMD: case OP_SEND_ZC:
    case OP_SENDMSG_ZC: case OP_READ_MULTISHOT: case OP_READV_FIXED: case OP_WRITEV_FIXED: case OP_URING_CMD128:
    case 3: case 8: case 55: case 58: /* FSYNC, SYNC_FILE_RANGE, FTRUNCATE, RECV_ZC */
      return true;
    default:
      return false;
  }
}

static void set_fixed_file(struct row *row, const struct ring *ring, int index) {
  row->fd = index;
  row_arg_signed(row, "fixedfile", index);
  if (index < 0 || (unsigned)index >= ring->fixed_count || !ring->fixed[index].name) {
    note_count("an io_uring operation on a fixed file that was not seen to be registered: its file is not known");
    return;
  }
  const struct fixed_file *file = &ring->fixed[index];
  row->file = file->file;
  memcpy(row->oflags, file->oflags, sizeof row->oflags);
  text_add(&row->target, "%s", file->name);
}

/* File and position. An offset of -1 is the file's position, known where the operation is the only one. */
static void set_file(struct row *row, struct task *task, struct ring *ring, const struct uring_sqe *sqe, bool is_alone) {
  if (sqe->flags & SQE_FIXED_FILE) set_fixed_file(row, ring, sqe->fd);
  else row_set_file(row, task, sqe->fd);
  if (sqe->opcode == OP_URING_CMD || sqe->opcode == OP_URING_CMD128) return;
  if ((int64_t)sqe->offset != -1) {
    row->offset = (int64_t)sqe->offset;
    return;
  }
  row_arg_dec(row, "cur", 1);
  if (!is_alone || sqe->flags & SQE_FIXED_FILE) row->offset = NO_OFFSET;
}

static void add_splice(struct row *row, struct task *task, const struct uring_sqe *sqe) {
  row_arg_signed(row, "in", sqe->splice_fd_in);
  if (!(sqe->op_flags & SPLICE_FD_IN_FIXED)) {
    struct descriptor source = descriptor_of(task, sqe->splice_fd_in);
    if (source.file) row_arg_dec(row, "infile", source.file->id);
    descriptor_free(&source);
  }
  row_arg_signed(row, "inoff", (int64_t)sqe->address);
  row_arg_dec(row, "len", sqe->length);
  row_arg_hex(row, "spl", sqe->op_flags);
}

/* struct nvme_uring_cmd (include/uapi/linux/nvme_ioctl.h): data address and length of a passthrough command. */
static void add_command(struct row *row, struct task *task, const struct uring_sqe *sqe) {
  uint32_t command = (uint32_t)sqe->offset, length;
  uint64_t address;
  uint8_t nvme[48];
  row_arg_hex(row, "cmd", command);
  if ((command >> 8 & 0xff) != 'N' || ((command & 0xff) != 0x80 && (command & 0xff) != 0x81)) return;
  memcpy(nvme, sqe->command, sizeof nvme); /* the caller read 128 bytes */
  memcpy(&address, nvme + 24, sizeof address);
  memcpy(&length, nvme + 36, sizeof length);
  if ((command & 0xff) == 0x81) row_set_vector(row, task, address, length);
  else row_set_buffer(row, task, address, length);
}

static void add_buffer_index(struct row *row, const struct uring_sqe *sqe) {
  bool is_rw = sqe->opcode == OP_READ_FIXED || sqe->opcode == OP_WRITE_FIXED || sqe->opcode == OP_READV_FIXED ||
               sqe->opcode == OP_WRITEV_FIXED;
  bool is_send = (sqe->opcode == OP_SEND_ZC || sqe->opcode == OP_SENDMSG_ZC || sqe->opcode == OP_SEND) &&
                 sqe->priority & PRIORITY_FIXED_BUFFER;
  bool is_command = sqe->opcode == OP_URING_CMD && sqe->op_flags & COMMAND_FIXED_BUFFER;
  if (is_rw || is_send || is_command) row_arg_dec(row, "buf", sqe->buffer_index);
}

static void add_buffers(struct row *row, struct task *task, const struct uring_sqe *sqe) {
  if (sqe->flags & SQE_BUFFER_SELECT) {
    row_arg_dec(row, "bgid", sqe->buffer_index);
    note_count("io_uring operations with provided buffers: the kernel chooses their buffers, which are not in the recording");
    return;
  }
  switch (sqe->opcode) {
    case OP_READV: case OP_WRITEV: case OP_READV_FIXED: case OP_WRITEV_FIXED:
      row_set_vector(row, task, sqe->address, sqe->length);
      break;
    case OP_READ: case OP_WRITE: case OP_READ_FIXED: case OP_WRITE_FIXED: case OP_SEND: case OP_RECV: case OP_SEND_ZC:
      row_set_buffer(row, task, sqe->address, sqe->length);
      break;
    case OP_SENDMSG: case OP_RECVMSG: case OP_SENDMSG_ZC:
      row_set_message(row, task, sqe->address);
      break;
    case OP_SPLICE: case OP_TEE:
      add_splice(row, task, sqe);
      break;
    case OP_URING_CMD: case OP_URING_CMD128:
      add_command(row, task, sqe);
      break;
    case OP_FALLOCATE:
      row_arg_hex(row, "mode", sqe->length);
      row_arg_dec(row, "len", sqe->address);
      break;
    default:
      break;
  }
}

/* Operations that put a file into the table of fixed files, or take one out. */
static void change_fixed_files(struct task *task, struct ring *ring, const struct uring_sqe *sqe) {
  bool opens = sqe->opcode == OP_OPENAT || sqe->opcode == OP_OPENAT2 || sqe->opcode == OP_ACCEPT || sqe->opcode == OP_SOCKET;
  if (sqe->opcode == OP_FILES_UPDATE) fixed_files_update(task, ring, (uint32_t)sqe->offset, sqe->address, sqe->length);
  if (opens && sqe->splice_fd_in) note_count("io_uring opened a file as a fixed one: operations on it do not name it");
}

static struct operation *add_operation(struct task *task, struct ring *ring, const struct uring_sqe *sqe, bool is_alone) {
  char name[32];
  name_of(sqe->opcode, name);
  struct operation *operation = submission_add(task->submission, task, name, sqe->user_data);
  struct row *row = &operation->row;
  operation->skips_completion = sqe->flags & SQE_CQE_SKIP_SUCCESS;
  row_arg_dec(row, "ring", ring->id);
  row_arg_hex(row, "ud", sqe->user_data);
  row_arg_hex(row, "flags", sqe->flags);
  row_arg_hex(row, "rw", sqe->op_flags);
  if (sqe->priority) row_arg_hex(row, "prio", sqe->priority);
  if (has_file(sqe->opcode)) set_file(row, task, ring, sqe, is_alone);
  add_buffer_index(row, sqe);
  add_buffers(row, task, sqe);
  change_fixed_files(task, ring, sqe);
  return operation;
}

/* The entry at a place of the queue; false where the program's index is none (the kernel stops there too). */
static bool read_sqe(struct task *task, struct ring *ring, uint32_t place, uint8_t bytes[128]) {
  uint32_t flags = ring->params.flags, index = place & (ring->params.sq_entries - 1);
  uint64_t size = flags & SETUP_SQE128 ? 128 : 64;
  if (!(flags & SETUP_NO_SQARRAY)) {
    uint64_t at = ring->params.sq.array + 4ull * index;
    if (!ring_read(task, ring, &ring->sq, at, &index, sizeof index) || index >= ring->params.sq_entries) return false;
  }
  memset(bytes, 0, 128);
  return ring_read(task, ring, &ring->sqes, index * size, bytes, size);
}

static bool takes_two(const struct ring *ring, uint8_t opcode) {
  return ring->params.flags & SETUP_SQE_MIXED && (opcode == OP_NOP128 || opcode == OP_URING_CMD128);
}

static void add_range(struct task *task, struct ring *ring, uint32_t from, uint32_t count, bool is_late) {
  uint8_t bytes[128];
  for (uint32_t slot = 0; slot < count; slot++) {
    if (!read_sqe(task, ring, from + slot, bytes)) return;
    const struct uring_sqe *sqe = (const struct uring_sqe *)bytes;
    uint32_t first = slot;
    if (takes_two(ring, sqe->opcode) && ++slot < count) {
      uint64_t second = (from + slot) % ring->params.sq_entries * 64ull;
      ring_read(task, ring, &ring->sqes, second, bytes + 64, 64);
    }
    struct operation *operation = add_operation(task, ring, sqe, count == 1);
    task->submission->carried[task->submission->count - 1].slot = first;
    if (is_late) row_arg_dec(&operation->row, "late", 1);
  }
}

/*
 * With SQPOLL a thread of the kernel takes entries whenever it likes: what was added since the last look is still in the queue, if
 * not more was added than it has places.
 */
void ring_look_for_polled(struct task *task, struct ring *ring) {
  uint32_t tail;
  if (!(ring->params.flags & SETUP_SQPOLL) || task->submission) return;
  if (!ring_read(task, ring, &ring->sq, ring->params.sq.tail, &tail, sizeof tail)) return;
  uint32_t count = tail - ring->submissions_seen;
  if (count == 0) return;
  if (count > ring->params.sq_entries) {
    note_count("operations on an io_uring ring with SQPOLL were overwritten before the recorder looked");
    ring->submissions_seen = tail - ring->params.sq_entries;
    count = ring->params.sq_entries;
  }
  note_once("an io_uring ring with SQPOLL: operations are seen at the program's next system call, and their pins are in no bracket");
  submission_begin(task, &ring->pending);
  add_range(task, ring, ring->submissions_seen, count, true);
  submission_started(task);
  ring->submissions_seen = tail;
}

void ring_add_submissions(struct task *task, struct ring *ring, uint32_t count) {
  uint32_t head = 0, tail = count;
  struct uring_params *params = &ring->params;
  if (params->flags & SETUP_SQPOLL) return; /* see ring_look_for_polled() */
  submission_begin(task, &ring->pending);
  if (!(params->flags & SETUP_SQ_REWIND)) {
    if (!ring_read(task, ring, &ring->sq, params->sq.tail, &tail, sizeof tail)) return;
    if (!ring_read(task, ring, &ring->sq, params->sq.head, &head, sizeof head)) return;
  }
  add_range(task, ring, head, tail - head < count ? tail - head : count, false);
}
