/* Which descriptors are rings, where their memory is, and when they are gone. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"
#include "notes.h"
#include "options.h"
#include "uring.h"

#define KCMP_FILE_TYPE 0
#define SYS_PIDFD_OPEN 434 /* the same on every architecture */
#define SYS_PIDFD_GETFD 438
#define SQ_ENTRIES_MAX 32768 /* IORING_MAX_ENTRIES */

static unsigned rings_count;

static struct ring_name *find_name(const struct process *process, int fd) {
  struct ring_name *name = process->ring_names;
  while (name && name->fd != fd) name = name->next;
  return name;
}

static void add_name(struct process *process, int fd, struct ring *ring) {
  struct ring_name *name = allocate(sizeof *name);
  *name = (struct ring_name){fd, ring, process->ring_names};
  process->ring_names = name;
  ring->names_count++;
}

static bool is_plausible(const struct uring_params *params) {
  return params->sq_entries > 0 && params->sq_entries <= SQ_ENTRIES_MAX && params->cq_entries > 0 &&
         params->cq_entries <= 2 * SQ_ENTRIES_MAX;
}

struct ring *ring_add(struct task *task, int fd, const struct uring_params *params) {
  struct ring *ring = allocate(sizeof *ring);
  ring->id = ++rings_count;
  ring->params = *params;
  if (!is_plausible(params)) { /* another thread has written over what the kernel answered */
    ring->unreadable = true;
    note_count("the parameters of an io_uring ring make no sense: its operations are missing");
  }
  if (params->flags & SETUP_NO_MMAP) { /* the memory is the program's own */
    ring->sq.address = ring->cq.address = params->cq.user_address;
    ring->sqes.address = params->sq.user_address;
  }
  if (params->flags & SETUP_REGISTERED_FD_ONLY) {
    ring_set_registered(task, (unsigned)fd, ring);
  } else {
    uring_closed(task, fd, fd); /* one that was closed unseen */
    add_name(task->process, fd, ring);
  }
  return ring;
}

/* A copy of a descriptor, by dup(2), or sent over a socket: the same open file as one that we know. */
static struct ring *find_copy(struct task *task, int fd) {
  size_t at = 0;
  for (struct task *other; (other = task_next(&at));) {
    if (other->tid != other->process->pid) continue;
    for (struct ring_name *name = other->process->ring_names; name; name = name->next)
      if (syscall(SYS_kcmp, task->tid, other->tid, KCMP_FILE_TYPE, (long)fd, (long)name->fd) == 0) return name->ring;
  }
  return NULL;
}

struct ring *ring_of(struct task *task, int fd) {
  struct ring_name *name = find_name(task->process, fd);
  if (name) return name->ring;
  struct ring *ring = find_copy(task, fd);
  if (ring) add_name(task->process, fd, ring);
  return ring;
}

struct ring *ring_of_number(struct task *task, int number, bool is_registered) {
  if (!is_registered) return number >= 0 ? ring_of(task, number) : NULL;
  return number >= 0 && number < REGISTERED_RINGS_MAX ? task->registered_rings[number] : NULL;
}

static void unmap_own(struct area *area) {
  if (area->own) munmap(area->own, area->length);
  area->own = NULL;
}

static void unmap_all_own(struct ring *ring) {
  if (ring->cq.own == ring->sq.own) ring->cq.own = NULL;
  unmap_own(&ring->sq);
  unmap_own(&ring->cq);
  unmap_own(&ring->sqes);
}

/* Descriptors and mappings hold the file, and with it what is registered (io_uring/io_uring.c: io_uring_release). */
static void release_if_gone(struct task *task, struct ring *ring) {
  bool mapped = !(ring->params.flags & SETUP_NO_MMAP) && (ring->sq.length || ring->cq.length || ring->sqes.length);
  if (ring->names_count || mapped) return;
  struct row row = {0};
  pending_ended(&ring->pending);
  row_of_task(&row, "ring_close", task);
  row_arg_dec(&row, "ring", ring->id);
  row_stamp(&row);
  row_write(&row);
  row_free(&row);
  unmap_all_own(ring);
  fixed_files_free(ring);
  free(ring);
}

void ring_hold(struct task *task, struct ring *ring) {
  task->ring = ring;
  ring->names_count++;
}

void ring_let_go(struct task *task) {
  struct ring *ring = task->ring;
  if (!ring) return;
  task->ring = NULL;
  ring->names_count--;
  release_if_gone(task, ring);
}

static void drop_name(struct task *task, struct ring_name **at) {
  struct ring_name *name = *at;
  struct ring *ring = name->ring;
  ring_look(task, ring);
  *at = name->next;
  free(name);
  if (--ring->names_count == 0) unmap_all_own(ring);
  release_if_gone(task, ring);
}

void uring_closed(struct task *task, int first, int last) {
  struct ring_name **at = &task->process->ring_names;
  while (*at)
    if ((*at)->fd >= first && (*at)->fd <= last) drop_name(task, at);
    else at = &(*at)->next;
}

