#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include "wire/build.h"
#include "wire/differ.h"
#include "wire/player.h"
#include "wire/vectors.h"

#include <stdlib.h>
#include <string.h>

SUITE(decode);

/* xorshift: the same packets on every machine */
static uint64_t state = 88172645463325252u;

static size_t below(size_t n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return n ? (size_t)(state % n) : 0;
}

/* Values that are a limit of something. */
static uint8_t telling_byte(void) {
  static const uint8_t bytes[] = {0,    1,    2,    3,    4,    0x0B, 0x10,
                                  0x1F, 0x26, 0x7F, 0x80, 0x81, 0xC0, 0xED,
                                  0xF4, 0xFF, '+',  '#',  '/',  '$'};
  return below(3) ? bytes[below(sizeof bytes)] : (uint8_t)below(256);
}

static size_t mutate(uint8_t *p, size_t len, size_t max) {
  size_t at = below(len);
  switch (below(4)) {
  case 0:
    p[at] = (uint8_t)(p[at] ^ 1u << below(8));
    break;
  case 1:
    p[at] = telling_byte();
    break;
  case 2:
    if (len < max) {
      memmove(p + at + 1, p + at, len - at);
      p[at] = telling_byte();
      len++;
    }
    break;
  default:
    if (len > 1) {
      memmove(p + at, p + at + 1, len - at - 1);
      len--;
    }
  }
  return len;
}

struct counts {
  int tried, accepted;
};

/* A body of at most 127 bytes, so that its length is one byte. */
static void one_mutant(const struct vector *v, struct counts *c) {
  uint8_t p[130];
  size_t len = v->len - 1;
  p[0] = v->bytes[0];
  memcpy(p + 1, v->bytes + 1, len);
  for (size_t n = below(4); n > 0 && len > 1; n--)
    len = 1 + mutate(p + 2, len - 1, 127);
  if (below(10) == 0)
    p[0] = (uint8_t)(p[0] ^ 1u << below(8));
  p[1] = (uint8_t)(len - 1);
  bool accepted;
  char *wrong =
      differ(p, len + 1, v->version, v->from, VERDICT_ONLY_WHETHER, &accepted);
  cr_expect_null(wrong, "mutant of %s: %s", v->title, wrong);
  free(wrong);
  c->tried++;
  c->accepted += accepted;
}

static void mutants(const struct vector *v, void *arg) {
  if (v->len < 3 || v->len > 120 || v->bytes[1] != v->len - 2)
    return;
  for (int i = 0; i < 100; i++)
    one_mutant(v, arg);
}

Test(decode, agrees_with_the_reference_on_mutated_packets) {
  struct counts c = {0};
  cr_assert_gt(vectors_in(VECTORS, mutants, &c), 100);
  cr_assert_gt(c.tried, 20000);
  /* neither all nothing: the mutants reach behind the first check */
  cr_assert_gt(c.accepted, c.tried / 20);
  cr_assert_lt(c.accepted, c.tried);
}

/* --- limits and memory ----------------------------------------------------*/

static int decode(struct build *b, struct um_scratch *s,
                  struct um_packet *ret) {
  size_t body = 2;
  while (b->bytes[body - 1] & 0x80)
    body++;
  return um_decode((struct um_span){b->bytes, b->len, body}, s, ret);
}

static struct build with_user_properties(int n) {
  struct build properties = {.len = 0};
  for (int i = 0; i < n; i++)
    build_raw(&properties, "\x26\0\1k\0\0", 6);
  return build_with_properties(UVMQTT_PUBLISH, &properties);
}

/* N44 */
Test(decode, counts_properties_against_the_limit) {
  struct um_scratch s = {
      .version = UM_V5, .from = UM_SERVER, .max_properties = 5};
  struct um_packet p;
  struct build five = with_user_properties(5), six = with_user_properties(6);
  cr_assert_eq(decode(&six, &s, &p), UVMQTT_ETOOBIG);
  cr_assert_eq(decode(&five, &s, &p), 0);
  cr_assert_eq(p.n_properties, 5);
  um_scratch_done(&s);
}

