#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "control.h"
#include "row.h"
#include "task.h"

#define AGAIN_NS 1000000000ull     /* a second request within a second is the first one, told by somebody else */
#define PATIENCE_NS 10000000000ull /* for what is left when the command itself has ended */

static volatile sig_atomic_t asked_signal, asked_by_terminal;
static int first_signal;
static uint64_t asked_ns, left_ns;

static void on_request(int signal, siginfo_t *info, void *context) {
  (void)context;
  asked_signal = signal;
  asked_by_terminal = info->si_code == SI_KERNEL;
}

static void on_tick(int signal) { (void)signal; }

void stop_prepare(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_request;
  action.sa_flags = SA_SIGINFO; /* without SA_RESTART: waitpid() must return */
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  sigaction(SIGQUIT, &action, NULL);
  action.sa_flags = 0;
  action.sa_handler = on_tick;
  sigaction(SIGALRM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  struct itimerval tick = {{0, 250000}, {0, 250000}};
  setitimer(ITIMER_REAL, &tick, NULL);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
}

int stop_signal(void) { return first_signal; }

/* To every process; a terminal's Ctrl-C has reached those of our group already. */
static void send_to_all(int signal, bool not_own_group) {
  size_t at = 0;
  for (struct task *task; (task = task_next(&at));) {
    if (task->tid != task->process->pid) continue;
    if (not_own_group && getpgid(task->tid) == getpgrp()) continue;
    kill(task->tid, signal);
  }
}

static void answer(int signal, bool by_terminal) {
  uint64_t now = recording_now_ns();
  if (first_signal && now - asked_ns < AGAIN_NS) return;
  asked_ns = now;
  if (first_signal) {
    send_to_all(SIGKILL, false);
    return;
  }
  first_signal = signal;
  control_tell("stopping", "%d", signal);
  send_to_all(signal, by_terminal);
}

void stop_check(bool first_has_ended) {
  int signal = asked_signal;
  if (signal) {
    asked_signal = 0;
    answer(signal, asked_by_terminal);
  }
  if (!first_signal || !first_has_ended) return;
  if (!left_ns) {
    left_ns = recording_now_ns();
    send_to_all(SIGTERM, false);
  } else if (recording_now_ns() - left_ns > PATIENCE_NS) {
    send_to_all(SIGKILL, false);
  }
}
