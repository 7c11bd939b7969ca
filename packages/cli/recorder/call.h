/* System calls that are followed: a stop before each, and one after it where the answer matters. */
#ifndef IOREC_CALL_H
#define IOREC_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "task.h"

struct call {
  long number;
  const char *name;
  /* Fills the task's row; false: of no interest, it is not looked at again. */
  bool (*enter)(struct task *task);
  /* Adds what is known afterwards, and writes the row unless there is nothing to tell. Result: as the kernel returns it. */
  void (*leave)(struct task *task, int64_t result);
  bool counted; /* bracketed by --pins */
};

/* All of them. */
extern const struct call *const call_tables[];
const struct call *call_find(uint64_t number);

/* The stop before a call: reads, brackets and stamps. False: no stop is needed after it. */
bool call_entered(struct task *task);
/* The stop after it. */
void call_returned(struct task *task, int64_t result);
/* It will never return: the thread is gone. */
void call_abandoned(struct task *task);

/* The usual `leave`: the result, and the row. */
void leave_row(struct task *task, int64_t result);

/* The tables, one for each family; each ends with a name of NULL. */
extern const struct call file_calls[], socket_calls[], splice_calls[], memory_calls[], aio_calls[], uring_calls[];

#endif
