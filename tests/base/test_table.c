#include "base/table.h"

#include "base/alloc.h"
#include "base/list.h"
#include "support/suite.h"

SUITE(table);

#define N 1000

struct item {
  int key;
  bool in;
  struct um_table_link link;
};

static struct item items[N];

static struct item *find(const struct um_table *t, int key, uint64_t hash) {
  struct um_table_link *l = um_table_first(t, hash);
  while (l != NULL && um_list_of(l, struct item, link)->key != key)
    l = um_table_next(l);
  return l == NULL ? NULL : um_list_of(l, struct item, link);
}

static uint64_t good(int key) {
  return um_hash_number((uint64_t)key);
}

static uint64_t poor(int key) {
  return (uint64_t)key % 3;
}

/* Puts all in, takes every third out, looks after each step at the end. */
static void exercise(uint64_t (*hash)(int key)) {
  struct um_table t = {0};
  for (int i = 0; i < N; i++) {
    items[i].key = i;
    cr_assert_null(find(&t, i, hash(i)));
    um_table_put(&t, &items[i].link, hash(i));
    cr_assert_eq(find(&t, i, hash(i)), &items[i]);
  }
  for (int i = 0; i < N; i += 3)
    um_table_remove(&t, &items[i].link);
  for (int i = 0; i < N; i++)
    cr_assert_eq(find(&t, i, hash(i)), i % 3 == 0 ? NULL : &items[i]);
  cr_assert_eq(t.n, N - (N + 2) / 3);
  um_table_done(&t);
}

Test(table, finds_what_was_put_in_and_not_what_was_taken_out) {
  exercise(good);
}

Test(table, tells_those_with_the_same_hash_apart_by_their_owner) {
  exercise(poor);
}

Test(table, works_without_memory_and_grows_when_there_is_some_again) {
  um_alloc_fail_at(1, true);
  exercise(good);
  struct um_table t = {0};
  for (int i = 0; i < 100; i++)
    um_table_put(&t, &items[i].link, good(i));
  um_alloc_fail_at(0, false);
  cr_assert_eq(t.cap, 0);
  um_table_put(&t, &items[100].link, good(100));
  cr_assert_gt(t.cap, 0);
  for (int i = 0; i <= 100; i++)
    cr_assert_eq(find(&t, i, good(i)), &items[i]);
  um_table_done(&t);
}

Test(table, hashes_differ_by_bytes_and_by_seed) {
  cr_assert_neq(um_hash_bytes(0, "ab", 2), um_hash_bytes(0, "ba", 2));
  cr_assert_neq(um_hash_bytes(0, "ab", 2), um_hash_bytes(1, "ab", 2));
  cr_assert_eq(um_hash_bytes(7, "ab", 2), um_hash_bytes(7, "abc", 2));
}
