#include "loop.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio.h"
#include "call.h"
#include "control.h"
#include "notes.h"
#include "stop.h"
#include "task.h"
#include "uring.h"

/* struct ptrace_syscall_info (include/uapi/linux/ptrace.h), since 5.3: registers without knowing the architecture. */
#define GET_SYSCALL_INFO 0x420e
struct syscall_info {
  uint8_t op, padding[3];
  uint32_t arch;
  uint64_t instruction_pointer, stack_pointer;
  union {
    struct call_values entry; /* of a seccomp stop too */
    struct {
      int64_t result;
      uint8_t is_error;
    } exit;
    uint64_t room[8];
  };
};
enum { INFO_EXIT = 2, INFO_SECCOMP = 3 };

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static pid_t first_pid;
static bool has_run, first_has_ended;
static int first_status;

static void go_on(const struct task *task, pid_t tid, int signal) {
  /* A task that was killed meanwhile is no error: its end is told next. */
  ptrace(task && task->call ? PTRACE_SYSCALL : PTRACE_CONT, tid, 0, (long)signal);
}

static bool get_info(pid_t tid, struct syscall_info *info) {
  if (ptrace(GET_SYSCALL_INFO, tid, sizeof *info, info) > 0) return true;
  if (errno == EIO || errno == EINVAL) refuse("kernel", "this kernel has no PTRACE_GET_SYSCALL_INFO: Linux 5.3 or later is needed");
  return false;
}

static void on_call(struct task *task) {
  struct syscall_info info;
  if (!has_run || !get_info(task->tid, &info) || info.op != INFO_SECCOMP) return;
  task->values = info.entry;
  call_entered(task);
}

static void on_return(struct task *task) {
  struct syscall_info info;
  if (get_info(task->tid, &info) && info.op == INFO_EXIT) call_returned(task, info.exit.result);
}

/* Whether the program is for a 32-bit machine: its calls have other numbers, and pass the filter unseen. */
static bool is_32_bit(pid_t pid, char name[4096]) {
  char path[40];
  unsigned char head[EI_NIDENT];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  ssize_t length = readlink(path, name, 4095);
  name[length > 0 ? length : 0] = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool is_elf = read(fd, head, sizeof head) == sizeof head && memcmp(head, ELFMAG, SELFMAG) == 0;
  close(fd);
  return is_elf && head[EI_CLASS] == ELFCLASS32;
}

static void on_exec(struct task *task) {
  char name[4096];
  bool foreign = is_32_bit(task->tid, name);
  if (foreign && !has_run) refuse("bits", "%s is a 32-bit program: its system calls cannot be recorded", name);
  if (foreign) note_count("%s is a 32-bit program: its system calls are not in the recording", name);
  if (!has_run) control_tell("started", "%d", task->tid);
  has_run = true;
  task_executed(task);
}

static void on_child(struct task *task) {
  unsigned long child = 0;
  if (ptrace(PTRACE_GETEVENTMSG, task->tid, 0, &child) == 0) task_add_child(task, (pid_t)child);
}

/* The last look at memory that is about to go. */
static void on_exiting(struct task *task) {
  aio_look(task);
  uring_task_exiting(task);
}

static bool is_stop_signal(int signal) {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void on_stop(pid_t tid, int status) {
  struct task *task = task_find_or_add(tid);
  int event = status >> 16, signal = WSTOPSIG(status);
  if (!task) {
    go_on(NULL, tid, 0);
    return;
  }
  switch (event) {
    case PTRACE_EVENT_SECCOMP: on_call(task); break;
    case PTRACE_EVENT_EXEC: on_exec(task); break;
    case PTRACE_EVENT_EXIT: on_exiting(task); break;
    case PTRACE_EVENT_FORK: case PTRACE_EVENT_VFORK: case PTRACE_EVENT_CLONE: on_child(task); break;
    case PTRACE_EVENT_STOP:
      if (!is_stop_signal(signal)) break;
      ptrace(PTRACE_LISTEN, tid, 0, 0); /* stopped by a signal: it stays so until it is continued */
      return;
    default:
      if (signal != (SIGTRAP | 0x80)) {
        go_on(task, tid, signal);
        return;
      }
      on_return(task);
  }
  go_on(task, tid, 0);
}

static void on_end(pid_t tid, int status) {
  struct task *task = task_find(tid);
  if (tid == first_pid) {
    first_has_ended = true;
    first_status = status;
  }
  if (task && has_run) task_ended(task, status);
  if (tid == first_pid && has_run && tasks_count() > 0) control_tell("left", "%u", tasks_count());
}

bool follow(pid_t first, int *status) {
  first_pid = first;
  task_add_first(first);
  for (;;) {
    int wait_status;
    pid_t tid = waitpid(-1, &wait_status, __WALL);
    if (tid < 0 && errno == ECHILD) break;
    if (tid > 0 && WIFSTOPPED(wait_status)) on_stop(tid, wait_status);
    else if (tid > 0) on_end(tid, wait_status);
    stop_check(first_has_ended);
  }
  *status = first_status;
  return has_run;
}
