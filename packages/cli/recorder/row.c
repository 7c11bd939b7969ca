#include "row.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control.h"

/*
 * A call is written when it has returned, an asynchronous operation when its completion was seen: long after rows of later
 * calls. The bytes go to one file as they come; a second one has, for each place, where its row begins there. Both have no
 * name, and the kernel can write them out, so that memory does not grow with the recording.
 */
static int body_fd = -1, index_fd = -1;
static uint64_t *index_map; /* place -> position in the body plus one; 0: nothing was written */
static uint64_t index_room, places_count, rows_count;
static struct text unwritten;
static uint64_t body_bytes;
static struct timespec began, began_realtime;

#define BUFFER_BYTES (1u << 18)
#define COLUMNS                                                                                                       \
  "ts_us,dur_us,tid,op,fd,target,oflags,off,nseg,segs,arg,ret,acq,rel,pages,pid,mm,file,shared\n"

static void cannot_write(void) { refuse("output", "cannot write the recording: %s", strerror(errno)); }

/* A file without a name; where the file system has no O_TMPFILE, one whose name is taken away at once. */
static int open_nameless(const char *folder) {
  int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  struct text path = {0};
  text_add(&path, "%s/.iorec-XXXXXX", folder);
  fd = mkostemp(path.bytes, O_CLOEXEC);
  if (fd < 0) refuse("output", "cannot write in the folder %s: %s", folder, strerror(errno));
  unlink(path.bytes);
  text_free(&path);
  return fd;
}

static void grow_index(void) {
  uint64_t room = index_room ? index_room * 2 : 1u << 16;
  if (ftruncate(index_fd, (off_t)(room * sizeof *index_map))) cannot_write();
  void *map = index_map ? mremap(index_map, index_room * sizeof *index_map, room * sizeof *index_map, MREMAP_MAYMOVE)
                        : mmap(NULL, room * sizeof *index_map, PROT_READ | PROT_WRITE, MAP_SHARED, index_fd, 0);
  if (map == MAP_FAILED) cannot_write();
  index_map = map;
  index_room = room;
}

void recording_open(const char *folder) {
  body_fd = open_nameless(folder);
  index_fd = open_nameless(folder);
  grow_index();
  clock_gettime(CLOCK_REALTIME, &began_realtime);
  clock_gettime(CLOCK_MONOTONIC, &began);
}

uint64_t recording_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)(now.tv_sec - began.tv_sec) * 1000000000u + (uint64_t)now.tv_nsec - (uint64_t)began.tv_nsec;
}

uint64_t recording_began_realtime_ns(void) {
  return (uint64_t)began_realtime.tv_sec * 1000000000u + (uint64_t)began_realtime.tv_nsec;
}

uint64_t recording_rows_count(void) { return rows_count; }

void row_begin(struct row *row, const char *op) {
  struct row empty = {.fd = NO_FD, .offset = NO_OFFSET, .duration_ns = -1};
  empty.target = row->target;
  empty.segments = row->segments;
  empty.arg = row->arg;
  empty.pages = row->pages;
  *row = empty;
  text_clear(&row->target);
  text_clear(&row->segments);
  text_clear(&row->arg);
  text_clear(&row->pages);
  snprintf(row->op, sizeof row->op, "%s", op);
}

void row_free(struct row *row) {
  text_free(&row->target);
  text_free(&row->segments);
  text_free(&row->arg);
  text_free(&row->pages);
}

void row_stamp_at(struct row *row, uint64_t entry_ns) {
  row->order = places_count++;
  row->entry_ns = entry_ns;
}

void row_stamp(struct row *row) { row_stamp_at(row, recording_now_ns()); }

void row_key(struct row *row, const char *key) {
  if (row->arg.length) text_add_bytes(&row->arg, " ", 1);
  text_add_bytes(&row->arg, key, strlen(key));
  text_add_bytes(&row->arg, "=", 1);
}

