/* io_uring: rings, the operations submitted to them, their completions, and what is registered with them. */
#ifndef IOREC_URING_H
#define IOREC_URING_H

#include <stdbool.h>
#include <stdint.h>

#include "submission.h"
#include "task.h"
#include "uring_abi.h"

struct area {
  uint64_t address, length; /* in the program; length 0: not mapped */
  void *own;                /* where the recorder has it mapped, or NULL */
};

/* A file registered with a ring, as it was then. */
struct fixed_file {
  char *name; /* NULL: the slot is empty, or what is in it was not seen */
  unsigned file;
  char oflags[8];
  bool direct;
};

struct ring {
  unsigned id;
  unsigned names_count; /* descriptors and registered descriptors */
  struct uring_params params;
  struct area sq, cq, sqes;
  uint32_t completions_seen, submissions_seen; /* how far the rings were read */
  bool unreadable;
  struct pending pending;
  struct fixed_file *fixed;
  unsigned fixed_count;
};

/* A descriptor of a process that is a ring. */
struct ring_name {
  int fd;
  struct ring *ring;
  struct ring_name *next;
};

/* The ring of a descriptor: also of a copy of one, or of one that was sent here. NULL: none that we know. */
struct ring *ring_of(struct task *task, int fd);
/* The same, where the number may be that of a registered descriptor. */
struct ring *ring_of_number(struct task *task, int number, bool is_registered);
struct ring *ring_add(struct task *task, int fd, const struct uring_params *params);
/* Bytes of one of its areas. */
bool ring_read(struct task *task, struct ring *ring, struct area *area, uint64_t offset, void *to, size_t length);
/* The call of a task is about it: it is there until the call is over. */
void ring_hold(struct task *task, struct ring *ring);
void ring_let_go(struct task *task);
/* A task's number for a ring, set or (NULL) taken away. */
void ring_set_registered(struct task *task, unsigned number, struct ring *ring);

/* Looks for completions in every ring of the task. */
void uring_look(struct task *task);
void ring_look(struct task *task, struct ring *ring);
/* Adds what was submitted without a call (SQPOLL): before completions are looked for, or they belong to nothing. */
void ring_look_for_polled(struct task *task, struct ring *ring);
/* Adds the operations that a call is about to submit. */
void ring_add_submissions(struct task *task, struct ring *ring, uint32_t count);

bool enter_register(struct task *task);
void leave_register(struct task *task, int64_t result);
void fixed_files_update(struct task *task, struct ring *ring, uint32_t at, uint64_t fds, uint32_t count);
void fixed_files_free(struct ring *ring);

/* What happens to descriptors and mappings. */
void uring_mapped(struct task *task, int fd, uint64_t offset, uint64_t address, uint64_t length);
void uring_unmapped(struct task *task, uint64_t address, uint64_t length);
void uring_closed(struct task *task, int first, int last);
void uring_forked(struct process *parent, struct process *child);
void uring_task_gone(struct task *task);
void uring_process_gone(struct task *task);
/* The thread is about to go: what we have mapped ourselves must not outlive it. */
void uring_task_exiting(struct task *task);

#endif
