/* The completion queue. */
#include "notes.h"
#include "uring.h"

static void orphan(struct task *task, const struct ring *ring, const struct uring_cqe *cqe) {
  struct row row = {0};
  row_of_task(&row, "uring:cqe", task);
  row_arg_dec(&row, "ring", ring->id);
  row_arg_hex(&row, "ud", cqe->user_data);
  row_arg_hex(&row, "flags", cqe->flags);
  row.has_result = true;
  row.result = cqe->result;
  row.duration_ns = 0;
  row_stamp(&row);
  row_write(&row);
  row_free(&row);
}

/*
 * An operation may complete many times (multishot), and a zero-copy send twice: with its result, and when the pages are let go of
 * (the notification, whose own result says nothing of bytes).
 */
static void completed(struct task *task, struct ring *ring, const struct uring_cqe *cqe) {
  if (cqe->flags & CQE_SKIP) return;
  struct operation *operation = pending_find(&ring->pending, cqe->user_data);
  if (!operation) {
    orphan(task, ring, cqe);
    return;
  }
  bool is_notification = cqe->flags & CQE_NOTIFICATION;
  int64_t result = is_notification && operation->has_result ? operation->result : cqe->result;
  operation->completions_count++;
  if (cqe->flags & CQE_MORE) {
    operation->has_result = true;
    operation->result = result;
    return;
  }
  row_arg_hex(&operation->row, "cqe", cqe->flags);
  if (operation->completions_count > 1) row_arg_dec(&operation->row, "multi", operation->completions_count);
  operation_ended(&ring->pending, operation, true, result);
}

static bool read_cqe(struct task *task, struct ring *ring, uint32_t index, struct uring_cqe *cqe) {
  unsigned shift = ring->params.flags & SETUP_CQE32 ? 5 : 4;
  uint64_t at = ring->params.cq.cqes + ((uint64_t)(index & (ring->params.cq_entries - 1)) << shift);
  return ring_read(task, ring, &ring->cq, at, cqe, sizeof *cqe);
}

void ring_look(struct task *task, struct ring *ring) {
  struct uring_cqe cqe;
  uint32_t tail;
  ring_look_for_polled(task, ring);
  if (!ring_read(task, ring, &ring->cq, ring->params.cq.tail, &tail, sizeof tail)) return;
  uint32_t new_count = tail - ring->completions_seen;
  if (new_count > ring->params.cq_entries) { /* the program read them meanwhile, and their places were used again */
    note_count("completions of io_uring were read by the program and overwritten before the recorder looked");
    ring->completions_seen = tail - ring->params.cq_entries;
  }
  while (ring->completions_seen != tail) {
    if (!read_cqe(task, ring, ring->completions_seen, &cqe)) return;
    completed(task, ring, &cqe);
    ring->completions_seen += cqe.flags & CQE_32 && ring->params.flags & SETUP_CQE_MIXED ? 2 : 1;
  }
}

void uring_look(struct task *task) {
  for (struct ring_name *name = task->process->ring_names; name; name = name->next) ring_look(task, name->ring);
  for (unsigned number = 0; number < REGISTERED_RINGS_MAX; number++)
    if (task->registered_rings[number]) ring_look(task, task->registered_rings[number]);
}
