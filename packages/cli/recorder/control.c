#include "control.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int control_fd = -1;

void control_open(int fd) { control_fd = fd; }

/* A line of at most PIPE_BUF bytes: written whole, and nothing in it is another line. */
static void say(const char *word, const char *detail) {
  char line[4096];
  int length;
  if (control_fd >= 0) length = snprintf(line, sizeof line, "%s %s\n", word, detail);
  else length = snprintf(line, sizeof line, "iorec: %s%s%s\n", word, *word ? ": " : "", detail);
  if (length >= (int)sizeof line) length = (int)sizeof line - 1;
  for (int i = 0; i < length - 1; i++)
    if (line[i] == '\n') line[i] = ' ';
  line[length - 1] = '\n';
  if (write(control_fd >= 0 ? control_fd : STDERR_FILENO, line, (size_t)length) < 0) return; /* nobody listens */
}

void control_tell(const char *word, const char *format, ...) {
  char detail[3800];
  if (control_fd < 0) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(detail, sizeof detail, format, arguments);
  va_end(arguments);
  say(word, detail);
}

void refuse(const char *reason, const char *format, ...) {
  char detail[3800];
  size_t at = control_fd >= 0 ? (size_t)snprintf(detail, sizeof detail, "%s ", reason) : 0;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(detail + at, sizeof detail - at, format, arguments);
  va_end(arguments);
  say(control_fd >= 0 ? "refused" : "", detail);
  _exit(REFUSED_STATUS);
}
