/* Ending the recording early: Ctrl-C and SIGTERM. */
#ifndef IOREC_STOP_H
#define IOREC_STOP_H

#include <stdbool.h>
#include <sys/types.h>

/* Handlers; and a tick, so that a signal that comes just before waitpid() is not missed. */
void stop_prepare(void);
/* After waitpid() was interrupted: passes on what was asked for. */
void stop_check(bool first_has_ended);
/* The signal that ended the recording early, 0: none. */
int stop_signal(void);

#endif
