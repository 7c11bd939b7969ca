/* What the recorder says: to the program that started it, a line each on a descriptor of its own, or to a person on stderr. */
#ifndef IOREC_CONTROL_H
#define IOREC_CONTROL_H

/* Where lines go; -1 is stderr, as text. */
void control_open(int fd);

/* One line for the program that started the recorder: a word, then text. A person is told nothing while all goes well. */
void control_tell(const char *word, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells why nothing can be recorded and ends the recorder; what it traces is killed by the kernel (PTRACE_O_EXITKILL). */
void refuse(const char *reason, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Exit status of a recorder that refused: of no command, because a status is never above 255 and this one goes with a line. */
#define REFUSED_STATUS 125

#endif