void ring_set_registered(struct task *task, unsigned number, struct ring *ring) {
  if (number >= REGISTERED_RINGS_MAX) return;
  struct ring *old = task->registered_rings[number];
  task->registered_rings[number] = ring;
  if (ring) ring->names_count++;
  if (!old) return;
  old->names_count--;
  release_if_gone(task, old);
}

void uring_forked(struct process *parent, struct process *child) {
  for (struct ring_name *name = parent->ring_names; name; name = name->next) add_name(child, name->fd, name->ring);
}

void uring_task_gone(struct task *task) {
  for (unsigned number = 0; number < REGISTERED_RINGS_MAX; number++) ring_set_registered(task, number, NULL);
}

static void forget_area(struct area *area) { area->length = 0; }

/* Its descriptors are closed (on exec: io_uring's are close-on-exec) and its mappings gone. */
void uring_process_gone(struct task *task) {
  for (struct ring_name *name = task->process->ring_names; name; name = name->next) {
    unmap_all_own(name->ring);
    if (name->ring->names_count > 1) continue; /* another process has it too */
    forget_area(&name->ring->sq);
    forget_area(&name->ring->cq);
    forget_area(&name->ring->sqes);
  }
  uring_closed(task, 0, INT32_MAX);
}

void uring_task_exiting(struct task *task) {
  for (struct ring_name *name = task->process->ring_names; name; name = name->next) {
    ring_look(task, name->ring);
    if (task->process->threads_count == 1 && name->ring->names_count == 1) unmap_all_own(name->ring);
  }
}

void uring_mapped(struct task *task, int fd, uint64_t offset, uint64_t address, uint64_t length) {
  struct ring_name *name = find_name(task->process, fd);
  if (!name) return;
  struct ring *ring = name->ring;
  struct area area = {.address = address, .length = length};
  unmap_all_own(ring);
  if (offset == OFFSET_SQ_RING) ring->sq = area;
  if (offset == OFFSET_SQES) ring->sqes = area;
  if (offset == OFFSET_CQ_RING || (offset == OFFSET_SQ_RING && ring->params.features & FEATURE_SINGLE_MMAP)) ring->cq = area;
}

static bool covers(uint64_t address, uint64_t length, const struct area *area) {
  return area->length && address <= area->address && area->address + area->length <= address + length;
}

void uring_unmapped(struct task *task, uint64_t address, uint64_t length) {
  for (struct ring_name *name = task->process->ring_names; name; name = name->next) {
    struct ring *ring = name->ring;
    struct area *const areas[] = {&ring->sq, &ring->cq, &ring->sqes};
    for (unsigned i = 0; i < 3; i++)
      if (covers(address, length, areas[i])) forget_area(areas[i]);
  }
}

static bool is_mapped(const struct ring *ring) { return ring->sq.length && ring->cq.length && ring->sqes.length; }

static void *map_own(int fd, const struct area *area, uint64_t offset) {
  void *own = mmap(NULL, area->length, PROT_READ, MAP_SHARED, fd, (off_t)offset);
  return own == MAP_FAILED ? NULL : own;
}

/*
 * Up to 6.9 the rings are mapped as frames without pages (remap_pfn_range), which nobody can read through /proc/PID/mem: the
 * recorder maps them too, by a copy of the descriptor.
 */
static bool map_ring(struct task *task, struct ring *ring) {
  struct ring_name *name = task->process->ring_names;
  while (name && name->ring != ring) name = name->next;
  if (!name || ring->params.flags & SETUP_NO_MMAP) return false;
  int pidfd = (int)syscall(SYS_PIDFD_OPEN, task->process->pid, 0);
  int fd = pidfd < 0 ? -1 : (int)syscall(SYS_PIDFD_GETFD, pidfd, name->fd, 0);
  if (pidfd >= 0) close(pidfd);
  if (fd < 0) return false;
  bool single = ring->params.features & FEATURE_SINGLE_MMAP;
  ring->sq.own = map_own(fd, &ring->sq, OFFSET_SQ_RING);
  ring->cq.own = single ? ring->sq.own : map_own(fd, &ring->cq, OFFSET_CQ_RING);
  ring->sqes.own = map_own(fd, &ring->sqes, OFFSET_SQES);
  close(fd);
  return ring->sq.own && ring->cq.own && ring->sqes.own;
}

bool ring_read(struct task *task, struct ring *ring, struct area *area, uint64_t offset, void *to, size_t length) {
  if (!area->address) return false; /* not mapped yet */
  if (ring->unreadable) return false;
  if (area->own) {
    if (offset + length > area->length) return false;
    memcpy(to, (char *)area->own + offset, length);
    return true;
  }
  if (!options.map_rings && memory_read(task, area->address + offset, to, length)) return true;
  if (!(ring->params.flags & SETUP_NO_MMAP) && !is_mapped(ring)) return false; /* not all of it yet, or no more */
  if (map_ring(task, ring)) return ring_read(task, ring, area, offset, to, length);
  ring->unreadable = true;
  note_count("an io_uring ring could not be read: its operations are missing");
  return false;
}
