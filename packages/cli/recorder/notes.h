/* What was not seen, bounded or lost: said once each in the header of the recording. */
#ifndef IOREC_NOTES_H
#define IOREC_NOTES_H

#include "text.h"

/* Adds a note, or counts one that was made already with the same words. */
void note_count(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Adds a note that is not counted. */
void note_once(const char *words);
void notes_add_header(struct text *header);

#endif
