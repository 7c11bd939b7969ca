#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

void *allocate(size_t size_bytes) {
  void *memory = calloc(1, size_bytes ? size_bytes : 1);
  if (!memory) refuse("memory", "the recorder ran out of memory");
  return memory;
}

void *reallocate(void *old, size_t size_bytes) {
  void *memory = realloc(old, size_bytes);
  if (!memory) refuse("memory", "the recorder ran out of memory");
  return memory;
}

char *duplicate(const char *string) {
  char *copy = strdup(string);
  if (!copy) refuse("memory", "the recorder ran out of memory");
  return copy;
}

static void make_room(struct text *text, size_t more_bytes) {
  if (text->length + more_bytes + 1 <= text->room) return;
  size_t room = text->room ? text->room : 64;
  while (room < text->length + more_bytes + 1) room *= 2;
  text->bytes = reallocate(text->bytes, room);
  text->room = room;
}

void text_clear(struct text *text) {
  text->length = 0;
  if (text->bytes) text->bytes[0] = 0;
}

void text_free(struct text *text) {
  free(text->bytes);
  memset(text, 0, sizeof *text);
}

void text_add_bytes(struct text *text, const char *bytes, size_t length) {
  make_room(text, length);
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = 0;
}

void text_add(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char none[1];
  int length = vsnprintf(none, sizeof none, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  make_room(text, (size_t)length);
  va_start(arguments, format);
  vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
  va_end(arguments);
  text->length += (size_t)length;
}

static void add_in_base(struct text *text, uint64_t value, unsigned base) {
  char digits[24];
  size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  text_add_bytes(text, digits + at, sizeof digits - at);
}

void text_add_dec(struct text *text, uint64_t value) { add_in_base(text, value, 10); }

void text_add_hex(struct text *text, uint64_t value) { add_in_base(text, value, 16); }

void text_add_signed(struct text *text, int64_t value) {
  if (value < 0) text_add_bytes(text, "-", 1);
  add_in_base(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

static void add_escaped(struct text *text, const char *string, const char *special) {
  for (const char *c = string; *c; c++) {
    unsigned char byte = (unsigned char)*c;
    if (byte >= 0x20 && byte != 0x7f && byte != '%' && !strchr(special, byte)) text_add_bytes(text, c, 1);
    else text_add(text, "%%%02X", byte);
  }
}

void text_add_name(struct text *text, const char *name) { add_escaped(text, name, ",\""); }

void text_add_header_value(struct text *text, const char *value) { add_escaped(text, value, ""); }

const char *text_of(const struct text *text) { return text->bytes ? text->bytes : ""; }
