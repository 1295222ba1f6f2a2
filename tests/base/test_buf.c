#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(buf);

static struct um_buf b;

Test(buf, holds_what_was_appended_until_it_is_consumed) {
  um_buf_init(&b, 100, NULL);
  cr_assert_eq(um_buf_append(&b, "hello", 5), 0);
  cr_assert_eq(um_buf_append(&b, NULL, 0), 0);
  um_buf_consume(&b, 2);
  cr_assert_eq(b.len, 3);
  cr_assert_arr_eq(um_buf_head(&b), "llo", 3);
  um_buf_consume(&b, 3);
  cr_assert_eq(b.len, 0);
  cr_assert_eq(b.off, 0);
  cr_assert_not_null(b.data);
  um_buf_done(&b);
  cr_assert_null(b.data);
  cr_assert_eq(b.max, 100);
}

Test(buf, never_exceeds_its_maximum) {
  um_buf_init(&b, 10, NULL);
  cr_assert_eq(um_buf_append(&b, "0123456789", 10), 0);
  cr_assert_null(um_buf_reserve(&b, 1));
  cr_assert_null(um_buf_reserve(&b, SIZE_MAX));
  cr_assert_not_null(um_buf_reserve(&b, 0));
  cr_assert_leq(b.cap, 10);
  um_buf_consume(&b, 3);
  cr_assert_eq(um_buf_append(&b, "abcd", 4), UM_ENOMEM);
  cr_assert_eq(um_buf_append(&b, "abc", 3), 0);
  cr_assert_arr_eq(um_buf_head(&b), "3456789abc", 10);
  um_buf_done(&b);
}

Test(buf, is_unchanged_when_memory_is_out) {
  um_buf_init(&b, 10000, NULL);
  um_buf_append(&b, "abc", 3);
  um_buf_consume(&b, 1);
  um_alloc_fail_at(1, true);
  cr_assert_null(um_buf_reserve(&b, 5000));
  cr_assert_arr_eq(um_buf_head(&b), "bc", 2);
  um_buf_consume(&b, 2);
  cr_assert_null(um_buf_reserve(&b, 5000));
  um_alloc_fail_at(0, false);
  cr_assert_eq(b.len, 0);
  um_buf_done(&b);
}

/* A stream through a buffer: against a plain model, and without growing. */
Test(buf, streams_without_growing_and_without_loss) {
  uint8_t next_in = 0, next_out = 0;
  um_buf_init(&b, 1 << 20, NULL);
  srand(1);
  for (int i = 0; i < 100000; i++) {
    size_t n = (size_t)rand() % 50;
    uint8_t *p = um_buf_reserve(&b, n);
    for (size_t k = 0; k < n; k++)
      p[k] = next_in++;
    um_buf_commit(&b, n);
    size_t out = b.len > 200 ? b.len - 100 : (size_t)rand() % (b.len + 1);
    for (size_t k = 0; k < out; k++)
      cr_assert_eq(um_buf_head(&b)[k], next_out++);
    um_buf_consume(&b, out);
  }
  cr_assert_leq(b.cap, 1024);
  um_buf_done(&b);
}

Test(buf, grows_by_doubling) {
  um_buf_init(&b, 1 << 20, NULL);
  um_alloc_fail_at(0, false);
  for (int i = 0; i < 1 << 20; i++)
    cr_assert_eq(um_buf_append(&b, "x", 1), 0);
  cr_assert_leq(um_alloc_calls(), 15);
  cr_assert_eq(um_buf_append(&b, "x", 1), UM_ENOMEM);
  um_buf_done(&b);
}

Test(buf, of_a_pool_takes_its_block_and_gives_it_back) {
  struct um_pool pool = {NULL, 0};
  struct um_buf a, c;
  um_buf_init(&a, 1000, &pool);
  um_buf_init(&c, 1000, &pool);
  um_buf_append(&a, "abc", 3);
  um_buf_append(&c, "def", 3);
  void *block = a.data;
  um_buf_release(&a); /* not empty: stays */
  cr_assert_eq(a.data, block);
  um_buf_consume(&a, 3);
  um_buf_release(&a);
  cr_assert_null(a.data);
  cr_assert_eq(pool.block, block);
  um_buf_consume(&c, 3);
  um_buf_release(&c); /* the pool has one already */
  cr_assert_null(c.data);
  um_alloc_fail_at(1, true);
  cr_assert_eq(um_buf_append(&c, "ghi", 3), 0);
  cr_assert_eq(um_alloc_calls(), 0);
  um_alloc_fail_at(0, false);
  cr_assert_eq(c.data, block);
  cr_assert_null(pool.block);
  um_buf_consume(&c, 3);
  um_buf_release(&c);
  cr_assert_eq(um_buf_append(&a, (char[500]){0}, 500), 0); /* a larger one */
  cr_assert_null(pool.block);
  um_buf_release(&a);
  um_buf_done(&a);
  um_pool_done(&pool);
}

Test(buf, swap_exchanges_contents_and_nothing_else) {
  struct um_buf a;
  um_buf_init(&a, 10, NULL);
  um_buf_init(&b, 20, NULL);
  um_buf_append(&a, "abc", 3);
  um_buf_consume(&a, 1);
  um_buf_swap(&a, &b);
  cr_assert_eq(a.len, 0);
  cr_assert_eq(a.max, 10);
  cr_assert_eq(b.max, 20);
  cr_assert_arr_eq(um_buf_head(&b), "bc", 2);
  um_buf_done(&a);
  um_buf_done(&b);
}

static bool holds(const void *p, size_t len, const char *text) {
  for (size_t i = 0; p != NULL && i + strlen(text) <= len; i++)
    if (memcmp((const char *)p + i, text, strlen(text)) == 0)
      return true;
  return false;
}

Test(buf, a_secret_is_wiped_before_its_memory_is_given_to_others) {
  struct um_pool pool = {NULL, 0};
  um_buf_init(&b, 1000, &pool);
  um_buf_append(&b, "secret", 6);
  b.secret = true;
  um_buf_consume(&b, 6);
  cr_assert(holds(b.data, b.cap, "secret"));
  um_buf_release(&b);
  cr_assert_not_null(pool.block);
  cr_assert_not(holds(pool.block, pool.size, "secret"));
  um_buf_append(&b, "public", 6);
  cr_assert_not(b.secret);
  um_buf_done(&b);
  um_pool_done(&pool);
}

Test(buf, a_secret_does_not_stay_behind_when_it_moves) {
  struct um_buf other;
  um_buf_init(&b, 1000, NULL);
  um_buf_init(&other, 1000, NULL);
  um_buf_append(&b, "secret", 6);
  b.secret = true;
  uint8_t *old = b.data;
  cr_assert_not_null(um_buf_reserve(&b, 500)); /* grows: not by realloc */
  cr_assert_neq(b.data, old);
  cr_assert(b.secret);
  um_buf_swap(&b, &other);
  cr_assert_not(b.secret);
  cr_assert(other.secret);
  cr_assert_arr_eq(um_buf_head(&other), "secret", 6);
  um_buf_done(&b);
  um_buf_done(&other);
  cr_assert_not(other.secret);
}