void row_arg_dec(struct row *row, const char *key, uint64_t value) {
  row_key(row, key);
  text_add_dec(&row->arg, value);
}

void row_arg_signed(struct row *row, const char *key, int64_t value) {
  row_key(row, key);
  text_add_signed(&row->arg, value);
}

void row_arg_hex(struct row *row, const char *key, uint64_t value) {
  row_key(row, key);
  text_add_hex(&row->arg, value);
}

static void add_microseconds(struct text *text, uint64_t ns) {
  text_add_dec(text, ns / 1000);
  char rest[5] = {'.', (char)('0' + ns / 100 % 10), (char)('0' + ns / 10 % 10), (char)('0' + ns % 10)};
  text_add_bytes(text, rest, 4);
}

static void end_cell(struct text *text) { text_add_bytes(text, ",", 1); }

static void add_cell(struct text *text, const char *cell) {
  text_add_bytes(text, cell, strlen(cell));
  end_cell(text);
}

static void add_signed_cell(struct text *text, bool known, int64_t value) {
  if (known) text_add_signed(text, value);
  end_cell(text);
}

static void add_row(struct text *text, const struct row *row) {
  add_microseconds(text, row->entry_ns);
  end_cell(text);
  if (row->duration_ns >= 0) add_microseconds(text, (uint64_t)row->duration_ns);
  end_cell(text);
  add_signed_cell(text, true, row->tid);
  add_cell(text, row->op);
  add_signed_cell(text, true, row->fd);
  text_add_name(text, text_of(&row->target));
  end_cell(text);
  add_cell(text, row->oflags);
  add_signed_cell(text, true, row->offset);
  add_signed_cell(text, true, row->segments_count);
  add_cell(text, text_of(&row->segments));
  add_cell(text, text_of(&row->arg));
  add_signed_cell(text, row->has_result, row->result);
  add_signed_cell(text, row->counted, row->acquired);
  add_signed_cell(text, row->counted, row->released);
  add_cell(text, text_of(&row->pages));
  add_signed_cell(text, true, row->pid);
  add_signed_cell(text, true, row->mm);
  add_signed_cell(text, row->file != 0, row->file);
  text_add_bytes(text, row->shared, strlen(row->shared));
  text_add_bytes(text, "\n", 1);
}

static void write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) cannot_write();
    bytes += written;
    length -= (size_t)written;
  }
}

static void flush_body(void) {
  write_all(body_fd, text_of(&unwritten), unwritten.length);
  body_bytes += unwritten.length;
  text_clear(&unwritten);
}

void row_write(struct row *row) {
  while (row->order >= index_room) grow_index();
  index_map[row->order] = body_bytes + unwritten.length + 1;
  rows_count++;
  add_row(&unwritten, row);
  if (unwritten.length >= BUFFER_BYTES) flush_body();
}

/* The body is mapped whole; rows lie nearly in order, so that the kernel reads it once, ahead. */
static void write_rows_in_order(int fd) {
  struct text out = {0};
  char *body = body_bytes ? mmap(NULL, body_bytes, PROT_READ, MAP_PRIVATE, body_fd, 0) : NULL;
  if (body == MAP_FAILED) cannot_write();
  for (uint64_t place = 0; place < places_count && place < index_room; place++) {
    if (!index_map[place]) continue;
    const char *row = body + index_map[place] - 1;
    const char *end = memchr(row, '\n', body_bytes - (index_map[place] - 1));
    text_add_bytes(&out, row, (size_t)(end - row) + 1);
    if (out.length < BUFFER_BYTES) continue;
    write_all(fd, text_of(&out), out.length);
    text_clear(&out);
  }
  write_all(fd, text_of(&out), out.length);
  text_free(&out);
}

void recording_write(int fd, const struct text *header) {
  flush_body();
  write_all(fd, text_of(header), header->length);
  write_all(fd, COLUMNS, sizeof COLUMNS - 1);
  write_rows_in_order(fd);
  write_all(fd, "# end\n", 6);
}
