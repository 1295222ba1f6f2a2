#include "session/alias.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(alias);

/* ---- inbound ---- */

struct arrival {
  struct um_scratch scratch;
  struct um_packet packet;
};

/* A PUBLISH as decoded, its properties in the scratch. */
static void arrive(struct arrival *a, const char *topic,
                   const uvmqtt_property_t *p, size_t n) {
  memset(a, 0, sizeof *a);
  if (n != 0) {
    a->scratch.properties = um_malloc(n * sizeof *p);
    memcpy(a->scratch.properties, p, n * sizeof *p);
  }
  a->packet = (struct um_packet){.type = UVMQTT_PUBLISH,
                                 .properties = a->scratch.properties,
                                 .n_properties = n};
  a->packet.u.publish.topic = topic;
  a->packet.u.publish.topic_len = strlen(topic);
}

/* The topic meant, "" after an error, which is then in *ret_err. */
static const char *resolved(struct um_alias_in *in, const char *topic,
                            uint32_t alias, int *ret_err) {
  struct arrival a;
  uvmqtt_property_t p = UVMQTT_PROPERTY_NUM(TOPIC_ALIAS, alias);
  arrive(&a, topic, &p, 1);
  *ret_err = um_alias_in_resolve(in, &a.scratch, &a.packet);
  const char *ret = *ret_err == 0 ? a.packet.u.publish.topic : "";
  cr_assert(*ret_err != 0 || a.packet.u.publish.topic_len == strlen(ret));
  um_scratch_done(&a.scratch);
  return ret;
}

static void expect_topic(struct um_alias_in *in, const char *topic,
                         uint32_t alias, const char *want) {
  int err;
  cr_assert_str_eq(resolved(in, topic, alias, &err), want);
  cr_assert_eq(err, 0);
}

static void expect_error(struct um_alias_in *in, const char *topic,
                         uint32_t alias, int want) {
  int err;
  resolved(in, topic, alias, &err);
  cr_assert_eq(err, want);
}

/* [MQTT-3.3.2-8/5], [MQTT-3.3.2-10/5] */
Test(alias, takes_each_alias_up_to_the_one_announced) {
  static const uint16_t maxima[] = {1, 2, 8, 9, 100, 65535};
  for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
    struct um_alias_in in = {0};
    um_alias_in_open(&in, maxima[i]);
    expect_topic(&in, "last", maxima[i], "last");
    expect_topic(&in, "", maxima[i], "last");
    expect_topic(&in, "one", 1, "one");
    expect_topic(&in, "", 1, "one");
    expect_error(&in, "x", 0, UVMQTT_ETOPICALIAS);
    expect_error(&in, "x", maxima[i] + 1u, UVMQTT_ETOPICALIAS);
    expect_error(&in, "", maxima[i] + 1u, UVMQTT_ETOPICALIAS);
    um_alias_in_close(&in);
  }
}

Test(alias, knows_none_when_none_was_announced) {
  struct um_alias_in in = {0};
  expect_error(&in, "x", 1, UVMQTT_ETOPICALIAS);
  um_alias_in_open(&in, 0);
  expect_error(&in, "x", 1, UVMQTT_ETOPICALIAS);
}

/* [MQTT-3.3.2-7/5] */
Test(alias, forgets_inbound_topics_with_the_connection) {
  struct um_alias_in in = {0};
  um_alias_in_open(&in, 5);
  expect_topic(&in, "x", 5, "x");
  expect_error(&in, "", 4, UVMQTT_EPROTOCOL);
  um_alias_in_open(&in, 5);
  expect_error(&in, "", 5, UVMQTT_EPROTOCOL);
  um_alias_in_close(&in);
}

