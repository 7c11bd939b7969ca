/* What changes an address space: later rows name buffers in it. */
#include <sys/mman.h>
#include <sys/syscall.h>

#include "call.h"
#include "file.h"
#include "segments.h"
#include "uring.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define MADV_PAGEOUT_ADVICE 21
#define MADV_WIPEONFORK_ADVICE 18
#ifndef SYS_pkey_mprotect
#define SYS_pkey_mprotect (-1)
#endif

static void set_area(struct task *task, uint64_t address, uint64_t length) {
  text_clear(&task->row.segments);
  text_add(&task->row.segments, "%llx:%llu", (unsigned long long)address, (unsigned long long)length);
  task->row.segments_count = 1;
}

static bool enter_mmap(struct task *task) {
  const uint64_t *args = task->values.args;
  int fd = (int)args[4];
  if (fd >= 0 && !(args[3] & MAP_ANONYMOUS)) {
    struct descriptor descriptor = descriptor_of(task, fd);
    row_set_descriptor(&task->row, &descriptor, fd);
    task->row.offset = NO_OFFSET;
    descriptor_free(&descriptor);
  }
  row_arg_dec(&task->row, "len", args[1]);
  row_arg_hex(&task->row, "prot", args[2]);
  row_arg_hex(&task->row, "fl", args[3]);
  row_arg_hex(&task->row, "off", args[5]);
  return true;
}

static bool is_address(int64_t result) { return result < -4095 || result > 0; }

static void leave_mmap(struct task *task, int64_t result) {
  const uint64_t *args = task->values.args;
  task->row.segments_count = 1;
  if (is_address(result)) {
    set_area(task, (uint64_t)result, args[1]);
    uring_mapped(task, (int)args[4], args[5], (uint64_t)result, args[1]);
  }
  row_write(&task->row);
}

static bool enter_area(struct task *task) {
  set_area(task, task->values.args[0], task->values.args[1]);
  return true;
}

static void leave_munmap(struct task *task, int64_t result) {
  row_write(&task->row);
  if (result == 0) uring_unmapped(task, task->values.args[0], task->values.args[1]);
}

static bool enter_mprotect(struct task *task) {
  row_arg_hex(&task->row, "prot", task->values.args[2]);
  return enter_area(task);
}

/* Advices that give pages back, keep them from children, or make and split huge pages. */
static bool enter_madvise(struct task *task) {
  switch (task->values.args[2]) {
    case MADV_DONTNEED: case MADV_FREE: case MADV_REMOVE: case MADV_DONTFORK: case MADV_DOFORK:
    case MADV_HUGEPAGE: case MADV_NOHUGEPAGE: case MADV_WIPEONFORK_ADVICE: case MADV_PAGEOUT_ADVICE:
    case MADV_DONTNEED_LOCKED: case MADV_COLLAPSE:
      row_arg_dec(&task->row, "advice", task->values.args[2]);
      return enter_area(task);
    default:
      return false;
  }
}

static bool enter_mremap(struct task *task) {
  row_arg_hex(&task->row, "fl", task->values.args[3]);
  return enter_area(task);
}

static void leave_mremap(struct task *task, int64_t result) {
  if (is_address(result)) {
    text_add(&task->row.segments, ";%llx:%llu", (unsigned long long)result, (unsigned long long)task->values.args[2]);
    task->row.segments_count = 2;
  }
  row_write(&task->row);
}

static bool enter_brk(struct task *task) {
  (void)task;
  return true;
}

/* brk(2) of the kernel always returns where the heap ends now. */
static void leave_brk(struct task *task, int64_t result) {
  struct space *space = task->process->space;
  uint64_t old = space->heap_end, new = (uint64_t)result;
  space->heap_end = new;
  if (!old || old == new) return;
  row_arg_dec(&task->row, new > old ? "grow" : "shrink", 1);
  set_area(task, new > old ? old : new, new > old ? new - old : old - new);
  row_write(&task->row);
}

const struct call memory_calls[] = {
  {SYS_mmap, "mmap", enter_mmap, leave_mmap, false},
  {SYS_munmap, "munmap", enter_area, leave_munmap, false},
  {SYS_mremap, "mremap", enter_mremap, leave_mremap, false},
  {SYS_mprotect, "mprotect", enter_mprotect, leave_row, false},
  {SYS_pkey_mprotect, "mprotect", enter_mprotect, leave_row, false},
  {SYS_madvise, "madvise", enter_madvise, leave_row, false},
  {SYS_brk, "brk", enter_brk, leave_brk, false},
  {0, NULL, NULL, NULL, false},
};
