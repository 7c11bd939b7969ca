#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio.h"
#include "call.h"
#include "mappings.h"
#include "memory.h"
#include "table.h"
#include "uring.h"

#define KCMP_VM_TYPE 1
#define FIRST_OWN_ID 4194304 /* PID_MAX_LIMIT: no process has such a number */

static struct table tasks, processes, spaces;
static int next_own_id = FIRST_OWN_ID;

struct task *task_find(pid_t tid) { return table_get(&tasks, (uint64_t)tid); }

struct task *task_next(size_t *at) { return table_next(&tasks, at); }

unsigned tasks_count(void) { return (unsigned)tasks.used_count; }

void row_of_task(struct row *row, const char *op, const struct task *task) {
  row_begin(row, op);
  row->tid = task->tid;
  row->pid = task->process->pid;
  row->mm = task->process->space->id;
}

static struct space *new_space(pid_t pid) {
  struct space *space = allocate(sizeof *space);
  space->id = table_get(&spaces, (uint64_t)pid) ? next_own_id++ : pid;
  space->mem_slot = -1;
  table_set(&spaces, (uint64_t)space->id, space);
  return space;
}

static struct process *new_process(pid_t pid, struct space *space) {
  struct process *process = allocate(sizeof *process);
  process->pid = pid;
  process->space = space;
  space->users_count++;
  table_set(&processes, (uint64_t)pid, process);
  return process;
}

static struct task *new_task(pid_t tid, struct process *process) {
  struct task *task = allocate(sizeof *task);
  task->tid = tid;
  task->process = process;
  process->threads_count++;
  table_set(&tasks, (uint64_t)tid, task);
  return task;
}

struct task *task_add_first(pid_t pid) { return new_task(pid, new_process(pid, new_space(pid))); }

/* Number after a key of /proc/TID/status; 0: the task is gone. */
static pid_t status_number(pid_t tid, const char *key) {
  char path[40], line[256];
  pid_t number = 0;
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  FILE *status = fopen(path, "re");
  if (!status) return 0;
  while (!number && fgets(line, sizeof line, status))
    if (strncmp(line, key, strlen(key)) == 0) number = atoi(line + strlen(key));
  fclose(status);
  return number;
}

static bool shares_space(pid_t one, pid_t other) {
  return syscall(SYS_kcmp, (long)one, (long)other, (long)KCMP_VM_TYPE, 0L, 0L) == 0;
}

static void write_fork(struct task *parent, const struct task *child) {
  struct row row = {0};
  bool is_thread = child->process == parent->process;
  row_of_task(&row, "fork", parent);
  row_arg_signed(&row, "child", child->process->pid);
  row_arg_signed(&row, "mm", child->process->space->id);
  row_arg_dec(&row, "thread", is_thread);
  row_arg_dec(&row, "copy", child->process->space != parent->process->space);
  row.has_result = true;
  row.result = child->tid;
  row.duration_ns = 0;
  row_stamp(&row);
  row_write(&row);
  row_free(&row);
}

static struct task *add_process(pid_t pid, struct task *parent) {
  bool shared = parent && shares_space(pid, parent->tid);
  struct space *space = shared ? parent->process->space : new_space(pid);
  if (parent && !shared) space->heap_end = parent->process->space->heap_end;
  struct process *process = new_process(pid, space);
  if (parent) uring_forked(parent->process, process);
  return new_task(pid, process);
}

/* The child's first stop may come before its parent's, which tells of it. */
struct task *task_add_child(struct task *parent, pid_t tid) {
  struct task *task = task_find(tid);
  if (task) return task;
  pid_t pid = status_number(tid, "Tgid:");
  if (!pid) return NULL;
  struct process *process = table_get(&processes, (uint64_t)pid);
  task = process ? new_task(tid, process) : add_process(pid, parent);
  if (parent) write_fork(parent, task);
  return task;
}

struct task *task_find_or_add(pid_t tid) {
  struct task *task = task_find(tid);
  if (task) return task;
  pid_t pid = status_number(tid, "Tgid:");
  pid_t parent = pid == tid ? status_number(tid, "PPid:") : pid;
  return task_add_child(task_find(parent), tid);
}

/* Gives a process another space, or none; the number of the old one where that is gone now, else 0. */
static int change_space(struct process *process, struct space *space) {
  struct space *old = process->space;
  process->space = space;
  if (space) space->users_count++;
  if (--old->users_count) return 0;
  int id = old->id;
  aio_space_gone(old);
  memory_forget(old);
  table_set(&spaces, (uint64_t)id, NULL);
  free(old);
  return id;
}

static void free_task(struct task *task) {
  call_abandoned(task);
  uring_task_gone(task);
  table_set(&tasks, (uint64_t)task->tid, NULL);
  row_free(&task->row);
  free(task);
}

void task_ended(struct task *task, int status) {
  struct row row = {0};
  struct process *process = task->process;
  call_abandoned(task);
  row_of_task(&row, "exit", task);
  if (WIFSIGNALED(status)) row_arg_signed(&row, "signal", WTERMSIG(status));
  else row_arg_signed(&row, "status", WEXITSTATUS(status));
  bool is_last = process->threads_count == 1;
  if (is_last) {
    uring_task_gone(task);
    uring_process_gone(task);
    int gone = change_space(process, NULL);
    row_arg_dec(&row, "last", 1);
    if (gone) row_arg_signed(&row, "gone", gone);
  }
  row.duration_ns = 0;
  row_stamp(&row);
  row_write(&row);
  row_free(&row);
  free_task(task);
  process->threads_count--;
  if (!is_last) return;
  table_set(&processes, (uint64_t)process->pid, NULL);
  free(process);
}

/* Threads other than the one that goes on are gone, and nobody tells of all of them. */
static void end_other_threads(struct task *survivor) {
  struct process *process = survivor->process;
  for (bool found = true; found;) {
    found = false;
    size_t at = 0;
    for (struct task *task; (task = task_next(&at));) {
      if (task == survivor || task->process != process) continue;
      free_task(task);
      process->threads_count--;
      found = true;
      break; /* the table has changed */
    }
  }
}

void task_executed(struct task *task) {
  struct row row = {0};
  char path[40], name[4096];
  call_abandoned(task);
  end_other_threads(task);
  uring_task_gone(task);
  uring_process_gone(task);
  struct process *process = task->process;
  struct space *space = allocate(sizeof *space);
  space->mem_slot = -1;
  int gone = change_space(process, space); /* first, so that its number is free again */
  space->id = table_get(&spaces, (uint64_t)process->pid) ? next_own_id++ : process->pid;
  table_set(&spaces, (uint64_t)space->id, space);
  row_of_task(&row, "exec", task);
  snprintf(path, sizeof path, "/proc/%d/exe", task->tid);
  ssize_t length = readlink(path, name, sizeof name);
  if (length > 0) text_add_bytes(&row.target, name, (size_t)length);
  if (gone) row_arg_signed(&row, "gone", gone);
  row.duration_ns = 0;
  row_stamp(&row);
  row_write(&row);
  row_free(&row);
  write_mappings(task);
}
