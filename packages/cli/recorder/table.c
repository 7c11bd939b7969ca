#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

static size_t home_of(const struct table *table, uint64_t key) {
  key *= 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio: spreads addresses, whose low bits are alike */
  return (size_t)(key >> 32) & (table->slots_count - 1);
}

static struct table_slot *find(const struct table *table, uint64_t key) {
  size_t at = home_of(table, key);
  while (table->slots[at].value && table->slots[at].key != key) at = (at + 1) & (table->slots_count - 1);
  return &table->slots[at];
}

void *table_get(const struct table *table, uint64_t key) {
  return table->slots_count ? find(table, key)->value : NULL;
}

static void grow(struct table *table) {
  struct table old = *table;
  table->slots_count = old.slots_count ? old.slots_count * 2 : 16;
  table->slots = allocate(table->slots_count * sizeof *table->slots);
  for (size_t i = 0; i < old.slots_count; i++)
    if (old.slots[i].value) *find(table, old.slots[i].key) = old.slots[i];
  free(old.slots);
}

/* Takes a slot out and moves up what stood behind it, so that no search ends too early. */
static void take_out(struct table *table, struct table_slot *gone) {
  size_t mask = table->slots_count - 1;
  size_t hole = (size_t)(gone - table->slots);
  table->slots[hole].value = NULL;
  table->used_count--;
  for (size_t at = (hole + 1) & mask; table->slots[at].value; at = (at + 1) & mask) {
    size_t home = home_of(table, table->slots[at].key);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    table->slots[hole] = table->slots[at];
    table->slots[at].value = NULL;
    hole = at;
  }
}

void table_set(struct table *table, uint64_t key, void *value) {
  if (!value && !table->slots_count) return;
  if (table->used_count * 4 >= table->slots_count * 3) grow(table);
  struct table_slot *slot = find(table, key);
  if (!value) {
    if (slot->value) take_out(table, slot);
    return;
  }
  if (!slot->value) table->used_count++;
  slot->key = key;
  slot->value = value;
}

void table_free(struct table *table) {
  free(table->slots);
  memset(table, 0, sizeof *table);
}

void *table_next(const struct table *table, size_t *at) {
  while (*at < table->slots_count) {
    void *value = table->slots[(*at)++].value;
    if (value) return value;
  }
  return NULL;
}
