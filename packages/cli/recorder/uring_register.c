/* io_uring_register(2): buffers, files, and rings themselves. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "call.h"
#include "file.h"
#include "memory.h"
#include "notes.h"
#include "segments.h"
#include "uring.h"

#define BUFFERS_MAX (1u << 14) /* IORING_MAX_REG_BUFFERS */
#define FILES_MAX (1u << 20)   /* IORING_MAX_FIXED_FILES */

static void set_buffers(struct task *task, uint64_t vector, uint64_t count) {
  struct segment *buffers = count <= BUFFERS_MAX ? allocate(count * sizeof *buffers) : NULL;
  if (buffers && memory_read(task, vector, buffers, count * sizeof *buffers)) {
    row_set_segments(&task->row, task, buffers, (unsigned)count);
  } else {
    task->row.segments_count = (unsigned)count;
    row_arg_dec(&task->row, "fault", 1);
  }
  free(buffers);
}

static void set_buffers2(struct task *task, uint64_t argument) {
  struct rsrc_register given;
  if (!memory_read(task, argument, &given, sizeof given)) return;
  row_arg_dec(&task->row, "n", given.count);
  if (given.flags & RSRC_REGISTER_SPARSE) row_arg_dec(&task->row, "sparse", 1);
  else set_buffers(task, given.data, given.count);
}

static void set_buffers_update(struct task *task, uint64_t argument) {
  struct rsrc_update2 given;
  if (!memory_read(task, argument, &given, sizeof given)) return;
  row_arg_dec(&task->row, "n", given.count);
  row_arg_dec(&task->row, "at", given.offset);
  set_buffers(task, given.data, given.count);
}

static void set_clone(struct task *task, uint64_t argument) {
  struct clone_buffers given;
  if (!memory_read(task, argument, &given, sizeof given)) return;
  struct ring *source = ring_of_number(task, (int)given.source_fd, given.flags & CLONE_SOURCE_REGISTERED);
  if (source) row_arg_dec(&task->row, "src", source->id);
  row_arg_dec(&task->row, "srcoff", given.source_offset);
  row_arg_dec(&task->row, "dstoff", given.target_offset);
  row_arg_dec(&task->row, "nr", given.count);
  row_arg_hex(&task->row, "fl", given.flags);
}

static void set_buffer_ring(struct task *task, uint64_t argument) {
  struct buffer_ring given;
  if (!memory_read(task, argument, &given, sizeof given)) return;
  row_arg_dec(&task->row, "bgid", given.group);
  row_arg_dec(&task->row, "entries", given.entries);
  if (given.address) row_set_buffer(&task->row, task, given.address, given.entries * 16ull); /* struct io_uring_buf */
}

static uint32_t operation_of(const struct task *task) {
  return (uint32_t)task->values.args[1] & ~REGISTER_USE_REGISTERED_RING;
}

bool enter_register(struct task *task) {
  const uint64_t *args = task->values.args;
  struct ring *ring = ring_of_number(task, (int)args[0], (uint32_t)args[1] & REGISTER_USE_REGISTERED_RING);
  task->row.fd = (int)args[0];
  task->may_pin = true;
  if (ring) {
    ring_hold(task, ring);
    row_arg_dec(&task->row, "ring", ring->id);
  }
  row_arg_dec(&task->row, "op", operation_of(task));
  switch (operation_of(task)) {
    case REGISTER_BUFFERS2: set_buffers2(task, args[2]); return true;
    case REGISTER_BUFFERS_UPDATE: set_buffers_update(task, args[2]); return true;
    default: break;
  }
  row_arg_dec(&task->row, "n", (uint32_t)args[3]);
  switch (operation_of(task)) {
    case REGISTER_BUFFERS: set_buffers(task, args[2], (uint32_t)args[3]); break;
    case REGISTER_CLONE_BUFFERS: set_clone(task, args[2]); break;
    case REGISTER_PBUF_RING: case UNREGISTER_PBUF_RING: set_buffer_ring(task, args[2]); break;
    default: break;
  }
  return true;
}

static void clear_slot(struct fixed_file *slot) {
  free(slot->name);
  memset(slot, 0, sizeof *slot);
}

