#include "support/suite.h"
#include "wire/player.h"
#include "wire/vectors.h"

#include <stdlib.h>
#include <string.h>

SUITE(vectors);

static int played;

static void compare(const struct vector *v, const char *how, size_t cut,
                    const char *trace) {
  cr_expect_str_eq(trace, v->expect,
                   "\n%s:%d: %s\nversion %d from %s, %s %zu of %zu\n"
                   "expected\n%sgot\n%s",
                   v->file, v->line, v->title, v->version,
                   v->from == UM_SERVER ? "server" : "client", how, cut, v->len,
                   v->expect, trace);
}

static void play(const struct vector *v, const char *how, size_t cut) {
  struct player p = {v->version, v->from, v->limit, cut};
  char *trace = player_trace(&p, v->bytes, v->len, NULL);
  compare(v, how, cut, trace);
  free(trace);
}

/* Every split of the long ones would take minutes: the first and last bytes,
 * and a step between. */
static size_t next_cut(size_t cut, size_t len) {
  return cut < 300 || cut + 300 > len ? cut + 1 : cut + 997;
}

static void whole(const struct vector *v, void *arg) {
  (void)arg;
  play(v, "whole", 0);
  played++;
}

static void byte_by_byte(const struct vector *v, void *arg) {
  (void)arg;
  play(v, "byte by byte", SIZE_MAX);
}

static void split(const struct vector *v, void *arg) {
  (void)arg;
  for (size_t cut = 1; cut < v->len; cut = next_cut(cut, v->len))
    play(v, "split at", cut);
}

static void encode_again(const struct vector *v, void *arg) {
  (void)arg;
  struct player p = {v->version, v->from, v->limit, 0};
  struct um_buf first, second;
  um_buf_init(&first, SIZE_MAX, NULL);
  um_buf_init(&second, SIZE_MAX, NULL);
  char *trace = player_trace(&p, v->bytes, v->len, &first);
  free(trace);
  if (!strstr(v->expect, "error") && !strstr(v->expect, "partial")) {
    bool same = first.len == v->len &&
                memcmp(um_buf_head(&first), v->bytes, v->len) == 0;
    cr_expect_eq(same, v->canonical, "%s:%d: %s", v->file, v->line, v->title);
    /* what we wrote ourselves reads the same */
    trace = player_trace(&p, um_buf_head(&first), first.len, &second);
    compare(v, "again", 0, trace);
    cr_assert_eq(first.len, second.len);
    cr_assert_arr_eq(um_buf_head(&first), um_buf_head(&second), first.len);
    free(trace);
  }
  um_buf_done(&first);
  um_buf_done(&second);
}

Test(vectors, come_out_as_written_when_fed_whole) {
  int n = vectors_in(VECTORS, whole, NULL);
  cr_assert_gt(n, 100);
  cr_assert_eq(n, played);
}

Test(vectors, come_out_the_same_byte_by_byte) {
  cr_assert_gt(vectors_in(VECTORS, byte_by_byte, NULL), 100);
}

Test(vectors, come_out_the_same_split_anywhere) {
  cr_assert_gt(vectors_in(VECTORS, split, NULL), 100);
}

Test(vectors, that_are_valid_encode_to_the_same_bytes) {
  cr_assert_gt(vectors_in(VECTORS, encode_again, NULL), 100);
}
