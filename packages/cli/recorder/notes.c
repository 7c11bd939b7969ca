#include "notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NOTES_MAX 100 /* distinct ones; a program that makes more has shown what it does */

static struct {
  char *words;
  uint64_t times;
} notes[NOTES_MAX];
static unsigned notes_count;
static uint64_t more_count;

static void add(const char *words, uint64_t times) {
  for (unsigned i = 0; i < notes_count; i++) {
    if (strcmp(notes[i].words, words)) continue;
    notes[i].times += times;
    return;
  }
  if (notes_count == NOTES_MAX) {
    more_count++;
    return;
  }
  notes[notes_count].words = duplicate(words);
  notes[notes_count++].times = times;
}

void note_count(const char *format, ...) {
  char words[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  add(words, 1);
}

void note_once(const char *words) { add(words, 0); }

void notes_add_header(struct text *header) {
  for (unsigned i = 0; i < notes_count; i++) {
    text_add(header, "# note ");
    text_add_header_value(header, notes[i].words);
    if (notes[i].times > 1) text_add(header, " (%llu times)", (unsigned long long)notes[i].times);
    text_add(header, "\n");
  }
  if (more_count) text_add(header, "# note and %llu notes more\n", (unsigned long long)more_count);
}
