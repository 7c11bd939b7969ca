#include "mappings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "file.h"

struct mapping {
  uint64_t start, end, offset, inode;
  unsigned major, minor;
  char permissions[5];
  char *name; /* a path, [stack] or "" */
};

static bool parse(char *line, struct mapping *mapping) {
  unsigned long long start, end, offset, inode;
  int at = 0;
  int got = sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, mapping->permissions, &offset, &mapping->major,
                   &mapping->minor, &inode, &at);
  if (got < 7 || at == 0) return false;
  mapping->start = start;
  mapping->end = end;
  mapping->offset = offset;
  mapping->inode = inode;
  mapping->name = line + at;
  mapping->name[strcspn(mapping->name, "\n")] = 0;
  return true;
}

/* seq_path() writes a line feed of a name as \012 (fs/proc/task_mmu.c: show_map_vma). */
static void unescape(char *name) {
  char *to = name;
  for (char *from = name; *from; to++) {
    bool is_line_feed = strncmp(from, "\\012", 4) == 0;
    *to = is_line_feed ? '\n' : *from;
    from += is_line_feed ? 4 : 1;
  }
  *to = 0;
}

static void set_file(struct row *row, struct task *task, const struct mapping *mapping) {
  unescape(mapping->name);
  text_add(&row->target, "%s", mapping->name);
  row->file = file_of_mapping(task, mapping->major, mapping->minor, mapping->inode, mapping->name)->id;
}

static void write_mapping(struct task *task, const struct mapping *mapping) {
  struct row row = {0};
  const char *permissions = mapping->permissions;
  uint64_t length = mapping->end - mapping->start;
  int protection = (permissions[0] == 'r' ? PROT_READ : 0) | (permissions[1] == 'w' ? PROT_WRITE : 0) |
                   (permissions[2] == 'x' ? PROT_EXEC : 0);
  int flags = (permissions[3] == 's' ? MAP_SHARED : MAP_PRIVATE) | (mapping->inode ? 0 : MAP_ANONYMOUS);
  row_of_task(&row, "vma", task);
  text_add(&row.segments, "%llx:%llu", (unsigned long long)mapping->start, (unsigned long long)length);
  row.segments_count = 1;
  row_arg_dec(&row, "len", length);
  row_arg_hex(&row, "prot", (uint64_t)protection);
  row_arg_hex(&row, "fl", (uint64_t)flags);
  row_arg_hex(&row, "off", mapping->offset);
  if (mapping->inode) {
    set_file(&row, task, mapping);
  } else if (mapping->name[0] == '[') {
    row_key(&row, "name");
    text_add(&row.arg, "%s", mapping->name);
  }
  row_stamp(&row);
  row_write(&row);
  row_free(&row);
}

void write_mappings(struct task *task) {
  char path[40], *line = NULL;
  size_t room = 0;
  struct mapping mapping;
  snprintf(path, sizeof path, "/proc/%d/maps", task->tid);
  FILE *maps = fopen(path, "re");
  if (!maps) return;
  while (getline(&line, &room, maps) > 0)
    if (parse(line, &mapping)) write_mapping(task, &mapping);
  free(line);
  fclose(maps);
}
