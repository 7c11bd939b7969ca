#include "file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "table.h"

static struct table files_by_hash;
static struct file **files; /* by id - 1 */
static unsigned files_count;

static enum file_kind kind_of(uint16_t mode, const char *name) {
  if (strncmp(name, "anon_inode:", 11) == 0) return FILE_ANONYMOUS;
  switch (mode & S_IFMT) {
    case S_IFREG: return FILE_REGULAR;
    case S_IFDIR: return FILE_FOLDER;
    case S_IFBLK: return FILE_BLOCK;
    case S_IFCHR: return FILE_CHARACTER;
    case S_IFIFO: return FILE_FIFO;
    case S_IFSOCK: return FILE_SOCKET;
    default: return FILE_ANONYMOUS;
  }
}

static const char *kind_word(enum file_kind kind) {
  static const char *const words[] = {"reg", "dir", "blk", "chr", "fifo", "sock", "anon"};
  return words[kind];
}

static uint64_t hash_of(const struct file *file) {
  uint64_t hash = file->inode * 0x100000001b3ull ^ file->birth_ns;
  return hash * 31 + ((uint64_t)file->device_major << 32 | file->device_minor);
}

static struct file *known_file(const struct file *wanted) {
  struct file *file = table_get(&files_by_hash, hash_of(wanted));
  while (file && (file->inode != wanted->inode || file->birth_ns != wanted->birth_ns ||
                  file->device_major != wanted->device_major || file->device_minor != wanted->device_minor))
    file = file->next;
  return file;
}

static struct file *add_file(const struct file *wanted) {
  struct file *file = allocate(sizeof *file);
  *file = *wanted;
  file->next = table_get(&files_by_hash, hash_of(file));
  table_set(&files_by_hash, hash_of(file), file);
  if (files_count % 1024 == 0) files = reallocate(files, (files_count + 1024) * sizeof *files);
  files[files_count++] = file;
  file->id = files_count;
  return file;
}

static void row_arg_word(struct row *row, const char *key, const char *word) {
  row_key(row, key);
  text_add_bytes(&row->arg, word, strlen(word));
}

/* The row that tells of a file, before the first row that names it. */
static void write_file_row(struct task *task, const struct file *file, const char *name, const struct file_facts *facts) {
  struct row row = {0};
  row_of_task(&row, "file", task);
  text_add(&row.target, "%s", name);
  row.file = file->id;
  row_key(&row, "dev");
  text_add(&row.arg, "%u:%u", file->device_major, file->device_minor);
  row_arg_dec(&row, "ino", file->inode);
  row_arg_word(&row, "kind", kind_word(file->kind));
  if (file->filesystem[0]) row_arg_word(&row, "fs", file->filesystem);
  if (facts) row_arg_dec(&row, "size", facts->size_bytes);
  if (facts && file->kind == FILE_BLOCK) {
    row_key(&row, "rdev");
    text_add(&row.arg, "%u:%u", facts->rdev_major, facts->rdev_minor);
  }
  if (facts && facts->mask & FACTS_DIO) {
    row_arg_dec(&row, "dio_mem", facts->dio_mem_align);
    row_arg_dec(&row, "dio_off", facts->dio_offset_align);
  }
  if (file->logical_block_bytes) row_arg_dec(&row, "lbs", file->logical_block_bytes);
  if (file->dma_alignment_bytes) row_arg_dec(&row, "dma", file->dma_alignment_bytes);
  row_stamp(&row);
  row_write(&row);
  row_free(&row);
}

/*
 * Alignment: statx knows where the file system tells (STATX_DIOALIGN, since 6.1); else the queue of the block device. The queue's
 * dma_alignment is a mask.
 */
