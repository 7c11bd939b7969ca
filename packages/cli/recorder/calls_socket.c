/* Sockets. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "call.h"
#include "file.h"
#include "memory.h"
#include "segments.h"

static bool enter_buffer(struct task *task) {
  const uint64_t *args = task->values.args;
  row_set_file(&task->row, task, (int)args[0]);
  row_set_buffer(&task->row, task, args[1], args[2]);
  row_arg_hex(&task->row, "msg", (uint32_t)args[3]);
  return true;
}

static bool enter_message(struct task *task) {
  const uint64_t *args = task->values.args;
  row_set_file(&task->row, task, (int)args[0]);
  row_arg_hex(&task->row, "msg", (uint32_t)args[2]);
  row_set_message(&task->row, task, args[1]);
  return true;
}

/* struct mmsghdr */
struct numbered_message {
  struct message message;
  uint32_t bytes_count, padding;
};

#define MESSAGES_MAX 1024 /* UIO_MAXIOV: net/socket.c: __sys_sendmmsg takes no more */

static uint64_t messages_count(const struct task *task) {
  uint32_t count = (uint32_t)task->values.args[2];
  return count < MESSAGES_MAX ? count : MESSAGES_MAX;
}

static void set_numbered(struct row *row, struct task *task, uint64_t index) {
  row_arg_hex(row, "msg", (uint32_t)task->values.args[3]);
  row_arg_dec(row, "i", index);
  row_arg_dec(row, "n", messages_count(task));
  row_set_message(row, task, task->values.args[1] + index * sizeof(struct numbered_message));
}

static bool enter_messages(struct task *task) {
  row_set_file(&task->row, task, (int)task->values.args[0]);
  set_numbered(&task->row, task, 0);
  return true;
}

static int64_t bytes_of_message(struct task *task, uint64_t index) {
  struct numbered_message message;
  uint64_t address = task->values.args[1] + index * sizeof message;
  return memory_read(task, address, &message, sizeof message) ? (int64_t)message.bytes_count : -1;
}

/*
 * A row for each message; the first one has the counts. Vectors of the later ones are read now: the kernel does not change them,
 * and the program, which is stopped, had no chance to (another thread might).
 */
static void leave_messages(struct task *task, int64_t result) {
  if (result > 0) task->row.result = bytes_of_message(task, 0);
  row_write(&task->row);
  for (int64_t index = 1; index < result; index++) {
    struct row row = {0};
    row_of_task(&row, task->row.op, task);
    memcpy(row.oflags, task->row.oflags, sizeof row.oflags);
    row.fd = task->row.fd;
    row.file = task->row.file;
    text_add(&row.target, "%s", text_of(&task->row.target));
    set_numbered(&row, task, (uint64_t)index);
    row_stamp_at(&row, task->row.entry_ns);
    row.duration_ns = task->row.duration_ns;
    row.has_result = true;
    row.result = bytes_of_message(task, (uint64_t)index);
    row_write(&row);
    row_free(&row);
  }
}

static bool enter_setsockopt(struct task *task) {
  const uint64_t *args = task->values.args;
  uint32_t value;
  row_set_file(&task->row, task, (int)args[0]);
  row_arg_dec(&task->row, "level", (uint32_t)args[1]);
  row_arg_dec(&task->row, "opt", (uint32_t)args[2]);
  if (args[4] >= sizeof value && memory_read(task, args[3], &value, sizeof value)) row_arg_dec(&task->row, "val", value);
  task->may_pin = true; /* XDP_UMEM_REG */
  return true;
}

const struct call socket_calls[] = {
  {SYS_sendto, "sendto", enter_buffer, leave_row, true},
  {SYS_recvfrom, "recvfrom", enter_buffer, leave_row, true},
  {SYS_sendmsg, "sendmsg", enter_message, leave_row, true},
  {SYS_recvmsg, "recvmsg", enter_message, leave_row, true},
  {SYS_sendmmsg, "sendmmsg", enter_messages, leave_messages, true},
  {SYS_recvmmsg, "recvmmsg", enter_messages, leave_messages, true},
  {SYS_setsockopt, "setsockopt", enter_setsockopt, leave_row, true},
  {0, NULL, NULL, NULL, false},
};
