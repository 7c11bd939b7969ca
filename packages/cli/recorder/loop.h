/* The stops of the command, one after the other, until all of it has ended. */
#ifndef IOREC_LOOP_H
#define IOREC_LOOP_H

#include <stdbool.h>
#include <sys/types.h>

/* Follows a command that was launched; false: it never ran. Its status as waitpid() has it. */
bool follow(pid_t first, int *status);

#endif
