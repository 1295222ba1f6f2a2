/* base/table.h: intrusive hash table. The owner keeps the objects and says
 * what equal means; here are only the links of those with the same hash.
 *
 * Putting in never fails: without memory for more buckets it only gets slow. */
#ifndef UM_BASE_TABLE_H
#define UM_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct um_table_link {
  struct um_table_link *next;
  uint64_t hash;
};

/* All zero is empty. */
struct um_table {
  struct um_table_link **buckets; /* NULL: only `one` */
  struct um_table_link *one;
  uint32_t cap, n; /* cap is 0 or a power of two */
};

void um_table_done(struct um_table *t); /* its own memory, not the objects */
void um_table_put(struct um_table *t, struct um_table_link *link,
                  uint64_t hash);
void um_table_remove(struct um_table *t, struct um_table_link *link);

/* Those with this hash, in no order; NULL: no more. */
struct um_table_link *um_table_first(const struct um_table *t, uint64_t hash);
struct um_table_link *um_table_next(const struct um_table_link *link);

/* seed lets hashes of parts be chained. */
uint64_t um_hash_bytes(uint64_t seed, const void *p, size_t len);
uint64_t um_hash_number(uint64_t number);

#endif