Test(alias, takes_the_property_out_and_leaves_the_others_in_order) {
  const uvmqtt_property_t all[] = {
      UVMQTT_USER_PROPERTY("a", "1"), UVMQTT_CONTENT_TYPE("t"),
      UVMQTT_PROPERTY_NUM(TOPIC_ALIAS, 1), UVMQTT_USER_PROPERTY("a", "2"),
      UVMQTT_USER_PROPERTY("b", "3")};
  struct um_alias_in in = {0};
  struct arrival a;
  um_alias_in_open(&in, 1);
  arrive(&a, "x", all, 5);
  cr_assert_eq(um_alias_in_resolve(&in, &a.scratch, &a.packet), 0);
  cr_assert_eq(a.packet.n_properties, 4);
  const uvmqtt_property_t *p = a.packet.properties;
  cr_assert_str_eq(p[0].value.pair.value, "1");
  cr_assert_str_eq(p[1].value.str, "t");
  cr_assert_str_eq(p[2].value.pair.value, "2");
  cr_assert_str_eq(p[3].value.pair.value, "3");
  um_scratch_done(&a.scratch);
  um_alias_in_close(&in);
}

Test(alias, leaves_a_message_without_alias_alone) {
  const uvmqtt_property_t p = UVMQTT_CONTENT_TYPE("t");
  struct um_alias_in in = {0};
  struct arrival a;
  arrive(&a, "x", &p, 1);
  cr_assert_eq(um_alias_in_resolve(&in, &a.scratch, &a.packet), 0);
  cr_assert_eq(a.packet.n_properties, 1);
  cr_assert_str_eq(a.packet.u.publish.topic, "x");
  um_scratch_done(&a.scratch);
}

/* N35: what is allocated stays below max times 64 KiB, and a topic that fits
 * where another was allocates nothing. */
Test(alias, holds_no_more_than_one_topic_for_each_alias) {
  struct um_alias_in in = {0};
  char *topic = malloc(65536);
  um_alias_in_open(&in, 2);
  for (unsigned i = 0; i < 1000; i++) {
    size_t len = 1 + i * 65534 / 999;
    memset(topic, 'a' + (int)(i % 26), len);
    topic[len] = '\0';
    expect_topic(&in, topic, 1 + i % 2, topic);
  }
  cr_assert_eq(in.n, 2);
  cr_assert_leq(in.topics[0].cap, 65536);
  cr_assert_leq(in.topics[1].cap, 65536);
  struct arrival a;
  uvmqtt_property_t p = UVMQTT_PROPERTY_NUM(TOPIC_ALIAS, 1);
  p.value.num = 2;
  arrive(&a, topic, &p, 1);
  um_alloc_fail_at(0, false);
  cr_assert_eq(um_alias_in_resolve(&in, &a.scratch, &a.packet), 0);
  cr_assert_eq(um_alloc_calls(), 0);
  um_scratch_done(&a.scratch);
  free(topic);
  um_alias_in_close(&in);
}

Test(alias, says_when_there_is_no_memory_for_a_topic) {
  for (uint64_t n = 1; n <= 2; n++) {
    struct um_alias_in in = {0};
    struct arrival a;
    uvmqtt_property_t p = UVMQTT_PROPERTY_NUM(TOPIC_ALIAS, 3);
    um_alias_in_open(&in, 5);
    arrive(&a, "x", &p, 1);
    um_alloc_fail_at(n, false);
    cr_assert_eq(um_alias_in_resolve(&in, &a.scratch, &a.packet), UM_ENOMEM);
    um_alloc_fail_at(0, false);
    um_scratch_done(&a.scratch);
    expect_error(&in, "", 3, UVMQTT_EPROTOCOL);
    um_alias_in_close(&in);
  }
}

/* ---- outbound ---- */

/* What the server makes of it: it knows one topic for each alias. */
struct server {
  struct um_alias_out out;
  char topic[65536][24];
  size_t sent, full; /* bytes of topics and aliases, and without aliases */
};

static struct server *server_new(uint16_t max) {
  struct server *s = calloc(1, sizeof *s);
  um_alias_out_open(&s->out, max);
  return s;
}

static void server_free(struct server *s) {
  um_alias_out_close(&s->out);
  free(s);
}

static struct um_packet message(const char *topic) {
  struct um_packet p = {.type = UVMQTT_PUBLISH};
  p.u.publish = (struct um_publish){.topic = topic, .topic_len = strlen(topic)};
  return p;
}

