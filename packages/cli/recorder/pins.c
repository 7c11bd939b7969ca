#include "pins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "control.h"

#define SETTLE_TRIES 50
#define SETTLE_NS 10000000

struct counts {
  int64_t acquired, released;
};

static int refresh_fd = -1, vmstat_fd = -1;
static struct counts at_start;
static struct counts when_opened; /* the first of the brackets that are open now */
static struct counts bracketed;   /* sum over the time in which one was open */
static unsigned open_count;
static unsigned async_count;

static int64_t number_after(const char *text, const char *name) {
  const char *at = strstr(text, name);
  return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

/*
 * The counters are per CPU and folded in now and then (mm/vmstat.c); writing to stat_refresh folds them in at once.
 */
static struct counts read_counts(void) {
  static char text[1 << 16];
  size_t length = 0;
  if (pwrite(refresh_fd, "1", 1, 0) < 0 && errno != EINVAL) refuse("pins", "--pins: /proc/sys/vm/stat_refresh: %s", strerror(errno));
  for (ssize_t got; length < sizeof text - 1 && (got = pread(vmstat_fd, text + length, sizeof text - 1 - length, (off_t)length)) > 0;)
    length += (size_t)got;
  text[length] = 0;
  return (struct counts){number_after(text, "nr_foll_pin_acquired "), number_after(text, "nr_foll_pin_released ")};
}

bool pins_wanted(void) { return vmstat_fd >= 0; }

void pins_open(void) {
  refresh_fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
  if (refresh_fd < 0) refuse("pins", "--pins: /proc/sys/vm/stat_refresh cannot be written: %s", strerror(errno));
  vmstat_fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
  if (vmstat_fd < 0) refuse("pins", "--pins: /proc/vmstat cannot be read: %s", strerror(errno));
  at_start = read_counts();
  if (at_start.acquired < 0) refuse("pins", "--pins: /proc/vmstat of this kernel has no nr_foll_pin_acquired (it is there since 5.7)");
}

/* Marks a row, once. */
static void mark(struct row *row, char why) {
  size_t length = strlen(row->shared);
  if (strchr(row->shared, why) || length + 1 >= sizeof row->shared) return;
  row->shared[length] = why;
  row->shared[length + 1] = 0;
}

/* Of two calls that overlap, one that may pin moves the counters in the other's bracket. */
static void mark_overlaps(struct task *task) {
  size_t at = 0;
  for (struct task *other; (other = task_next(&at));) {
    if (other == task || !other->counting) continue;
    if (other->may_pin) mark(&task->row, 's');
    if (task->may_pin) mark(&other->row, 's');
  }
}

void pins_async_began(void) { async_count++; }

void pins_async_ended(void) { async_count--; }

void pins_begin(struct task *task) {
  if (!pins_wanted()) return;
  mark_overlaps(task);
  if (async_count) mark(&task->row, 'a');
  task->counting = true;
  struct counts now = read_counts();
  if (open_count++ == 0) when_opened = now;
  task->acquired_before = now.acquired;
  task->released_before = now.released;
}

static void close_bracket(struct counts now) {
  if (--open_count) return;
  bracketed.acquired += now.acquired - when_opened.acquired;
  bracketed.released += now.released - when_opened.released;
}

void pins_end(struct task *task) {
  if (!task->counting) return;
  struct counts now = read_counts();
  task->counting = false;
  close_bracket(now);
  task->row.counted = true;
  task->row.acquired = now.acquired - task->acquired_before;
  task->row.released = now.released - task->released_before;
  if (async_count) mark(&task->row, 'a');
}

void pins_abandon(struct task *task) {
  if (!task->counting) return;
  task->counting = false;
  close_bracket(read_counts());
}

/*
 * A ring is taken down by a worker of the kernel after its last descriptor is closed (io_uring/io_uring.c: io_ring_exit_work), and lets
 * go of what was registered then: a moment is given to it.
 */
static struct counts read_settled_counts(void) {
  struct counts now = read_counts();
  for (int tries = 0; tries < SETTLE_TRIES; tries++) {
    if (now.acquired - at_start.acquired == now.released - at_start.released) break;
    nanosleep(&(struct timespec){.tv_nsec = SETTLE_NS}, NULL);
    now = read_counts();
  }
  return now;
}

void pins_add_header(struct text *header) {
  text_add(header, "# pins %s\n", pins_wanted() ? "yes" : "no");
  if (!pins_wanted()) return;
  struct counts now = read_settled_counts();
  text_add(header, "# pins-system-acquired %lld\n", (long long)(now.acquired - at_start.acquired));
  text_add(header, "# pins-system-released %lld\n", (long long)(now.released - at_start.released));
  text_add(header, "# pins-bracketed-acquired %lld\n", (long long)bracketed.acquired);
  text_add(header, "# pins-bracketed-released %lld\n", (long long)bracketed.released);
}
