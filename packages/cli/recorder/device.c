#include "device.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATX_ALL_AND_BIRTH 0x0fffu
#define AT_STATX_DONT_SYNC_FLAG 0x4000

int facts_of(const char *path, struct file_facts *facts) {
  memset(facts, 0, sizeof *facts);
  return (int)syscall(SYS_statx, AT_FDCWD, path, AT_STATX_DONT_SYNC_FLAG, STATX_ALL_AND_BIRTH | FACTS_DIO, facts);
}

static unsigned number_in(const char *path) {
  char digits[32];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, digits, sizeof digits - 1);
  close(fd);
  if (length <= 0) return 0;
  digits[length] = 0;
  return (unsigned)strtoul(digits, NULL, 10);
}

unsigned queue_number(uint32_t major, uint32_t minor, const char *attribute) {
  char path[160];
  snprintf(path, sizeof path, "/sys/dev/block/%u:%u/queue/%s", major, minor, attribute);
  unsigned number = number_in(path);
  if (number) return number;
  snprintf(path, sizeof path, "/sys/dev/block/%u:%u/../queue/%s", major, minor, attribute); /* of a partition */
  return number_in(path);
}

/* A line of mountinfo: `29 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw`. */
static int line_names(const char *line, int mount_id, uint32_t major, uint32_t minor, char name[32]) {
  int id;
  unsigned line_major, line_minor;
  if (sscanf(line, "%d %*d %u:%u", &id, &line_major, &line_minor) != 3) return 0;
  if (mount_id >= 0 ? id != mount_id : line_major != major || line_minor != minor) return 0;
  const char *type = strstr(line, " - ");
  return type && sscanf(type, " - %31s", name) == 1;
}

int mount_filesystem(pid_t tid, int mount_id, uint32_t major, uint32_t minor, char name[32]) {
  char path[40], *line = NULL;
  size_t room = 0;
  int found = 0;
  snprintf(path, sizeof path, "/proc/%d/mountinfo", tid);
  FILE *mounts = fopen(path, "re");
  if (!mounts) return 0;
  while (!found && getline(&line, &room, mounts) > 0) found = line_names(line, mount_id, major, minor, name);
  free(line);
  fclose(mounts);
  return found;
}
