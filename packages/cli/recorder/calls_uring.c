/* io_uring_setup(2), io_uring_enter(2), and closing a ring. */
#include <sys/syscall.h>

#include "call.h"
#include "memory.h"
#include "notes.h"
#include "uring.h"

#ifndef SYS_close_range
#define SYS_close_range 436 /* the same on every architecture */
#endif

/* With NO_MMAP the ring's memory is the program's own, and pinned (io_uring/memmap.c: io_region_pin_pages). */
static bool enter_setup(struct task *task) {
  task->may_pin = true;
  return true;
}

static void leave_setup(struct task *task, int64_t result) {
  struct uring_params params;
  if (result >= 0 && memory_read(task, task->values.args[1], &params, sizeof params)) {
    struct ring *ring = ring_add(task, (int)result, &params);
    row_arg_dec(&task->row, "ring", ring->id);
    row_arg_dec(&task->row, "entries", params.sq_entries);
    row_arg_dec(&task->row, "cq", params.cq_entries);
    row_arg_hex(&task->row, "flags", params.flags);
    row_arg_hex(&task->row, "features", params.features);
  }
  row_write(&task->row);
}

static bool enter_enter(struct task *task) {
  const uint64_t *args = task->values.args;
  struct ring *ring = ring_of_number(task, (int)args[0], args[3] & ENTER_REGISTERED_RING);
  task->row.fd = (int)args[0];
  text_add(&task->row.target, "anon_inode:[io_uring]");
  task->may_pin = (uint32_t)args[1] > 0;
  if (ring) {
    ring_hold(task, ring);
    row_arg_dec(&task->row, "ring", ring->id);
  }
  row_arg_dec(&task->row, "submit", (uint32_t)args[1]);
  row_arg_dec(&task->row, "wait", (uint32_t)args[2]);
  row_arg_hex(&task->row, "fl", (uint32_t)args[3]);
  if (ring && task->may_pin) ring_add_submissions(task, ring, (uint32_t)args[1]);
  return true;
}

static void leave_enter(struct task *task, int64_t result) {
  struct ring *ring = task->ring;
  if (!ring && result > 0) note_count("io_uring_enter(2) on a ring that was not seen to be set up: its operations are missing");
  row_write(&task->row);
  if (ring) ring_look(task, ring);
  submission_taken(task, result > 0 ? (uint64_t)result : 0);
  ring_let_go(task);
}

/* Before it is closed: what we have mapped of a ring ourselves must be gone by then. */
static bool enter_close(struct task *task) {
  uring_closed(task, (int)task->values.args[0], (int)task->values.args[0]);
  return false;
}

static bool enter_close_range(struct task *task) {
  const uint64_t *args = task->values.args;
  uint32_t first = (uint32_t)args[0], last = (uint32_t)args[1];
  if (args[2] & CLOSE_RANGE_CLOEXEC_FLAG || first > INT32_MAX) return false;
  uring_closed(task, (int)first, last > INT32_MAX ? INT32_MAX : (int)last);
  return false;
}

const struct call uring_calls[] = {
  {SYS_io_uring_setup, "io_uring_setup", enter_setup, leave_setup, true},
  {SYS_io_uring_enter, "io_uring_enter", enter_enter, leave_enter, true},
  {SYS_io_uring_register, "io_uring_register", enter_register, leave_register, true},
  {SYS_close, "close", enter_close, NULL, false},
  {SYS_close_range, "close_range", enter_close_range, NULL, false},
  {0, NULL, NULL, NULL, false},
};
