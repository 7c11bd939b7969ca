#include "memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Through /proc/PID/mem: its pages are got with FOLL_GET (mm/memory.c: __access_remote_vm), which no counter sees.
 * process_vm_readv() takes pins (mm/process_vm_access.c: pin_user_pages_remote) and would move the very counters we read.
 */
#define SLOTS_COUNT 64

static struct {
  int fd;
  struct space *space; /* NULL: free */
} slots[SLOTS_COUNT];
static unsigned next_slot;

static int open_mem(struct task *task) {
  struct space *space = task->process->space;
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/mem", task->tid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  unsigned slot = next_slot++ % SLOTS_COUNT;
  if (slots[slot].space) memory_forget(slots[slot].space);
  slots[slot].fd = fd;
  slots[slot].space = space;
  space->mem_slot = (int)slot;
  return fd;
}

void memory_forget(struct space *space) {
  if (space->mem_slot < 0) return;
  close(slots[space->mem_slot].fd);
  slots[space->mem_slot].space = NULL;
  space->mem_slot = -1;
}

size_t memory_read_some(struct task *task, uint64_t address, void *to, size_t length) {
  struct space *space = task->process->space;
  int fd = space->mem_slot >= 0 ? slots[space->mem_slot].fd : open_mem(task);
  size_t done = 0;
  while (fd >= 0 && done < length && address + done <= INT64_MAX) {
    ssize_t got = pread(fd, (char *)to + done, length - done, (off_t)(address + done));
    if (got <= 0) break;
    done += (size_t)got;
  }
  return done;
}

bool memory_read(struct task *task, uint64_t address, void *to, size_t length) {
  return memory_read_some(task, address, to, length) == length;
}

bool memory_read_string(struct task *task, uint64_t address, char to[4096]) {
  size_t got = 0;
  while (got < 4095) { /* page by page: what lies behind the string may not be there */
    size_t step = 4096 - ((address + got) & 4095);
    if (step > 4095 - got) step = 4095 - got;
    size_t read = memory_read_some(task, address + got, to + got, step);
    if (memchr(to + got, 0, read)) return true;
    got += read;
    if (read < step) return false;
  }
  to[4095] = 0;
  return true;
}
