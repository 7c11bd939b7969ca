/* Strings that grow, and what is written out of them. */
#ifndef IOREC_TEXT_H
#define IOREC_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
  char *bytes; /* ends in NUL, or NULL while empty */
  size_t length;
  size_t room;
};

void text_clear(struct text *text);
void text_free(struct text *text);
void text_add_bytes(struct text *text, const char *bytes, size_t length);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Decimal, and hexadecimal without 0x: what most cells hold. Much cheaper than a format. */
void text_add_dec(struct text *text, uint64_t value);
void text_add_signed(struct text *text, int64_t value);
void text_add_hex(struct text *text, uint64_t value);

/* A name as a cell: percent, comma, quote and control bytes become %XX, so that a row stays a line and nothing is lost. */
void text_add_name(struct text *text, const char *name);
/* A name as the value of a header line: percent and control bytes only. */
void text_add_header_value(struct text *text, const char *value);

/* The string, never NULL. */
const char *text_of(const struct text *text);

/* Memory or nothing: ends the recorder when there is none. */
void *allocate(size_t size_bytes);
void *reallocate(void *old, size_t size_bytes);
char *duplicate(const char *string);

#endif
