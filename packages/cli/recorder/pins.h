/* What the kernel counted (--pins): nr_foll_pin_acquired and nr_foll_pin_released, of the whole machine. */
#ifndef IOREC_PINS_H
#define IOREC_PINS_H

#include <stdbool.h>

#include "task.h"

/* Ends the recorder with a message where the counters cannot be read; remembers where they begin. */
void pins_open(void);
bool pins_wanted(void);

/* The last thing before a call goes on, and the first one after it. */
void pins_begin(struct task *task);
void pins_end(struct task *task);
/* Forgets a bracket whose call never returned. */
void pins_abandon(struct task *task);

/* Asynchronous operations on their way: they may let go of pages at any time. */
void pins_async_began(void);
void pins_async_ended(void);

void pins_add_header(struct text *header);

#endif
