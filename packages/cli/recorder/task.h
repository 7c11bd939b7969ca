/* Threads, processes and address spaces of the command and of everything it started. */
#ifndef IOREC_TASK_H
#define IOREC_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "row.h"

struct call;
struct ring;
struct submission;
struct aio_context;

/* An address space (the kernel's mm_struct): shared by threads, and by vfork children until they exec. */
struct space {
  int id; /* pid of the process it was made for, or a number of its own where that is in use */
  unsigned users_count;
  uint64_t heap_end; /* as brk(2) said; 0: not seen yet */
  int mem_slot; /* which of the open /proc/PID/mem is its own, -1: none */
  struct ring *rings;
  struct aio_context *contexts;
};

struct process {
  pid_t pid;
  struct space *space;
  unsigned threads_count;
  struct ring_name *ring_names; /* descriptors that are rings */
};

/* What stopped: number and arguments of a system call. */
struct call_values {
  uint64_t number;
  uint64_t args[6];
};

#define REGISTERED_RINGS_MAX 16 /* IO_RINGFD_REG_MAX */

struct task {
  pid_t tid;
  struct process *process;
  const struct call *call; /* the call it is in; NULL: in none that we follow */
  struct call_values values;
  struct row row;
  int64_t acquired_before, released_before;
  bool counting;                             /* its bracket is open */
  bool may_pin;                              /* the call may move the counters of pins */
  struct submission *submission;             /* what the call submits */
  struct ring *ring;                         /* the ring the call is about */
  struct ring *registered_rings[REGISTERED_RINGS_MAX]; /* IORING_REGISTER_RING_FDS is by thread */
};

struct task *task_find(pid_t tid);
/* The task, made when it is not known: what it belongs to is found in /proc. NULL when it is gone already. */
struct task *task_find_or_add(pid_t tid);
/* The first one. */
struct task *task_add_first(pid_t pid);
/* A child or thread that its parent made. NULL when it is gone already. */
struct task *task_add_child(struct task *parent, pid_t tid);
unsigned tasks_count(void);
/* Every task, as table_next(). */
struct task *task_next(size_t *at);

/* The thread has ended. Writes the `exit` row; status as waitpid() has it. */
void task_ended(struct task *task, int status);
/* The process runs another program: its other threads are gone and its address space is new. Writes `exec` and `vma` rows. */
void task_executed(struct task *task);

/* A row of a task about no file: who, nothing else. */
void row_of_task(struct row *row, const char *op, const struct task *task);

#endif
