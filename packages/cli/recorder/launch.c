#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "call.h"
#include "control.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "iorec runs on x86_64 and aarch64"
#endif

#define X32_BIT 0x40000000u
#define FILTER_MAX 250 /* a jump reaches 255 instructions */

/* The step at which the child failed, as it is told over a pipe. */
struct failure {
  enum { STEP_FILTER, STEP_EXEC } step;
  int error;
};

static int failure_pipe[2];

/* Calls that are followed stop for the tracer; everything else runs at full speed, calls of other architectures too. */
static unsigned short build_filter(struct sock_filter *filter) {
  long numbers[FILTER_MAX];
  unsigned count = 0, at = 0;
  for (const struct call *const *table = call_tables; *table; table++)
    for (const struct call *call = *table; call->name && count < FILTER_MAX - 8; call++)
      if (call->number >= 0) numbers[count++] = call->number;
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, (unsigned char)(count + 2));
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, (unsigned char)count, 0);
  for (unsigned i = 0; i < count; i++)
    filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i], (unsigned char)(count - i), 0);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  return (unsigned short)at;
}

/* Root keeps what set-uid programs need; others must give that up (prctl(2): PR_SET_NO_NEW_PRIVS). */
static int install_filter(void) {
  struct sock_filter filter[FILTER_MAX];
  struct sock_fprog program = {build_filter(filter), filter};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return 0;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void fail(int step) {
  struct failure failure = {step, errno};
  if (write(failure_pipe[1], &failure, sizeof failure) < 0) _exit(126);
  _exit(127);
}

static void run_child(char **command, int go) {
  char byte;
  if (read(go, &byte, 1) != 1) _exit(126); /* the recorder is gone */
  if (install_filter()) fail(STEP_FILTER);
  execvp(command[0], command);
  fail(STEP_EXEC);
}

pid_t launch(char **command) {
  int go[2];
  if (pipe2(go, O_CLOEXEC) || pipe2(failure_pipe, O_CLOEXEC)) refuse("failed", "pipe: %s", strerror(errno));
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) refuse("failed", "fork: %s", strerror(errno));
  if (pid == 0) {
    close(go[1]);
    run_child(command, go[0]);
  }
  close(go[0]);
  close(failure_pipe[1]);
  long traced = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SEIZE, pid, 0, traced)) refuse("ptrace", "ptrace is not permitted: %s", strerror(errno));
  if (write(go[1], "g", 1) != 1) refuse("failed", "pipe: %s", strerror(errno));
  close(go[1]);
  return pid;
}

void launch_failed(char **command) {
  struct failure failure;
  if (read(failure_pipe[0], &failure, sizeof failure) != sizeof failure) refuse("failed", "the command ended before it ran");
  if (failure.step == STEP_FILTER) refuse("seccomp", "seccomp filters are not permitted: %s", strerror(failure.error));
  if (failure.error == ENOENT) refuse("not-found", "command not found: %s", command[0]);
  refuse("exec", "cannot run %s: %s", command[0], strerror(failure.error));
}
