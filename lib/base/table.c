#include "base/table.h"

#include "base/alloc.h"
#include <string.h>

#define FIRST_CAP 16u
#define FNV_PRIME UINT64_C(0x100000001B3)
#define FNV_START UINT64_C(0xCBF29CE484222325)
#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

void um_table_done(struct um_table *t) {
  um_free(t->buckets);
  memset(t, 0, sizeof *t);
}

static struct um_table_link **bucket(struct um_table *t, uint64_t hash) {
  return t->buckets == NULL ? &t->one : &t->buckets[hash & (t->cap - 1)];
}

static void push(struct um_table *t, struct um_table_link *link) {
  struct um_table_link **at = bucket(t, link->hash);
  link->next = *at;
  *at = link;
}

static void push_all(struct um_table *t, struct um_table_link *chain) {
  while (chain != NULL) {
    struct um_table_link *next = chain->next;
    push(t, chain);
    chain = next;
  }
}

static void grow(struct um_table *t) {
  struct um_table old = *t;
  uint32_t cap = t->cap == 0 ? FIRST_CAP : 2 * t->cap;
  struct um_table_link **buckets =
      um_calloc(cap, sizeof(struct um_table_link *));
  if (buckets == NULL)
    return;
  t->buckets = buckets;
  t->cap = cap;
  t->one = NULL;
  push_all(t, old.one);
  for (size_t i = 0; i < old.cap; i++)
    push_all(t, old.buckets[i]);
  um_free(old.buckets);
}

void um_table_put(struct um_table *t, struct um_table_link *link,
                  uint64_t hash) {
  if (t->n >= t->cap)
    grow(t);
  link->hash = hash;
  push(t, link);
  t->n++;
}

void um_table_remove(struct um_table *t, struct um_table_link *link) {
  struct um_table_link **at = bucket(t, link->hash);
  while (*at != link)
    at = &(*at)->next;
  *at = link->next;
  t->n--;
}

static struct um_table_link *same(struct um_table_link *at, uint64_t hash) {
  while (at != NULL && at->hash != hash)
    at = at->next;
  return at;
}

struct um_table_link *um_table_first(const struct um_table *t, uint64_t hash) {
  struct um_table_link *const *chain =
      t->buckets == NULL ? &t->one : &t->buckets[hash & (t->cap - 1)];
  return same(*chain, hash);
}

struct um_table_link *um_table_next(const struct um_table_link *link) {
  return same(link->next, link->hash);
}

uint64_t um_hash_number(uint64_t number) {
  number = (number ^ number >> 32) * GOLDEN;
  return number ^ number >> 29;
}

/* FNV-1a, mixed once more: the low bits choose the bucket. */
uint64_t um_hash_bytes(uint64_t seed, const void *p, size_t len) {
  uint64_t hash = FNV_START ^ seed;
  const unsigned char *at = p;
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ at[i]) * FNV_PRIME;
  return um_hash_number(hash);
}
