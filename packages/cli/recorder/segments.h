/* Buffers of a call: their addresses and lengths, and what backs them. */
#ifndef IOREC_SEGMENTS_H
#define IOREC_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "task.h"

/* struct iovec, and struct user_msghdr, of a 64-bit program. */
struct segment {
  uint64_t address, length;
};

struct message {
  uint64_t name;
  uint32_t name_length, padding0;
  uint64_t vector, vector_count;
  uint64_t control, control_length;
  uint32_t flags, padding1;
};

#define SEGMENTS_MAX 1024 /* UIO_MAXIOV: with more the kernel gives -EINVAL */

/* One buffer. */
void row_set_buffer(struct row *row, struct task *task, uint64_t address, uint64_t length);
/* An array of iovecs in the task's memory; what cannot be read is told in the row. */
void row_set_vector(struct row *row, struct task *task, uint64_t address, uint64_t count);
/* The vector of a struct msghdr in the task's memory. */
void row_set_message(struct row *row, struct task *task, uint64_t address);
/* Buffers that were read already. */
void row_set_segments(struct row *row, struct task *task, const struct segment *segments, unsigned count);
/* Reads iovecs; false when there are too many or they are not all there. */
bool read_segments(struct task *task, uint64_t address, uint64_t count, struct segment segments[SEGMENTS_MAX]);

#endif