static void set_slot(struct task *task, struct fixed_file *slot, int fd) {
  clear_slot(slot);
  if (fd < 0) return;
  struct descriptor descriptor = descriptor_of(task, fd);
  if (descriptor.file) {
    slot->name = duplicate(text_of(&descriptor.name));
    slot->file = descriptor.file->id;
    slot->direct = is_direct_io(&descriptor);
    memcpy(slot->oflags, descriptor.oflags, sizeof slot->oflags);
  }
  descriptor_free(&descriptor);
}

void fixed_files_free(struct ring *ring) {
  for (unsigned i = 0; i < ring->fixed_count; i++) clear_slot(&ring->fixed[i]);
  free(ring->fixed);
  ring->fixed = NULL;
  ring->fixed_count = 0;
}

void fixed_files_update(struct task *task, struct ring *ring, uint32_t at, uint64_t fds, uint32_t count) {
  for (uint32_t i = 0; i < count && (uint64_t)at + i < ring->fixed_count; i++) {
    int32_t fd;
    if (!memory_read(task, fds + i * 4ull, &fd, sizeof fd)) return;
    if (fd != -2) set_slot(task, &ring->fixed[at + i], fd); /* IORING_REGISTER_FILES_SKIP */
  }
}

static void set_fixed_files(struct task *task, struct ring *ring, uint64_t fds, uint32_t count, bool is_sparse) {
  fixed_files_free(ring);
  if (count > FILES_MAX) return;
  ring->fixed = allocate(count * sizeof *ring->fixed);
  ring->fixed_count = count;
  if (!is_sparse) fixed_files_update(task, ring, 0, fds, count);
}

/* The kernel has filled in which number each ring got. */
static void set_registered_rings(struct task *task, uint64_t updates, int64_t count, bool is_added) {
  struct rsrc_update update;
  for (int64_t i = 0; i < count; i++) {
    if (!memory_read(task, updates + (uint64_t)i * sizeof update, &update, sizeof update)) return;
    ring_set_registered(task, update.offset, is_added ? ring_of(task, (int)update.data) : NULL);
  }
}

static void changed_files(struct task *task, struct ring *ring, uint64_t argument, uint32_t count) {
  struct rsrc_register given;
  struct rsrc_update update;
  struct rsrc_update2 update2;
  switch (operation_of(task)) {
    case REGISTER_FILES:
      set_fixed_files(task, ring, argument, count, argument == 0);
      break;
    case REGISTER_FILES2:
      if (memory_read(task, argument, &given, sizeof given))
        set_fixed_files(task, ring, given.data, given.count, given.flags & RSRC_REGISTER_SPARSE);
      break;
    case REGISTER_FILES_UPDATE:
      if (memory_read(task, argument, &update, sizeof update)) fixed_files_update(task, ring, update.offset, update.data, count);
      break;
    case REGISTER_FILES_UPDATE2:
      if (memory_read(task, argument, &update2, sizeof update2))
        fixed_files_update(task, ring, update2.offset, update2.data, update2.count);
      break;
    case UNREGISTER_FILES:
      fixed_files_free(ring);
      break;
    default:
      break;
  }
}

/* New rings of other sizes, with what was in the old ones; the program maps them anew. */
static void resized(struct task *task, struct ring *ring, uint64_t argument) {
  struct uring_params params;
  if (!memory_read(task, argument, &params, sizeof params)) return;
  ring->params.sq_entries = params.sq_entries;
  ring->params.cq_entries = params.cq_entries;
  ring->params.sq = params.sq;
  ring->params.cq = params.cq;
}

void leave_register(struct task *task, int64_t result) {
  const uint64_t *args = task->values.args;
  struct ring *ring = task->ring;
  row_write(&task->row);
  if (!ring && result >= 0) note_count("io_uring_register(2) on a ring that was not seen to be set up");
  if (ring && result >= 0) {
    if (operation_of(task) == REGISTER_RING_FDS) set_registered_rings(task, args[2], result, true);
    else if (operation_of(task) == UNREGISTER_RING_FDS) set_registered_rings(task, args[2], result, false);
    else if (operation_of(task) == REGISTER_RESIZE_RINGS) resized(task, ring, args[2]);
    else changed_files(task, ring, args[2], (uint32_t)args[3]);
  }
  ring_let_go(task);
}
