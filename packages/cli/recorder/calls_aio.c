#include <stdlib.h>
#include <sys/syscall.h>

#include "aio.h"
#include "call.h"
#include "file.h"
#include "memory.h"
#include "notes.h"
#include "segments.h"
#include "submission.h"

/* struct iocb (include/uapi/linux/aio_abi.h), little endian */
struct iocb_values {
  uint64_t data;
  uint32_t key;
  int32_t rw_flags;
  uint16_t opcode;
  int16_t priority;
  uint32_t fd;
  uint64_t buffer, bytes_count;
  int64_t offset;
  uint64_t reserved;
  uint32_t flags, eventfd;
};

/* struct io_event */
struct event {
  uint64_t data, iocb;
  int64_t result, result2;
};

/* struct aio_ring (fs/aio.c): what the context's address points to. */
struct aio_ring {
  uint32_t id, events_count, head, tail, magic, compat_features, incompat_features, header_bytes;
};

#define AIO_RING_MAGIC 0xa10a10a1u
#define EVENTS_MAX (1u << 24) /* far above what a context holds */

struct aio_context {
  uint64_t address;
  struct pending pending;
  uint32_t seen; /* how far the ring was read */
  bool has_ring; /* it could be read; else completions are taken from what io_getevents() gives */
  struct aio_context *next;
};

static struct aio_context *find_context(struct task *task, uint64_t address) {
  struct aio_context *context = task->process->space->contexts;
  while (context && context->address != address) context = context->next;
  return context;
}

static void add_context(struct task *task, uint64_t address) {
  struct aio_ring ring;
  struct aio_context *context = allocate(sizeof *context);
  context->address = address;
  context->has_ring = memory_read(task, address, &ring, sizeof ring) && ring.magic == AIO_RING_MAGIC;
  if (context->has_ring) context->seen = ring.tail;
  else note_count("the ring of a libaio context could not be read: completions are those that io_getevents(2) returned");
  context->next = task->process->space->contexts;
  task->process->space->contexts = context;
}

static void completed(struct task *task, struct aio_context *context, const struct event *event) {
  struct operation *operation = pending_find(&context->pending, event->iocb);
  if (operation) {
    operation_ended(&context->pending, operation, true, event->result);
    return;
  }
  struct row row = {0};
  row_of_task(&row, "aio:event", task);
  row_arg_hex(&row, "iocb", event->iocb);
  row.has_result = true;
  row.result = event->result;
  row.duration_ns = 0;
  row_stamp(&row);
  row_write(&row);
  row_free(&row);
}

/*
 * The kernel writes events at `tail`, whoever reads them: io_getevents(2) or the program itself, at `head`. We follow the tail.
 * Nothing is lost between two looks: an event needs an io_submit(2), before which we look, and the ring has room for all.
 */
static void look_into(struct task *task, struct aio_context *context) {
  struct aio_ring ring;
  struct event event;
  if (!context->has_ring || !memory_read(task, context->address, &ring, sizeof ring)) return;
  if (ring.magic != AIO_RING_MAGIC || ring.events_count > EVENTS_MAX || ring.tail >= ring.events_count) return;
  while (context->seen != ring.tail && context->seen < ring.events_count) {
    uint64_t at = context->address + ring.header_bytes + (uint64_t)context->seen * sizeof event;
    if (!memory_read(task, at, &event, sizeof event)) return;
    completed(task, context, &event);
    context->seen = (context->seen + 1) % ring.events_count;
  }
}

void aio_look(struct task *task) {
  for (struct aio_context *context = task->process->space->contexts; context; context = context->next) look_into(task, context);
}

void aio_space_gone(struct space *space) {
  while (space->contexts) {
    struct aio_context *context = space->contexts;
    space->contexts = context->next;
    pending_ended(&context->pending);
    free(context);
  }
}

static bool enter_setup(struct task *task) {
  row_arg_dec(&task->row, "nr", (uint32_t)task->values.args[0]);
  return true;
}

static void leave_setup(struct task *task, int64_t result) {
  uint64_t address;
  if (result == 0 && memory_read(task, task->values.args[1], &address, sizeof address)) {
    row_arg_hex(&task->row, "ctx", address);
    add_context(task, address);
  }
  row_write(&task->row);
}

static bool enter_context(struct task *task) {
  row_arg_hex(&task->row, "ctx", task->values.args[0]);
  return true;
}

/* Whether another thread is submitting to it: it is forgotten with the address space then. */
static bool is_in_use(const struct aio_context *context) {
  size_t at = 0;
  for (struct task *task; (task = task_next(&at));)
    if (task->submission && task->submission->pending == &context->pending) return true;
  return false;
}

/* io_destroy(2) waits for what is on its way (fs/aio.c: kill_ioctx, exit_aio). */
static void leave_destroy(struct task *task, int64_t result) {
  struct aio_context **at = &task->process->space->contexts;
  while (*at && (*at)->address != task->values.args[0]) at = &(*at)->next;
  struct aio_context *context = *at;
  if (result == 0 && context) {
    pending_ended(&context->pending);
    context->address = 0;
    context->has_ring = false;
    if (!is_in_use(context)) {
      *at = context->next;
      free(context);
    }
  }
  row_write(&task->row);
}

