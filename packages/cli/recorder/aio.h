/* libaio: contexts, the operations in them, and their completions, which are read out of the ring that the program sees. */
#ifndef IOREC_AIO_H
#define IOREC_AIO_H

#include "task.h"

/* Looks for completions in every context of the task's address space. */
void aio_look(struct task *task);
/* The address space is gone, and all contexts with it. */
void aio_space_gone(struct space *space);

#endif