/* The alias used, 0 when none; asserts that the server would understand. */
static uint32_t sent(struct server *s, const char *topic) {
  struct um_packet p = message(topic);
  struct um_aliased a;
  s->full += strlen(topic);
  if (!um_alias_out_apply(&s->out, UM_V5, SIZE_MAX, &p, &a)) {
    s->sent += strlen(topic);
    return 0;
  }
  um_alias_out_sent(&s->out, &a);
  const uvmqtt_property_t *alias = uvmqtt_property_find(
      a.packet.properties, a.packet.n_properties, UVMQTT_PROPERTY_TOPIC_ALIAS);
  uint32_t i = alias->value.num;
  cr_assert(i >= 1 && i <= s->out.max);
  s->sent += 3 + a.packet.u.publish.topic_len;
  if (a.packet.u.publish.topic_len == 0)
    cr_assert_str_eq(s->topic[i], topic);
  else
    snprintf(s->topic[i], sizeof s->topic[i], "%s", a.packet.u.publish.topic);
  return i;
}

static const char *numbered(unsigned i) {
  static char memory[4][24];
  static unsigned next;
  char *ret = memory[next++ % 4];
  snprintf(ret, sizeof memory[0], "plant/hall/sensor/%05u", i % 100000);
  return ret;
}

/* [MQTT-3.2.2-17/5], [MQTT-3.3.2-9/5]: `sent` asserts it each time */
Test(alias, names_the_right_topic_whatever_the_order) {
  static const uint16_t maxima[] = {1, 2, 3, 10, 64, 1000};
  unsigned seed = 7;
  for (size_t m = 0; m < sizeof maxima / sizeof maxima[0]; m++) {
    struct server *s = server_new(maxima[m]);
    for (unsigned i = 0; i < 20000; i++) {
      seed = seed * 1103515245u + 12345u;
      unsigned r = seed >> 8;
      sent(s, numbered(r % 3 == 0 ? r / 3 % 5000 : r / 3 % 40));
    }
    cr_assert_eq(s->out.table->n, maxima[m]);
    server_free(s);
  }
}

/* [MQTT-3.2.2-18/5] */
Test(alias, gives_none_where_none_are_allowed) {
  struct server *s = server_new(0);
  um_alloc_fail_at(0, false);
  for (int i = 0; i < 10; i++)
    cr_assert_eq(sent(s, "a/long/topic"), 0);
  cr_assert_eq(um_alloc_calls(), 0);
  server_free(s);
}

Test(alias, saves_nearly_all_of_few_topics) {
  struct server *s = server_new(64);
  for (unsigned i = 0; i < 6400; i++)
    sent(s, numbered(i % 64));
  cr_assert_lt(s->sent, s->full / 6, "%zu of %zu", s->sent, s->full);
  server_free(s);
}

/* The trap of a plain least-recently-used order: a round that is a little
 * longer than the table turns over all of it. */
Test(alias, saves_something_of_a_round_that_is_too_long) {
  struct server *s = server_new(64);
  for (unsigned i = 0; i < 100 * 200; i++)
    sent(s, numbered(i % 100));
  cr_assert_lt(s->sent, s->full / 2, "%zu of %zu", s->sent, s->full);
  server_free(s);
}

Test(alias, costs_next_to_nothing_when_nothing_comes_twice) {
  struct server *s = server_new(64);
  for (unsigned i = 0; i < 50000; i++)
    sent(s, numbered(i));
  cr_assert_leq(s->sent, s->full + 3 * 5, "%zu of %zu", s->sent, s->full);
  server_free(s);
}

Test(alias, follows_when_the_topics_change) {
  struct server *s = server_new(10);
  for (unsigned i = 0; i < 1000; i++)
    sent(s, numbered(i % 10));
  for (unsigned i = 0; i < 300; i++)
    sent(s, numbered(100 + i % 10));
  s->sent = s->full = 0;
  for (unsigned i = 0; i < 1000; i++)
    sent(s, numbered(100 + i % 10));
  cr_assert_lt(s->sent, s->full / 6, "%zu of %zu", s->sent, s->full);
  server_free(s);
}

/* A topic that is used all the time outlives any number of rare ones. */
Test(alias, keeps_what_is_used) {
  struct server *s = server_new(2);
  sent(s, "the/busy/topic");
  uint32_t alias = sent(s, "the/busy/topic");
  cr_assert_neq(alias, 0);
  for (unsigned i = 0; i < 3000; i++) {
    cr_assert_eq(sent(s, "the/busy/topic"), alias);
    sent(s, numbered(i / 3));
  }
  server_free(s);
}

