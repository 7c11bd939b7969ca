/* Starting the command, traced from its first instruction, with a filter that stops it at the calls that are followed. */
#ifndef IOREC_LAUNCH_H
#define IOREC_LAUNCH_H

#include <sys/types.h>

/* Starts it; ends the recorder with a message where tracing is not possible. */
pid_t launch(char **command);
/* Why it never ran; ends the recorder with that message. */
void launch_failed(char **command) __attribute__((noreturn));

#endif