static const char *operation_name(uint16_t opcode) {
  static const char *const names[] = {"aio:PREAD", "aio:PWRITE", "aio:FSYNC", "aio:FDSYNC", "aio:OP4",
                                      "aio:POLL",  "aio:NOOP",   "aio:PREADV", "aio:PWRITEV"};
  return opcode < sizeof names / sizeof *names ? names[opcode] : "aio:OP";
}

/* False: it cannot be read, and the kernel takes none from there on. */
static bool add_operation(struct submission *submission, struct task *task, uint64_t address) {
  struct iocb_values iocb;
  if (!memory_read(task, address, &iocb, sizeof iocb)) return false;
  struct row *row = &submission_add(submission, task, operation_name(iocb.opcode), address)->row;
  row_set_file(row, task, (int)iocb.fd);
  row->offset = iocb.offset;
  row_arg_hex(row, "iocb", address);
  row_arg_hex(row, "ctx", task->values.args[0]);
  if (iocb.rw_flags) row_arg_hex(row, "rw", (uint32_t)iocb.rw_flags);
  if (iocb.opcode <= 1) row_set_buffer(row, task, iocb.buffer, iocb.bytes_count);
  if (iocb.opcode == 7 || iocb.opcode == 8) row_set_vector(row, task, iocb.buffer, iocb.bytes_count);
  return true;
}

#define IOCBS_MAX (1u << 20) /* far above what a context holds (fs.aio-max-nr) */

static void add_operations(struct submission *submission, struct task *task, uint64_t array, uint64_t count) {
  uint64_t addresses[256];
  for (uint64_t at = 0; at < count; at += 256) {
    uint64_t step = count - at < 256 ? count - at : 256;
    uint64_t got = memory_read_some(task, array + at * 8, addresses, step * 8) / 8;
    for (uint64_t i = 0; i < got; i++)
      if (!add_operation(submission, task, addresses[i])) return;
    if (got < step) return;
  }
}

static bool enter_submit(struct task *task) {
  const uint64_t *args = task->values.args;
  struct aio_context *context = find_context(task, args[0]);
  uint64_t count = (int64_t)args[1] > 0 ? args[1] : 0;
  enter_context(task);
  row_arg_signed(&task->row, "nr", (int64_t)args[1]);
  task->may_pin = true;
  if (count > IOCBS_MAX) note_count("io_submit(2) of more than %u operations: those behind were not looked at", IOCBS_MAX);
  if (context) add_operations(submission_begin(task, &context->pending), task, args[2], count < IOCBS_MAX ? count : IOCBS_MAX);
  return true;
}

/* Where the call failed, its first operation was refused: it has that result, and it may have been pinned and unpinned. */
static void leave_submit(struct task *task, int64_t result) {
  struct submission *submission = task->submission;
  aio_look(task);
  row_write(&task->row);
  if (!submission && result > 0) note_count("io_submit(2) to a libaio context that was not seen to be set up: its operations are missing");
  if (submission && result < 0 && submission->count > 0) {
    struct pending *pending = submission->pending;
    struct operation *refused = pending_find_carried(pending, &submission->carried[0]);
    if (refused) {
      row_arg_dec(&refused->row, "refused", 1);
      operation_ended(pending, refused, true, result);
    }
  }
  submission_taken(task, result > 0 ? (uint64_t)result : 0);
}

static bool enter_getevents(struct task *task) {
  enter_context(task);
  row_arg_signed(&task->row, "min", (int64_t)task->values.args[1]);
  row_arg_signed(&task->row, "nr", (int64_t)task->values.args[2]);
  task->may_pin = false; /* but what completes meanwhile lets go of pages: see pins_async_began() */
  return true;
}

static void leave_getevents(struct task *task, int64_t result) {
  struct aio_context *context = find_context(task, task->values.args[0]);
  struct event event;
  row_write(&task->row);
  aio_look(task);
  if (!context || context->has_ring) return;
  for (int64_t i = 0; i < result; i++)
    if (memory_read(task, task->values.args[3] + (uint64_t)i * sizeof event, &event, sizeof event)) completed(task, context, &event);
}

const struct call aio_calls[] = {
  {SYS_io_setup, "io_setup", enter_setup, leave_setup, false},
  {SYS_io_destroy, "io_destroy", enter_context, leave_destroy, false},
  {SYS_io_cancel, "io_cancel", enter_context, leave_row, false},
  {SYS_io_submit, "io_submit", enter_submit, leave_submit, true},
  {SYS_io_getevents, "io_getevents", enter_getevents, leave_getevents, true},
#ifdef SYS_io_pgetevents
  {SYS_io_pgetevents, "io_pgetevents", enter_getevents, leave_getevents, true},
#endif
  {0, NULL, NULL, NULL, false},
};
