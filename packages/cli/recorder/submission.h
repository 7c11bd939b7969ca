/* Asynchronous operations: submitted in one call, completed at any time after. */
#ifndef IOREC_SUBMISSION_H
#define IOREC_SUBMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "row.h"
#include "table.h"
#include "task.h"

/* An operation on its way. Its row is written when its last completion was seen. */
struct operation {
  struct row row;
  uint64_t key;           /* what its completion carries: address of the iocb, or user data */
  uint64_t number;        /* of the recording, from 1 */
  struct operation *next; /* the next one with that key: completions come in that order, as far as one can tell */
  bool skips_completion;  /* IOSQE_CQE_SKIP_SUCCESS */
  unsigned completions_count;
  bool has_result; /* a completion came, and another one will */
  int64_t result;
};

/* What is on its way in one ring or one aio context, by key. */
struct pending {
  struct table by_key;
};

/* The operations that one call carries, until it has returned and told how many were taken. */
struct submission {
  uint64_t number; /* of the recording, from 1 */
  struct pending *pending;
  struct carried {
    uint64_t key, number; /* the operation may be over before the call is: it is looked for anew */
    uint64_t slot;        /* which of those that the call was given */
    struct operation *operation;
  } *carried;
  unsigned count, room;
};

struct submission *submission_begin(struct task *task, struct pending *pending);
/* Another operation of it; the row has its name and task, and will get `sub=` and `seq=`. */
struct operation *submission_add(struct submission *submission, struct task *task, const char *op, uint64_t key);
/* Gives the operations of the task's call its time, behind its own row; they are pending from now on. */
void submission_stamp(struct task *task);
/* The same for operations that no call carries. Frees the submission. */
void submission_started(struct task *task);
/* The call took so many slots: the others were never on their way. Frees the submission. */
void submission_taken(struct task *task, uint64_t taken_count);
/* The call will not return. */
void submission_abandon(struct task *task);

/* The first one that the completion can belong to. */
struct operation *pending_find(struct pending *pending, uint64_t key);
/* That very one; NULL: it is over. */
struct operation *pending_find_carried(struct pending *pending, const struct carried *carried);
/* Writes the operation's row with its end and forgets it. */
void operation_ended(struct pending *pending, struct operation *operation, bool has_result, int64_t result);
/* What owned them is gone: the kernel waits for them (exit_aio, io_ring_exit_work), their results are not known. */
void pending_ended(struct pending *pending);

#endif
