/* Memory of the command. */
#ifndef IOREC_MEMORY_H
#define IOREC_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "task.h"

/* Bytes read: all, or fewer where the memory ends. */
size_t memory_read_some(struct task *task, uint64_t address, void *to, size_t length);
/* All or nothing. */
bool memory_read(struct task *task, uint64_t address, void *to, size_t length);
/* A string, escapes and all; false when it cannot be read. Cut at 4096 bytes, as the kernel does (PATH_MAX). */
bool memory_read_string(struct task *task, uint64_t address, char to[4096]);
/* Closes what was opened for an address space. */
void memory_forget(struct space *space);

#endif
