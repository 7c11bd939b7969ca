/* Mappings that no system call of the program made: of its binary, its stack. */
#ifndef IOREC_MAPPINGS_H
#define IOREC_MAPPINGS_H

#include "task.h"

/* A `vma` row for each line of /proc/PID/maps. */
void write_mappings(struct task *task);

#endif
