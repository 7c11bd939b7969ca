/* A hash table from a number to a pointer. Open addressing; grows; never tells of a full one. */
#ifndef IOREC_TABLE_H
#define IOREC_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_slot {
  uint64_t key;
  void *value; /* NULL: free */
};

struct table {
  struct table_slot *slots;
  size_t slots_count; /* a power of two, or 0 */
  size_t used_count;
};

void *table_get(const struct table *table, uint64_t key);
/* Sets the value of a key; NULL takes the key out. */
void table_set(struct table *table, uint64_t key, void *value);
void table_free(struct table *table);

/* Every value: for (size_t at = 0; (value = table_next(table, &at)); ) — nothing may be set meanwhile. */
void *table_next(const struct table *table, size_t *at);

#endif
