/* One row of the recording, and the recording as a whole: rows in the order of their calls, though they are known later. */
#ifndef IOREC_ROW_H
#define IOREC_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

#define NO_FD (-1)
#define NO_OFFSET (-1)

struct row {
  uint64_t order;      /* place in the recording, from row_stamp() */
  uint64_t entry_ns;   /* since the recording began */
  int64_t duration_ns; /* -1: no end was seen */
  int tid, pid, mm;
  char op[32];
  int fd;
  unsigned file; /* number of the file row, 0: none */
  struct text target;
  char oflags[8];
  int64_t offset;
  unsigned segments_count;
  struct text segments;
  struct text arg;
  struct text pages;
  bool has_result;
  int64_t result;
  bool counted; /* acquired and released were read */
  int64_t acquired, released;
  char shared[3];
};

/* Opens the files behind the recording in a folder; nobody else sees them, and they are gone when the recorder is. */
void recording_open(const char *folder);

/* Nanoseconds since recording_open(). */
uint64_t recording_now_ns(void);
/* CLOCK_REALTIME at that moment. */
uint64_t recording_began_realtime_ns(void);

/* Empties a row for another use and names it. */
void row_begin(struct row *row, const char *op);
void row_free(struct row *row);
/* Gives a row its time and its place: after every row that was stamped before. */
void row_stamp(struct row *row);
/* A place with the time of another row, right behind what was stamped so far. */
void row_stamp_at(struct row *row, uint64_t entry_ns);
/* Puts a stamped row into the recording. */
void row_write(struct row *row);
/* Adds ` key=`, or `key=` to an empty cell. */
void row_key(struct row *row, const char *key);
void row_arg_dec(struct row *row, const char *key, uint64_t value);
void row_arg_signed(struct row *row, const char *key, int64_t value);
void row_arg_hex(struct row *row, const char *key, uint64_t value);

uint64_t recording_rows_count(void);
/* Writes header, rows in order and `# end`. */
void recording_write(int fd, const struct text *header);

#endif
