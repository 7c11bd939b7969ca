/* read(2), write(2) and their relatives, and what changes a file without a buffer. */
#include <fcntl.h>
#include <sys/syscall.h>

#include "call.h"
#include "file.h"
#include "memory.h"
#include "segments.h"

#define FICLONE 0x40049409u
#define FICLONERANGE 0x4020940du
#define SG_IO 0x2285u

static bool enter_buffer(struct task *task) {
  const uint64_t *args = task->values.args;
  task->may_pin = row_set_file(&task->row, task, (int)args[0]);
  row_set_buffer(&task->row, task, args[1], args[2]);
  return true;
}

static bool enter_buffer_at(struct task *task) {
  enter_buffer(task);
  task->row.offset = (int64_t)task->values.args[3];
  return true;
}

static bool enter_vector(struct task *task) {
  const uint64_t *args = task->values.args;
  task->may_pin = row_set_file(&task->row, task, (int)args[0]);
  row_set_vector(&task->row, task, args[1], args[2]);
  return true;
}

/* The position is in two halves; on 64 bits the low one has it all (fs/read_write.c: pos_from_hilo). */
static bool enter_vector_at(struct task *task) {
  enter_vector(task);
  task->row.offset = (int64_t)task->values.args[3];
  return true;
}

static bool enter_vector_flags(struct task *task) {
  enter_vector(task);
  if ((int64_t)task->values.args[3] != -1) task->row.offset = (int64_t)task->values.args[3]; /* -1: the file's position */
  row_arg_hex(&task->row, "rwf", task->values.args[5]);
  return true;
}

/* struct file_clone_range */
struct clone_range {
  int64_t source_fd;
  uint64_t source_offset, length, target_offset;
};

static void add_clone_source(struct task *task, int64_t fd) {
  struct descriptor source = descriptor_of(task, (int)fd);
  row_arg_signed(&task->row, "src", fd);
  if (source.file) row_arg_dec(&task->row, "srcfile", source.file->id);
  descriptor_free(&source);
}

static void add_clone_range(struct task *task, uint64_t address) {
  struct clone_range range;
  if (!memory_read(task, address, &range, sizeof range)) return;
  add_clone_source(task, range.source_fd);
  row_arg_dec(&task->row, "srcoff", range.source_offset);
  row_arg_dec(&task->row, "len", range.length);
  row_arg_dec(&task->row, "dstoff", range.target_offset);
}

/* The head of struct sg_io_hdr (include/scsi/sg.h): up to the buffer. */
struct sg_header {
  int32_t interface_id, direction;
  uint8_t command_length, sense_length_max;
  uint16_t vector_count;
  uint32_t length;
  uint64_t buffer;
};

static void add_sg_buffer(struct task *task, uint64_t address) {
  struct sg_header header;
  if (!memory_read(task, address, &header, sizeof header) || header.interface_id != 'S') return;
  row_arg_signed(&task->row, "dir", header.direction);
  if (header.vector_count) row_set_vector(&task->row, task, header.buffer, header.vector_count);
  else row_set_buffer(&task->row, task, header.buffer, header.length);
}

static bool enter_ioctl(struct task *task) {
  uint32_t command = (uint32_t)task->values.args[1];
  uint64_t argument = task->values.args[2];
  struct descriptor descriptor = descriptor_of(task, (int)task->values.args[0]);
  row_set_descriptor(&task->row, &descriptor, (int)task->values.args[0]);
  /* Drivers pin what they are given (passthrough commands, memory regions); terminals and sockets do not. */
  task->may_pin = descriptor.file && (descriptor.file->kind == FILE_BLOCK || descriptor.file->kind == FILE_CHARACTER);
  descriptor_free(&descriptor);
  row_arg_hex(&task->row, "cmd", command);
  row_arg_hex(&task->row, "arg", argument);
  if (command == FICLONE) add_clone_source(task, (int64_t)argument);
  if (command == FICLONERANGE) add_clone_range(task, argument);
  if (command == SG_IO) add_sg_buffer(task, argument);
  return true;
}

static bool enter_ftruncate(struct task *task) {
  row_set_file(&task->row, task, (int)task->values.args[0]);
  task->row.offset = NO_OFFSET;
  row_arg_dec(&task->row, "size", task->values.args[1]);
  return true;
}

static bool enter_fallocate(struct task *task) {
  row_set_file(&task->row, task, (int)task->values.args[0]);
  row_arg_hex(&task->row, "mode", task->values.args[1]);
  row_arg_dec(&task->row, "len", task->values.args[3]);
  task->row.offset = (int64_t)task->values.args[2];
  return true;
}

const struct call file_calls[] = {
  {SYS_read, "read", enter_buffer, leave_row, true},
  {SYS_write, "write", enter_buffer, leave_row, true},
  {SYS_pread64, "pread64", enter_buffer_at, leave_row, true},
  {SYS_pwrite64, "pwrite64", enter_buffer_at, leave_row, true},
  {SYS_readv, "readv", enter_vector, leave_row, true},
  {SYS_writev, "writev", enter_vector, leave_row, true},
  {SYS_preadv, "preadv", enter_vector_at, leave_row, true},
  {SYS_pwritev, "pwritev", enter_vector_at, leave_row, true},
  {SYS_preadv2, "preadv2", enter_vector_flags, leave_row, true},
  {SYS_pwritev2, "pwritev2", enter_vector_flags, leave_row, true},
  {SYS_ioctl, "ioctl", enter_ioctl, leave_row, true},
  {SYS_ftruncate, "ftruncate", enter_ftruncate, leave_row, false},
  {SYS_fallocate, "fallocate", enter_fallocate, leave_row, false},
  {0, NULL, NULL, NULL, false},
};
