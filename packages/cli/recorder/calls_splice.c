/* From one file to another, into and out of pipes, and between address spaces. */
#include <string.h>
#include <sys/syscall.h>

#include "call.h"
#include "file.h"
#include "memory.h"
#include "segments.h"

static void add_target(struct task *task, int fd) {
  struct descriptor target = descriptor_of(task, fd);
  file_count(&target);
  row_arg_signed(&task->row, "out", fd);
  if (target.file) row_arg_dec(&task->row, "outfile", target.file->id);
  descriptor_free(&target);
}

/* A position in the program's memory, where it gave one. */
static bool read_offset(struct task *task, uint64_t address, int64_t *offset) {
  return address && memory_read(task, address, offset, sizeof *offset);
}

/* splice(in, in_offset, out, out_offset, length, flags), and copy_file_range(), which has the same. */
static bool enter_splice(struct task *task) {
  const uint64_t *args = task->values.args;
  int64_t offset;
  row_set_file(&task->row, task, (int)args[0]);
  if (read_offset(task, args[1], &offset)) task->row.offset = offset;
  add_target(task, (int)args[2]);
  row_arg_dec(&task->row, "len", args[4]);
  row_arg_hex(&task->row, "spl", (uint32_t)args[5]);
  if (read_offset(task, args[3], &offset)) row_arg_signed(&task->row, "outoff", offset);
  return true;
}

static bool enter_tee(struct task *task) {
  const uint64_t *args = task->values.args;
  row_set_file(&task->row, task, (int)args[0]);
  add_target(task, (int)args[1]);
  row_arg_dec(&task->row, "len", args[2]);
  row_arg_hex(&task->row, "spl", (uint32_t)args[3]);
  return true;
}

static bool enter_vmsplice(struct task *task) {
  const uint64_t *args = task->values.args;
  row_set_file(&task->row, task, (int)args[0]);
  row_arg_hex(&task->row, "spl", (uint32_t)args[3]);
  row_set_vector(&task->row, task, args[1], args[2]);
  return true;
}

static bool enter_sendfile(struct task *task) {
  const uint64_t *args = task->values.args;
  int64_t offset;
  row_set_file(&task->row, task, (int)args[1]);
  if (read_offset(task, args[2], &offset)) task->row.offset = offset;
  add_target(task, (int)args[0]);
  row_arg_dec(&task->row, "len", args[3]);
  return true;
}

/* The other process: one that we follow, or one whose memory we can only name. */
static void add_remote(struct task *task, pid_t pid, uint64_t vector, uint64_t count) {
  struct row remote = {0};
  struct task *other = task_find(pid);
  struct segment segments[SEGMENTS_MAX];
  row_begin(&remote, "");
  if (read_segments(task, vector, count, segments)) {
    struct task stranger = {.tid = pid};
    row_set_segments(&remote, other ? other : &stranger, segments, (unsigned)count);
  } else {
    row_arg_dec(&task->row, "fault", 1);
  }
  text_add(&task->row.segments, "|%s", text_of(&remote.segments));
  if (task->row.pages.length || remote.pages.length) text_add(&task->row.pages, "|%s", text_of(&remote.pages));
  row_arg_dec(&task->row, "remote", count);
  row_arg_signed(&task->row, "rpid", pid);
  if (other) row_arg_signed(&task->row, "rmm", other->process->space->id);
  row_free(&remote);
}

static bool enter_process_vm(struct task *task) {
  const uint64_t *args = task->values.args;
  row_set_vector(&task->row, task, args[1], args[2]);
  add_remote(task, (pid_t)args[0], args[3], args[4]);
  task->may_pin = true;
  return true;
}

const struct call splice_calls[] = {
  {SYS_splice, "splice", enter_splice, leave_row, true},
  {SYS_tee, "tee", enter_tee, leave_row, true},
  {SYS_vmsplice, "vmsplice", enter_vmsplice, leave_row, true},
  {SYS_sendfile, "sendfile", enter_sendfile, leave_row, true},
  {SYS_copy_file_range, "copy_file_range", enter_splice, leave_row, true},
  {SYS_process_vm_readv, "process_vm_readv", enter_process_vm, leave_row, true},
  {SYS_process_vm_writev, "process_vm_writev", enter_process_vm, leave_row, true},
  {0, NULL, NULL, NULL, false},
};
