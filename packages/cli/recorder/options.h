/* The recorder's own command line. */
#ifndef IOREC_OPTIONS_H
#define IOREC_OPTIONS_H

#include <stdbool.h>

struct options {
  bool pins, pages;
  bool map_rings;     /* -m: map io_uring rings instead of reading them through /proc/PID/mem */
  int output_fd;      /* -1: output_path */
  int control_fd;     /* -1: stderr */
  const char *output_path;
  const char *folder; /* for files without a name */
  char **command;
};

extern struct options options;

/* Reads argv; a mistake is told, with status 2. */
void options_read(int argc, char **argv);

#endif
