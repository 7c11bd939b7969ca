#include "call.h"

#include "aio.h"
#include "pins.h"
#include "uring.h"

const struct call *const call_tables[] = {file_calls, socket_calls, splice_calls, memory_calls, aio_calls, uring_calls, NULL};

/* Results inside the kernel that ask for the call to be made again (include/linux/errno.h). */
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516

const struct call *call_find(uint64_t number) {
  for (const struct call *const *table = call_tables; *table; table++)
    for (const struct call *call = *table; call->name; call++)
      if ((uint64_t)call->number == number) return call;
  return NULL;
}

void leave_row(struct task *task, int64_t result) {
  (void)result;
  row_write(&task->row);
}

bool call_entered(struct task *task) {
  const struct call *call = call_find(task->values.number);
  if (!call) return false; /* another filter of the command asked for this stop */
  row_of_task(&task->row, call->name, task);
  task->may_pin = false;
  aio_look(task);
  uring_look(task);
  if (!call->enter(task)) return false;
  task->call = call;
  if (call->counted) pins_begin(task); /* last, so that nothing the recorder reads is in the bracket */
  row_stamp(&task->row);
  submission_stamp(task);
  return true;
}

void call_returned(struct task *task, int64_t result) {
  const struct call *call = task->call;
  if (!call) return;
  pins_end(task); /* first */
  task->call = NULL;
  task->row.duration_ns = (int64_t)(recording_now_ns() - task->row.entry_ns);
  if (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK) {
    row_arg_dec(&task->row, "restart", 1);
    result = -4; /* EINTR: what the program is told where the call is not made again */
  }
  task->row.has_result = true;
  task->row.result = result;
  call->leave(task, result);
}

void call_abandoned(struct task *task) {
  if (!task->call) return;
  pins_abandon(task);
  task->call = NULL;
  submission_abandon(task);
  ring_let_go(task);
  row_write(&task->row);
}