static void find_alignment(struct file *file, const struct file_facts *facts) {
  if (file->kind != FILE_REGULAR && file->kind != FILE_BLOCK) return;
  if (facts->mask & FACTS_DIO && facts->dio_offset_align) {
    file->logical_block_bytes = facts->dio_offset_align;
    file->dma_alignment_bytes = facts->dio_mem_align;
    return;
  }
  bool is_device = file->kind == FILE_BLOCK;
  uint32_t major = is_device ? facts->rdev_major : facts->device_major;
  uint32_t minor = is_device ? facts->rdev_minor : facts->device_minor;
  file->logical_block_bytes = queue_number(major, minor, "logical_block_size");
  if (file->logical_block_bytes) file->dma_alignment_bytes = queue_number(major, minor, "dma_alignment") + 1;
}

static struct file *file_of_facts(struct task *task, const struct file_facts *facts, const struct descriptor *descriptor) {
  struct file wanted = {
    .kind = kind_of(facts->mode, text_of(&descriptor->name)),
    .inode = facts->inode,
    .birth_ns = (uint64_t)facts->born.seconds * 1000000000u + facts->born.nanoseconds,
    .device_major = facts->device_major,
    .device_minor = facts->device_minor,
  };
  struct file *file = known_file(&wanted);
  if (file) return file;
  if (wanted.kind == FILE_REGULAR || wanted.kind == FILE_FOLDER)
    mount_filesystem(task->tid, descriptor->mount_id, wanted.device_major, wanted.device_minor, wanted.filesystem);
  find_alignment(&wanted, facts);
  file = add_file(&wanted);
  write_file_row(task, file, text_of(&descriptor->name), facts);
  return file;
}

struct file *file_of_mapping(struct task *task, uint32_t major, uint32_t minor, uint64_t inode, const char *name) {
  struct descriptor descriptor = {.mount_id = -1};
  struct file_facts facts;
  struct file *file;
  text_add(&descriptor.name, "%s", name);
  bool same = facts_of(name, &facts) == 0 && facts.inode == inode;
  if (same) {
    file = file_of_facts(task, &facts, &descriptor);
  } else { /* in another mount namespace, deleted, or replaced */
    struct file wanted = {.kind = FILE_REGULAR, .inode = inode, .device_major = major, .device_minor = minor};
    file = known_file(&wanted);
    if (!file) write_file_row(task, file = add_file(&wanted), name, NULL);
  }
  text_free(&descriptor.name);
  return file;
}

static void set_flags(struct descriptor *descriptor, unsigned flags) {
  char *to = descriptor->oflags;
  unsigned access = flags & O_ACCMODE;
  if (access != O_WRONLY) *to++ = 'R';
  if (access != O_RDONLY) *to++ = 'W';
  if (flags & O_DIRECT) *to++ = 'D';
  if (flags & O_APPEND) *to++ = 'A';
  if (flags & O_SYNC & ~O_DSYNC) *to++ = 'S';
  if (flags & O_NONBLOCK) *to++ = 'N';
  *to = 0;
  descriptor->direct = flags & O_DIRECT;
}

/* `pos:`, `flags:` (octal) and `mnt_id:` of /proc/PID/fdinfo/FD. */
static bool read_fdinfo(struct task *task, int fd, struct descriptor *descriptor) {
  char text[1024];
  snprintf(text, sizeof text, "/proc/%d/fdinfo/%d", task->tid, fd);
  int info = open(text, O_RDONLY | O_CLOEXEC);
  if (info < 0) return false;
  ssize_t length = read(info, text, sizeof text - 1);
  close(info);
  text[length > 0 ? length : 0] = 0;
  const char *at = strstr(text, "pos:");
  if (at) descriptor->offset = strtoll(at + 4, NULL, 10);
  at = strstr(text, "flags:");
  if (at) set_flags(descriptor, (unsigned)strtoul(at + 6, NULL, 8));
  at = strstr(text, "mnt_id:");
  if (at) descriptor->mount_id = (int)strtol(at + 7, NULL, 10);
  return true;
}