Test(decode, counts_connect_and_will_properties_together) {
  struct um_scratch s = {
      .version = UM_V5, .from = UM_CLIENT, .max_properties = 1};
  struct um_packet p;
  struct build will = {.len = 0};
  build_raw(&will, "\x18\0\0\0\1\1\1", 7);
  struct build packet = build_with_properties(0, &will);
  cr_assert_eq(decode(&packet, &s, &p), UVMQTT_ETOOBIG);
  um_scratch_done(&s);
}

/* The array moves while the Will's properties are read. */
Test(decode, keeps_connect_properties_when_the_will_has_many) {
  struct um_scratch s = {.version = UM_V5, .from = UM_CLIENT};
  struct build body = {.len = 0}, packet = {.len = 0}, will = {.len = 0};
  struct um_packet p;
  for (int i = 0; i < 50; i++)
    build_raw(&will, "\x26\0\1k\0\1v", 7);
  build_text(&body, "MQTT");
  build_raw(&body, "\5\6\0\0\3\x21\0\7\0\0", 10);
  build_block(&body, &will);
  build_text(&body, "w");
  build_text(&body, "");
  build_u8(&packet, 0x10);
  build_block(&packet, &body);
  cr_assert_eq(decode(&packet, &s, &p), 0);
  cr_assert_eq(p.n_properties, 1);
  cr_assert_eq(p.properties[0].value.num, 7);
  cr_assert_eq(p.u.connect.will->n_properties, 50);
  cr_assert_str_eq(p.u.connect.will->properties[49].value.pair.value, "v");
  um_scratch_done(&s);
}

Test(decode, allocates_nothing_once_its_scratch_has_grown) {
  struct um_scratch s = {.version = UM_V5, .from = UM_SERVER};
  struct um_packet p;
  struct build first = with_user_properties(20);
  cr_assert_eq(decode(&first, &s, &p), 0);
  um_alloc_fail_at(1, true);
  struct build second = with_user_properties(20);
  cr_assert_eq(decode(&second, &s, &p), 0);
  cr_assert_eq(um_alloc_calls(), 0);
  um_alloc_fail_at(0, false);
  um_scratch_done(&s);
}

static void each_allocation_fails(const struct vector *v, void *arg) {
  struct player player = {v->version, v->from, v->limit, v->len / 2};
  int *injected = arg;
  for (uint64_t n = 1;; n++) {
    struct um_buf again;
    um_buf_init(&again, SIZE_MAX, NULL);
    um_alloc_fail_at(n, n % 2);
    char *trace = player_trace(&player, v->bytes, v->len, &again);
    bool reached = um_alloc_calls() >= n;
    um_alloc_fail_at(0, false);
    if (reached)
      cr_expect(strstr(trace, "error ENOMEM\n"), "%s:%d: %s at %d: %s", v->file,
                v->line, v->title, (int)n, trace);
    else
      cr_expect_str_eq(trace, v->expect);
    *injected += reached;
    free(trace);
    um_buf_done(&again);
    if (!reached)
      break;
  }
}

/* Frame, decode and encode, cut in the middle so that the frame keeps a
 * fragment, too. */
Test(decode, says_so_when_memory_is_out_at_any_point) {
  int injected = 0;
  cr_assert_gt(vectors_in(VECTORS, each_allocation_fails, &injected), 100);
  cr_assert_gt(injected, 500);
}

Test(decode, of_many_filters_grows_its_scratch) {
  struct um_scratch s = {.version = UM_V311, .from = UM_CLIENT};
  struct build body = {.len = 0}, packet = {.len = 0};
  struct um_packet p;
  build_raw(&body, "\0\1", 2);
  for (int i = 0; i < 100; i++) {
    build_text(&body, i % 2 ? "a/b" : "c/#");
    build_u8(&body, (unsigned)i % 3);
  }
  build_u8(&packet, 0x82);
  build_block(&packet, &body);
  cr_assert_eq(decode(&packet, &s, &p), 0);
  cr_assert_eq(p.u.subscribe.n, 100);
  cr_assert_str_eq(p.u.subscribe.filters[0].filter, "c/#");
  cr_assert_str_eq(p.u.subscribe.filters[99].filter, "a/b");
  um_scratch_done(&s);
}
