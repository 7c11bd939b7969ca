#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct options options = {.output_fd = -1, .control_fd = -1, .folder = "/tmp"};

static void usage(void) {
  fprintf(stderr,
          "usage: iorec [-p] [-k] [-o FILE | -O FD] [-c FD] [-t FOLDER] [-m] COMMAND [ARGUMENTS...]\n"
          "  -p  bracket calls with nr_foll_pin_* of /proc/vmstat (root, a quiet machine)\n"
          "  -k  record what backs each buffer (root)\n"
          "  -o  the recording (-O: an open descriptor); default: standard error\n"
          "  -c  descriptor for messages of programs; default: text on standard error\n"
          "  -t  folder for what is not yet sorted; default: /tmp\n"
          "  -m  map io_uring rings rather than read them through /proc/PID/mem\n");
  exit(2);
}

void options_read(int argc, char **argv) {
  for (int flag; (flag = getopt(argc, argv, "+pkmo:O:c:t:")) != -1;) {
    switch (flag) {
      case 'p': options.pins = true; break;
      case 'k': options.pages = true; break;
      case 'm': options.map_rings = true; break;
      case 'o': options.output_path = optarg; break;
      case 'O': options.output_fd = atoi(optarg); break;
      case 'c': options.control_fd = atoi(optarg); break;
      case 't': options.folder = optarg; break;
      default: usage();
    }
  }
  options.command = argv + optind;
  if (!*options.command) usage();
}