Test(alias, allocates_nothing_in_steady_state) {
  struct server *s = server_new(10);
  for (unsigned i = 0; i < 5000; i++)
    sent(s, numbered(i % 15));
  um_alloc_fail_at(0, false);
  for (unsigned i = 0; i < 5000; i++)
    sent(s, numbered(i % 15));
  cr_assert_eq(um_alloc_calls(), 0);
  server_free(s);
}

/* [MQTT-3.3.2-7/5] */
Test(alias, begins_anew_with_each_connection) {
  struct server *s = server_new(10);
  for (int i = 0; i < 3; i++)
    sent(s, "a/long/topic");
  um_alias_out_open(&s->out, 10);
  cr_assert_eq(sent(s, "a/long/topic"), 0);
  cr_assert_eq(sent(s, "a/long/topic"), 1);
  server_free(s);
}

/* An assignment that was not sent after all is none. */
Test(alias, is_given_only_when_it_was_sent) {
  struct server *s = server_new(10);
  struct um_packet p = message("a/long/topic");
  struct um_aliased a;
  sent(s, "a/long/topic");
  for (int i = 0; i < 5; i++) {
    cr_assert(um_alias_out_apply(&s->out, UM_V5, SIZE_MAX, &p, &a));
    cr_assert_not(a.known);
    cr_assert_eq(a.packet.u.publish.topic_len, p.u.publish.topic_len);
  }
  cr_assert_eq(s->out.table->n, 0);
  um_alias_out_sent(&s->out, &a);
  strcpy(s->topic[1], "a/long/topic");
  cr_assert_eq(sent(s, "a/long/topic"), 1);
  server_free(s);
}

/* [MQTT-3.2.2-15/5] */
Test(alias, is_not_given_when_the_packet_became_too_large) {
  struct server *s = server_new(10);
  struct um_packet p = message("a/long/topic");
  struct um_aliased a;
  size_t full = um_encoded_size(UM_V5, &p);
  sent(s, "a/long/topic");
  cr_assert_not(um_alias_out_apply(&s->out, UM_V5, full + 2, &p, &a));
  cr_assert(um_alias_out_apply(&s->out, UM_V5, full + 3, &p, &a));
  cr_assert_eq(um_encoded_size(UM_V5, &a.packet), full + 3);
  server_free(s);
}

Test(alias, is_left_out_of_what_is_sent_again) {
  struct server *s = server_new(10);
  struct um_packet p = message("a/long/topic");
  struct um_aliased a;
  for (int i = 0; i < 3; i++)
    sent(s, "a/long/topic");
  p.u.publish.dup = true;
  cr_assert_not(um_alias_out_apply(&s->out, UM_V5, SIZE_MAX, &p, &a));
  server_free(s);
}

/* Without memory messages go out with their topic; later it works again. */
Test(alias, is_done_without_when_there_is_no_memory) {
  for (uint64_t n = 1; n <= 4; n++) {
    struct server *s = server_new(10);
    um_alloc_fail_at(n, true);
    for (int i = 0; i < 3; i++)
      cr_assert_eq(sent(s, "a/long/topic"), 0);
    um_alloc_fail_at(0, false);
    sent(s, "a/long/topic");
    cr_assert_eq(sent(s, "a/long/topic"), 1);
    server_free(s);
  }
}

/* Topics that differ in one place, be it the first or the last, do not end up
 * in few buckets. */
Test(alias, spreads_similar_topics) {
  for (size_t at = 0; at < 20; at++) {
    struct server *s = server_new(64);
    char topic[24] = "aaaaaaaaaaaaaaaaaaaa";
    for (unsigned i = 0; i < 64; i++) {
      topic[at] = (char)(0x30 + i);
      sent(s, topic);
      sent(s, topic);
    }
    unsigned used = 0;
    for (size_t i = 0; i <= s->out.table->mask; i++)
      used += s->out.table->buckets[i] != 0;
    cr_assert_gt(used, 35, "place %zu: %u of 64", at, used);
    server_free(s);
  }
}
