/*
 * iorec: records the I/O of a command with the address and length of every buffer, which strace does not print.
 *
 * ptrace(2) with a seccomp filter: only calls that are followed stop the command. The recording is text, a row for each call and each
 * asynchronous operation; `pinscope trace record` builds and runs this program, and reads it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "file.h"
#include "launch.h"
#include "loop.h"
#include "notes.h"
#include "options.h"
#include "pages.h"
#include "pins.h"
#include "row.h"
#include "stop.h"

static int open_output(void) {
  if (options.output_fd >= 0) return options.output_fd;
  if (!options.output_path) return STDERR_FILENO;
  int fd = open(options.output_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) refuse("output", "cannot write %s: %s", options.output_path, strerror(errno));
  return fd;
}

/* Words as one would type them: in quotes where the shell would see more than a word. */
static void add_command(struct text *header, char **command) {
  text_add(header, "# command");
  for (char **word = command; *word; word++) {
    bool is_plain = **word && strspn(*word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%") == strlen(*word);
    text_add(header, is_plain ? " " : " '");
    text_add_header_value(header, *word);
    text_add(header, is_plain ? "" : "'");
  }
  text_add(header, "\n");
}

static void add_status(struct text *header, int status) {
  if (WIFSIGNALED(status)) text_add(header, "# exit-signal %d\n", WTERMSIG(status));
  else text_add(header, "# exit-status %d\n", WEXITSTATUS(status));
  const char *by = stop_signal() == SIGINT ? "SIGINT" : stop_signal() == SIGTERM ? "SIGTERM" : "a signal";
  if (stop_signal()) text_add(header, "# stopped %s\n", by);
}

static void add_header(struct text *header, int status) {
  struct utsname machine;
  uname(&machine);
  text_add(header, "# iorec 2\n# kernel %s\n# machine %s\n", machine.release, machine.machine);
  add_command(header, options.command);
  text_add(header, "# recorder iorec 2 (ptrace + seccomp)\n# page-size %ld\n", sysconf(_SC_PAGESIZE));
  text_add(header, "# pages %s\n", options.pages ? "yes" : "no");
  text_add(header, "# clock-realtime-ns %llu\n", (unsigned long long)recording_began_realtime_ns());
  text_add(header, "# rows %llu\n", (unsigned long long)recording_rows_count());
  add_status(header, status);
  files_add_header(header);
  pins_add_header(header);
  notes_add_header(header);
}

static void tell_end(int status) {
  if (WIFSIGNALED(status)) control_tell("ended", "signal %d", WTERMSIG(status));
  else control_tell("ended", "exit %d", WEXITSTATUS(status));
}

static void keep_from_command(int fd) {
  if (fd > STDERR_FILENO) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int main(int argc, char **argv) {
  struct text header = {0};
  int status;
  options_read(argc, argv);
  control_open(options.control_fd);
  keep_from_command(options.control_fd);
  keep_from_command(options.output_fd);
  if (sysconf(_SC_PAGESIZE) != PAGE_BYTES) refuse("kernel", "pages here have %ld bytes; only %u are understood", sysconf(_SC_PAGESIZE), PAGE_BYTES);
  int output = open_output();
  recording_open(options.folder);
  if (options.pages) pages_open();
  if (options.pins) pins_open();
  pid_t first = launch(options.command);
  stop_prepare();
  if (!follow(first, &status)) launch_failed(options.command);
  if (options.control_fd >= 0) tell_end(status);
  add_header(&header, status);
  recording_write(output, &header);
  text_free(&header);
  if (options.control_fd >= 0) return 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
