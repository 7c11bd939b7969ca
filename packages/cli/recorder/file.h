/* What a descriptor of the command is: which file, how it was opened, where it stands. */
#ifndef IOREC_FILE_H
#define IOREC_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "task.h"
#include "text.h"

enum file_kind { FILE_REGULAR, FILE_FOLDER, FILE_BLOCK, FILE_CHARACTER, FILE_FIFO, FILE_SOCKET, FILE_ANONYMOUS };

/* A file, the same for all names and descriptors (device, inode and birth time). */
struct file {
  unsigned id;
  enum file_kind kind;
  char filesystem[32];            /* as in mountinfo; "" where none is mounted there (pipes, sockets) */
  unsigned logical_block_bytes;   /* of direct I/O: of statx or the block queue; 0: not known */
  unsigned dma_alignment_bytes;
  uint64_t operations_count, direct_count;
  struct file *next; /* another one with the same hash */
  uint64_t inode, birth_ns;
  uint32_t device_major, device_minor;
};

/* A descriptor at the time of a call. */
struct descriptor {
  struct file *file; /* NULL: nothing is open there */
  struct text name;
  bool direct;
  char oflags[8];
  int64_t offset; /* NO_OFFSET where the file has none */
  int mount_id;
};

/* Looks at a descriptor of a task. Writes a `file` row when the file is new. Its name is to be freed. */
struct descriptor descriptor_of(struct task *task, int fd);
void descriptor_free(struct descriptor *descriptor);
/* A file that /proc/PID/maps names. */
struct file *file_of_mapping(struct task *task, uint32_t major, uint32_t minor, uint64_t inode, const char *name);

/* Puts a descriptor into the cells of a row. */
void row_set_descriptor(struct row *row, const struct descriptor *descriptor, int fd);
/* descriptor_of() and row_set_descriptor(), and counts the operation; tells whether it is direct I/O on a file. */
bool row_set_file(struct row *row, struct task *task, int fd);
/* An operation of this kind goes to this file: for what the header says. */
void file_count(struct descriptor *descriptor);
bool is_direct_io(const struct descriptor *descriptor);

/* `filesystem`, `logical-block-size` and `dma-alignment` for the header: of what had direct I/O, else of the busiest. */
void files_add_header(struct text *header);

#endif
