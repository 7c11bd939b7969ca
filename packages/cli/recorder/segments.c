#include "segments.h"

#include <string.h>

#include "memory.h"
#include "pages.h"

_Static_assert(sizeof(struct message) == 56, "struct user_msghdr");

bool read_segments(struct task *task, uint64_t address, uint64_t count, struct segment segments[SEGMENTS_MAX]) {
  return count <= SEGMENTS_MAX && memory_read(task, address, segments, count * sizeof *segments);
}

void row_set_segments(struct row *row, struct task *task, const struct segment *segments, unsigned count) {
  row->segments_count = count;
  for (unsigned i = 0; i < count; i++) {
    if (i) text_add_bytes(&row->segments, ";", 1);
    text_add_hex(&row->segments, segments[i].address);
    text_add_bytes(&row->segments, ":", 1);
    text_add_dec(&row->segments, segments[i].length);
  }
  row_add_pages(row, task, segments, count);
}

void row_set_buffer(struct row *row, struct task *task, uint64_t address, uint64_t length) {
  struct segment segment = {address, length};
  row_set_segments(row, task, &segment, 1);
}

void row_set_vector(struct row *row, struct task *task, uint64_t address, uint64_t count) {
  struct segment segments[SEGMENTS_MAX];
  if (read_segments(task, address, count, segments)) {
    row_set_segments(row, task, segments, (unsigned)count);
    return;
  }
  row->segments_count = count > UINT32_MAX ? UINT32_MAX : (unsigned)count;
  row_arg_dec(row, "fault", 1);
}

void row_set_message(struct row *row, struct task *task, uint64_t address) {
  struct message message;
  if (memory_read(task, address, &message, sizeof message)) row_set_vector(row, task, message.vector, message.vector_count);
  else row_arg_dec(row, "fault", 1);
}