struct descriptor descriptor_of(struct task *task, int fd) {
  struct descriptor descriptor = {.offset = NO_OFFSET, .mount_id = -1};
  char path[64], name[4200];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", task->tid, fd);
  ssize_t length = fd < 0 ? -1 : readlink(path, name, sizeof name - 1);
  if (length < 0) return descriptor;
  text_add_bytes(&descriptor.name, name, (size_t)length);
  struct file_facts facts;
  read_fdinfo(task, fd, &descriptor);
  if (facts_of(path, &facts) == 0) descriptor.file = file_of_facts(task, &facts, &descriptor);
  bool has_offset = descriptor.file && descriptor.file->kind <= FILE_BLOCK;
  if (!has_offset) descriptor.offset = NO_OFFSET;
  return descriptor;
}

void descriptor_free(struct descriptor *descriptor) { text_free(&descriptor->name); }

void row_set_descriptor(struct row *row, const struct descriptor *descriptor, int fd) {
  row->fd = fd;
  row->file = descriptor->file ? descriptor->file->id : 0;
  row->offset = descriptor->offset;
  memcpy(row->oflags, descriptor->oflags, sizeof row->oflags);
  text_clear(&row->target);
  text_add(&row->target, "%s", text_of(&descriptor->name));
}

bool is_direct_io(const struct descriptor *descriptor) {
  const struct file *file = descriptor->file;
  return descriptor->direct && file && (file->kind == FILE_REGULAR || file->kind == FILE_BLOCK);
}

void file_count(struct descriptor *descriptor) {
  if (!descriptor->file) return;
  descriptor->file->operations_count++;
  if (is_direct_io(descriptor)) descriptor->file->direct_count++;
}

bool row_set_file(struct row *row, struct task *task, int fd) {
  struct descriptor descriptor = descriptor_of(task, fd);
  row_set_descriptor(row, &descriptor, fd);
  file_count(&descriptor);
  bool direct = is_direct_io(&descriptor);
  descriptor_free(&descriptor);
  return direct;
}

/* Files that pages of the page cache or direct I/O belong to: not /proc and the like. */
static bool counts_for_header(const struct file *file, bool direct) {
  if (file->kind == FILE_BLOCK) return direct ? file->direct_count > 0 : file->operations_count > 0;
  if (file->kind != FILE_REGULAR || !file->filesystem[0]) return false;
  if (!strcmp(file->filesystem, "proc") || !strcmp(file->filesystem, "sysfs")) return false;
  return direct ? file->direct_count > 0 : file->operations_count > 0;
}

static const struct file *busiest_file(bool direct) {
  const struct file *busiest = NULL;
  for (unsigned i = 0; i < files_count; i++) {
    if (!counts_for_header(files[i], direct)) continue;
    if (!busiest || files[i]->operations_count > busiest->operations_count) busiest = files[i];
  }
  return busiest;
}

/* All file systems that such I/O went to, when they are several. */
static void add_filesystems(struct text *header, bool direct, const struct file *busiest) {
  struct text names = {0};
  text_add(&names, " %s ", busiest->filesystem[0] ? busiest->filesystem : "none");
  unsigned count = 1;
  for (unsigned i = 0; i < files_count; i++) {
    if (!counts_for_header(files[i], direct)) continue;
    char name[40];
    snprintf(name, sizeof name, " %s ", files[i]->filesystem[0] ? files[i]->filesystem : "none");
    if (strstr(text_of(&names), name)) continue;
    text_add(&names, "%s", name + 1);
    count++;
  }
  if (count > 1) text_add(header, "# filesystems %.*s\n", (int)names.length - 2, names.bytes + 1);
  text_free(&names);
}

void files_add_header(struct text *header) {
  bool direct = true;
  const struct file *busiest = busiest_file(direct);
  if (!busiest) busiest = busiest_file(direct = false);
  if (!busiest) return;
  if (busiest->filesystem[0]) text_add(header, "# filesystem %s\n", busiest->filesystem);
  add_filesystems(header, direct, busiest);
  if (busiest->logical_block_bytes) text_add(header, "# logical-block-size %u\n", busiest->logical_block_bytes);
  if (busiest->dma_alignment_bytes) text_add(header, "# dma-alignment %u\n", busiest->dma_alignment_bytes);
}
