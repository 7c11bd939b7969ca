#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "notes.h"

/* Documentation/admin-guide/mm/pagemap.rst: bits of /proc/PID/pagemap, and of /proc/kpageflags. */
#define PM_PRESENT (1ull << 63)
#define PM_SWAPPED (1ull << 62)
#define PM_FILE (1ull << 61) /* of a file, or shared anonymous */
#define PM_FRAME ((1ull << 55) - 1)
#define KPF_ANON (1ull << 12)
#define KPF_SWAPBACKED (1ull << 14)
#define KPF_COMPOUND_HEAD (1ull << 15)
#define KPF_COMPOUND_TAIL (1ull << 16)
#define KPF_HUGE (1ull << 17)
#define KPF_ZERO_PAGE (1ull << 24)

#define PAGES_OF_ROW_MAX 65536u /* 256 MiB: what lies behind is told as not looked at */
#define ORDER_MAX 18            /* a page of 1 GiB */
#define ORDER_PMD 9

static int kpageflags_fd = -1;

void pages_open(void) {
  uint64_t entry;
  int self = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  kpageflags_fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
  if (kpageflags_fd < 0 && errno == ENOENT) refuse("pages", "--pages: this kernel has no /proc/kpageflags (CONFIG_PROC_PAGE_MONITOR)");
  if (kpageflags_fd < 0) refuse("pages", "--pages: /proc/kpageflags cannot be read: %s", strerror(errno));
  /* Without CAP_SYS_ADMIN the frame numbers read as 0 (fs/proc/task_mmu.c: pagemap_open). */
  off_t at = (off_t)((uintptr_t)&entry >> PAGE_SHIFT) * 8;
  if (self < 0 || pread(self, &entry, 8, at) != 8 || !(entry & PM_FRAME))
    refuse("pages", "--pages: /proc/PID/pagemap does not show page frames to this user");
  close(self);
}

static uint64_t flags_of(uint64_t frame) {
  uint64_t flags = 0;
  return pread(kpageflags_fd, &flags, 8, (off_t)(frame * 8)) == 8 ? flags : 0;
}

/* The folio that was looked at last: neighbours in memory are often in one. */
static struct {
  uint64_t first_frame;
  int order;
  char letter;
} folio = {UINT64_MAX, 0, 0};

/* Folios are aligned to their size: the first head below, at a power of two, is the folio's own. */
static uint64_t head_of(uint64_t frame, uint64_t flags) {
  for (int order = 0; !(flags & KPF_COMPOUND_HEAD); flags = flags_of(frame & ~((1ull << order) - 1)))
    if (++order > ORDER_MAX) return frame;
    else if (flags_of(frame & ~((1ull << order) - 1)) & KPF_COMPOUND_HEAD) return frame & ~((1ull << order) - 1);
  return frame;
}

static int order_of(uint64_t head) {
  int order = 1;
  while (order < ORDER_MAX && flags_of(head + (1ull << order)) & KPF_COMPOUND_TAIL) order++;
  return order;
}

static char letter_of(uint64_t entry, uint64_t flags, int order) {
  if (flags & KPF_ZERO_PAGE) return 'Z';
  if (flags & KPF_HUGE) return 'H';
  if (flags & KPF_ANON) return order == ORDER_PMD ? 'T' : 'A';
  if (flags & KPF_SWAPBACKED) return 'S';
  return entry & PM_FILE ? 'F' : 'o';
}

/* Letter and folio order of a page as pagemap shows it. */
static char look_at(uint64_t entry, int *order) {
  *order = 0;
  if (!(entry & PM_PRESENT)) return entry & PM_SWAPPED ? 's' : '-';
  uint64_t frame = entry & PM_FRAME;
  if (frame - folio.first_frame < 1ull << folio.order && folio.order) {
    *order = folio.order;
    return folio.letter;
  }
  uint64_t flags = flags_of(frame);
  if (flags & (KPF_COMPOUND_HEAD | KPF_COMPOUND_TAIL) && !(flags & KPF_ZERO_PAGE)) {
    folio.first_frame = head_of(frame, flags);
    *order = folio.order = order_of(folio.first_frame);
    return folio.letter = letter_of(entry, flags, *order);
  }
  return letter_of(entry, flags, 0);
}

struct runs {
  struct text *cell;
  char letter;
  int order;
  uint64_t length;
};

static void end_run(struct runs *runs) {
  if (runs->length && runs->order) text_add(runs->cell, "%c%d.%llu", runs->letter, runs->order, (unsigned long long)runs->length);
  else if (runs->length) text_add(runs->cell, "%c%llu", runs->letter, (unsigned long long)runs->length);
  runs->length = 0;
}

static void add_page(struct runs *runs, char letter, int order, uint64_t count) {
  if (letter != runs->letter || order != runs->order) end_run(runs);
  runs->letter = letter;
  runs->order = order;
  runs->length += count;
}

static void add_pages_of(struct runs *runs, int pagemap, uint64_t first, uint64_t count) {
  uint64_t entries[512];
  for (uint64_t done = 0; done < count;) {
    uint64_t step = count - done < 512 ? count - done : 512;
    ssize_t got = pread(pagemap, entries, step * 8, (off_t)((first + done) * 8));
    for (uint64_t i = 0; i < step; i++) {
      int order;
      char letter = look_at(got >= (ssize_t)(i + 1) * 8 ? entries[i] : 0, &order);
      add_page(runs, letter, order, 1);
    }
    done += step;
  }
}

void row_add_pages(struct row *row, struct task *task, const struct segment *segments, unsigned count) {
  if (kpageflags_fd < 0) return;
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/pagemap", task->tid);
  int pagemap = open(path, O_RDONLY | O_CLOEXEC);
  if (pagemap < 0) return;
  folio.order = 0; /* folios may have been split and freed since */
  struct runs runs = {.cell = &row->pages};
  uint64_t left = PAGES_OF_ROW_MAX;
  for (unsigned i = 0; i < count; i++) {
    uint64_t end = segments[i].address + segments[i].length;
    if (!segments[i].length || end < segments[i].address) continue; /* wraps round: the call fails */
    uint64_t first = segments[i].address >> PAGE_SHIFT;
    uint64_t pages = ((end - 1) >> PAGE_SHIFT) - first + 1;
    uint64_t seen = pages < left ? pages : left;
    add_pages_of(&runs, pagemap, first, seen);
    left -= seen;
    if (seen == pages) continue;
    add_page(&runs, '?', 0, pages - seen);
    note_count("buffers of more than %u pages: what backs the rest was not looked at", PAGES_OF_ROW_MAX);
  }
  end_run(&runs);
  close(pagemap);
}
