/* What backs the buffers of a call, page by page (--pages). */
#ifndef IOREC_PAGES_H
#define IOREC_PAGES_H

#include "segments.h"

#define PAGE_SHIFT 12
#define PAGE_BYTES (1u << PAGE_SHIFT)

/* Ends the recorder with a message where the kernel does not let us see. */
void pages_open(void);
/* Adds runs of pages to the `pages` cell; nothing where --pages was not asked for. */
void row_add_pages(struct row *row, struct task *task, const struct segment *segments, unsigned count);

#endif
