#include "submission.h"

#include <stdlib.h>

#include "notes.h"
#include "pins.h"

/* Operations with one key, the oldest first. */
struct queue {
  struct operation *first, *last;
};

static uint64_t submissions_count, operations_count;

struct submission *submission_begin(struct task *task, struct pending *pending) {
  struct submission *submission = allocate(sizeof *submission);
  submission->number = ++submissions_count;
  submission->pending = pending;
  task->submission = submission;
  return submission;
}

struct operation *submission_add(struct submission *submission, struct task *task, const char *op, uint64_t key) {
  if (submission->count == submission->room) {
    submission->room = submission->room ? submission->room * 2 : 8;
    submission->carried = reallocate(submission->carried, submission->room * sizeof *submission->carried);
  }
  struct operation *operation = allocate(sizeof *operation);
  row_of_task(&operation->row, op, task);
  operation->key = key;
  operation->number = ++operations_count;
  submission->carried[submission->count] = (struct carried){key, operation->number, submission->count, operation};
  submission->count++;
  return operation;
}

static void append(struct pending *pending, struct operation *operation) {
  struct queue *queue = table_get(&pending->by_key, operation->key);
  if (!queue) table_set(&pending->by_key, operation->key, queue = allocate(sizeof *queue));
  if (queue->last) queue->last->next = operation;
  else queue->first = operation;
  queue->last = operation;
  pins_async_began();
}

void submission_stamp(struct task *task) {
  struct submission *submission = task->submission;
  if (!submission) return;
  row_arg_dec(&task->row, "n", submission->count);
  row_arg_dec(&task->row, "sub", submission->number);
  for (unsigned i = 0; i < submission->count; i++) {
    struct operation *operation = submission->carried[i].operation;
    row_arg_dec(&operation->row, "sub", submission->number);
    row_arg_dec(&operation->row, "seq", operation->number);
    row_stamp_at(&operation->row, task->row.entry_ns);
    append(submission->pending, operation);
  }
}

static void free_submission(struct task *task) {
  free(task->submission->carried);
  free(task->submission);
  task->submission = NULL;
}

void submission_started(struct task *task) {
  struct submission *submission = task->submission;
  for (unsigned i = 0; i < submission->count; i++) {
    struct operation *operation = submission->carried[i].operation;
    row_arg_dec(&operation->row, "seq", operation->number);
    row_stamp(&operation->row);
    append(submission->pending, operation);
  }
  free_submission(task);
}

static void take_out(struct pending *pending, struct operation *operation) {
  struct queue *queue = table_get(&pending->by_key, operation->key);
  struct operation *before = NULL;
  for (struct operation *at = queue->first; at != operation; at = at->next) before = at;
  if (before) before->next = operation->next;
  else queue->first = operation->next;
  if (queue->last == operation) queue->last = before;
  pins_async_ended();
  if (queue->first) return;
  table_set(&pending->by_key, operation->key, NULL);
  free(queue);
}

static void free_operation(struct operation *operation) {
  row_free(&operation->row);
  free(operation);
}

static void write_and_free(struct operation *operation) {
  row_write(&operation->row);
  free_operation(operation);
}

struct operation *pending_find_carried(struct pending *pending, const struct carried *carried) {
  struct operation *at = pending_find(pending, carried->key);
  while (at && at->number != carried->number) at = at->next;
  return at;
}

void submission_taken(struct task *task, uint64_t taken_count) {
  struct submission *submission = task->submission;
  if (!submission) return;
  for (uint64_t i = 0; i < submission->count; i++) {
    struct operation *operation = pending_find_carried(submission->pending, &submission->carried[i]);
    bool taken = submission->carried[i].slot < taken_count;
    if (!operation || (taken && !operation->skips_completion)) continue;
    if (taken) {
      note_once("io_uring operations that do not tell their success (IOSQE_CQE_SKIP_SUCCESS) are taken as over when they were submitted");
      row_arg_dec(&operation->row, "skip", 1);
      operation_ended(submission->pending, operation, false, 0);
    } else {
      take_out(submission->pending, operation);
      free_operation(operation);
    }
  }
  free_submission(task);
}

void submission_abandon(struct task *task) {
  if (task->submission) free_submission(task);
}

struct operation *pending_find(struct pending *pending, uint64_t key) {
  struct queue *queue = table_get(&pending->by_key, key);
  return queue ? queue->first : NULL;
}

void operation_ended(struct pending *pending, struct operation *operation, bool has_result, int64_t result) {
  operation->row.duration_ns = (int64_t)(recording_now_ns() - operation->row.entry_ns);
  operation->row.has_result = has_result;
  operation->row.result = result;
  take_out(pending, operation);
  write_and_free(operation);
}

void pending_ended(struct pending *pending) {
  size_t at = 0;
  for (struct queue *queue; (queue = table_next(&pending->by_key, &at));) {
    for (struct operation *operation = queue->first, *next; operation; operation = next) {
      next = operation->next;
      pins_async_ended();
      row_arg_dec(&operation->row, "atexit", 1);
      operation->row.duration_ns = (int64_t)(recording_now_ns() - operation->row.entry_ns);
      operation->row.has_result = operation->has_result;
      operation->row.result = operation->result;
      write_and_free(operation);
    }
    free(queue);
  }
  table_free(&pending->by_key);
}
