#include "e2e/ledger.h"

#include "support/suite.h"
#include <string.h>

SUITE(exchange);

/* Every byte value, NUL among them. */
#define BIG (100u * 1024)
static char big[BIG];

static void fill_big(void) {
  for (size_t i = 0; i < BIG; i++)
    big[i] = (char)(i * 31 + i / 256);
}

static void returns_every_payload_unchanged_at_every_qos(struct host *h,
                                                         const struct site *s) {
  static const size_t lengths[] = {0, 1, BIG};
  struct peer *p = peer_online(h, s, "payload");
  fill_big();
  peer_subscribe(p, unique("#"), 2);
  for (uint8_t qos = 0; qos <= 2; qos++)
    for (size_t i = 0; i < 3; i++) {
      uvmqtt_message_t m = {
          .topic = unique("payload"), .payload = {big, lengths[i]}, .qos = qos};
      size_t n = qos * 3u + i;
      peer_send(p, &m);
      UNTIL(h, p->n_heard > n);
      cr_assert_str_eq(p->heard[n].topic, unique("payload"));
      cr_assert_eq(p->heard[n].len, lengths[i]);
      cr_assert_eq(memcmp(p->heard[n].payload, big, lengths[i]), 0);
      cr_assert_eq(p->heard[n].qos, qos);
    }
  peer_sync(p);
  cr_assert_eq(p->n_heard, 9);
  peer_leave(p);
  peer_close(p);
}
TEST_ON_ALL(exchange, returns_every_payload_unchanged_at_every_qos)

/* The server may use less than the message has, never more than the
 * subscription allows. */
static void gets_no_more_than_the_qos_it_subscribed_with(struct host *h,
                                                         const struct site *s) {
  struct peer *p = peer_online(h, s, "lower");
  for (uint8_t granted = 0; granted <= 2; granted++) {
    peer_subscribe(p, unique("lower"), granted);
    for (uint8_t qos = 0; qos <= 2; qos++) {
      size_t n = p->n_heard;
      peer_publish(p, unique("lower"), "x", qos);
      cr_assert_eq(peer_hears(p, n, unique("lower"), "x")->qos,
                   qos < granted ? qos : granted);
    }
  }
  peer_leave(p);
  peer_close(p);
}
TEST_ON_ALL(exchange, gets_no_more_than_the_qos_it_subscribed_with)

static void set_retained(struct peer *p, const char *text) {
  uvmqtt_message_t m = {.topic = unique("kept/0"),
                        .payload = {text, strlen(text)},
                        .qos = 1,
                        .retain = true};
  peer_send(p, &m);
}

static void
late_comers_get_the_retained_message_until_it_is_cleared(struct host *h,
                                                         const struct site *s) {
  struct peer *p = peer_online(h, s, "keeper");
  set_retained(p, "old");
  set_retained(p, "new");
  struct peer *late = peer_online(h, s, "late");
  peer_subscribe(late, unique("#"), 1);
  cr_assert(peer_hears(late, 0, unique("kept/0"), "new")->retain);
  set_retained(p, "");
  cr_assert_not(peer_hears(late, 1, unique("kept/0"), "")->retain);
  struct peer *later = peer_online(h, s, "later");
  peer_subscribe(later, unique("#"), 1);
  peer_sync(later);
  cr_assert_eq(later->n_heard, 0);
  peer_close(p);
  peer_close(late);
  peer_close(later);
}
TEST_ON_ALL(exchange, late_comers_get_the_retained_message_until_it_is_cleared)

static void hears_nothing_more_after_unsubscribe(struct host *h,
                                                 const struct site *s) {
  struct peer *p = peer_online(h, s, "unsub");
  peer_subscribe(p, unique("sync"), 1);
  peer_subscribe(p, unique("news/+"), 2);
  peer_publish(p, unique("news/1"), "first", 2);
  peer_hears(p, 0, unique("news/1"), "first");
  peer_unsubscribe(p, unique("news/+"));
  for (uint8_t qos = 0; qos <= 2; qos++)
    peer_publish(p, unique("news/1"), "second", qos);
  peer_sync(p);
  cr_assert_eq(p->n_heard, 1);
  peer_close(p);
}
TEST_ON_ALL(exchange, hears_nothing_more_after_unsubscribe)

/* Ten of each QoS at once: in order within a QoS, each once. */
static void keeps_the_order_of_a_burst(struct host *h, const struct site *s) {
  static const char digits[] = "0123456789";
  struct outcome o = {0};
  struct peer *p = peer_online(h, s, "burst");
  peer_subscribe(p, unique("#"), 2);
  for (unsigned i = 0; i < 30; i++) {
    uvmqtt_message_t m = {.topic = unique("burst"),
                          .payload = {digits + i / 3, 1},
                          .qos = (uint8_t)(i % 3)};
    cr_assert_eq(uvmqtt_publish(p->m, &m, outcome_cb, &o, NULL), 0);
  }
  UNTIL(h, o.n == 30 && p->n_heard == 30);
  unsigned seen[3] = {0};
  for (unsigned i = 0; i < 30; i++)
    cr_assert_eq(p->heard[i].payload[0], digits[seen[p->heard[i].qos]++]);
  peer_close(p);
}
TEST_ON_ALL(exchange, keeps_the_order_of_a_burst)

#define BURST 300 /* of each QoS; more than any broker has in flight */

/* What a server cannot take at once must wait with us. */
static void loses_nothing_of_a_long_burst(struct host *h,
                                          const struct site *s) {
  struct ledger l;
  struct peer *p = peer_online(h, s, "long");
  unsigned disconnects = p->disconnects; /* the fall-back is one */
  peer_subscribe(p, unique("long"), 2);
  ledger_open(&l, unique("long"), BURST);
  ledger_receive(&l, p);
  ledger_publish(&l, p);
  UNTIL(h, l.completed >= 2 * BURST && l.arrived[1] == BURST &&
               l.arrived[2] == BURST);
  ledger_expect_completed(&l);
  ledger_expect_received(&l);
  cr_assert_eq(p->disconnects, disconnects, "%s",
               uvmqtt_strerror(p->error.code));
  ledger_close(&l);
  peer_close(p);
}
TEST_ON_ALL(exchange, loses_nothing_of_a_long_burst)

#define EXPIRY 3600u

static const uvmqtt_property_t *only(const uvmqtt_message_t *m,
                                     uvmqtt_property_id_t id) {
  const uvmqtt_property_t *p =
      uvmqtt_property_find(m->properties, m->n_properties, id);
  cr_assert_not_null(p, "no %s", uvmqtt_property_name(id));
  return p;
}

static void expect_user_properties(const uvmqtt_message_t *m) {
  static const char *const pairs[][2] = {{"k", "1"}, {"k", "2"}, {"", "ü"}};
  size_t n = 0;
  for (size_t i = 0; i < m->n_properties; i++) {
    const uvmqtt_property_t *p = &m->properties[i];
    if (p->id != UVMQTT_PROPERTY_USER_PROPERTY)
      continue;
    cr_assert_lt(n, 3);
    cr_assert_str_eq(p->value.pair.key, pairs[n][0]);
    cr_assert_str_eq(p->value.pair.value, pairs[n][1]);
    n++;
  }
  cr_assert_eq(n, 3);
}

static void expect_properties(struct peer *p, const uvmqtt_message_t *m) {
  unsigned *n = p->arg;
  (*n)++;
  cr_assert_eq(only(m, UVMQTT_PROPERTY_PAYLOAD_FORMAT_INDICATOR)->value.num, 1);
  cr_assert_str_eq(only(m, UVMQTT_PROPERTY_CONTENT_TYPE)->value.str, "text/x");
  cr_assert_str_eq(only(m, UVMQTT_PROPERTY_RESPONSE_TOPIC)->value.str, "re/x");
  uvmqtt_bytes_t data = only(m, UVMQTT_PROPERTY_CORRELATION_DATA)->value.bin;
  cr_assert(data.len == 3 && memcmp(data.data, "\0\1\2", 3) == 0);
  /* what remains of it when the server sends it on */
  uint32_t left = only(m, UVMQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL)->value.num;
  cr_assert(left <= EXPIRY && left > EXPIRY - 60, "%u s left", left);
  expect_user_properties(m);
}

static void properties_of_a_publish_come_back(struct host *h,
                                              const struct site *s) {
  uvmqtt_property_t properties[] = {
      UVMQTT_PROPERTY_NUM(PAYLOAD_FORMAT_INDICATOR, 1),
      UVMQTT_CONTENT_TYPE("text/x"),
      UVMQTT_RESPONSE_TOPIC("re/x"),
      UVMQTT_CORRELATION_DATA("\0\1\2", 3),
      UVMQTT_MESSAGE_EXPIRY(EXPIRY),
      UVMQTT_USER_PROPERTY("k", "1"),
      UVMQTT_USER_PROPERTY("k", "2"),
      UVMQTT_USER_PROPERTY("", "ü"),
  };
  unsigned n = 0;
  struct peer *p = peer_online(h, s, "properties");
  p->inspect = expect_properties;
  p->arg = &n;
  peer_subscribe(p, unique("properties"), 2);
  for (uint8_t qos = 0; qos <= 2; qos++) {
    uvmqtt_message_t m = {.topic = unique("properties"),
                          .payload = {"text", 4},
                          .qos = qos,
                          .properties = properties,
                          .n_properties = 8};
    peer_send(p, &m);
  }
  UNTIL(h, n == 3);
  peer_close(p);
}
TEST_ON_5(exchange, properties_of_a_publish_come_back)

static void expect_identifier(struct peer *p, const uvmqtt_message_t *m) {
  unsigned *n = p->arg;
  (*n)++;
  cr_assert_eq(only(m, UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER)->value.num,
               268435455u);
}

static void
the_subscription_identifier_comes_with_the_message(struct host *h,
                                                   const struct site *s) {
  uvmqtt_property_t id =
      UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, 268435455u);
  uvmqtt_subscription_t filter = {.filter = unique("id"), .qos = 1};
  struct outcome o = {0};
  unsigned n = 0;
  struct peer *p = peer_online(h, s, "id");
  p->inspect = expect_identifier;
  p->arg = &n;
  cr_assert_eq(uvmqtt_subscribe(p->m, &filter, 1, &id, 1, outcome_cb, &o, NULL),
               0);
  UNTIL(h, o.n == 1);
  cr_assert_eq(o.status, 0);
  peer_publish(p, unique("id"), "x", 1);
  UNTIL(h, n == 1);
  peer_close(p);
}
TEST_ON_5(exchange, the_subscription_identifier_comes_with_the_message)

static void no_local_keeps_our_own_messages_away(struct host *h,
                                                 const struct site *s) {
  uvmqtt_subscription_t filter = {
      .filter = unique("local"), .qos = 1, .no_local = true};
  struct outcome o = {0};
  struct peer *p = peer_online(h, s, "local");
  peer_subscribe(p, unique("sync"), 1);
  cr_assert_eq(
      uvmqtt_subscribe(p->m, &filter, 1, NULL, 0, outcome_cb, &o, NULL), 0);
  UNTIL(h, o.n == 1);
  peer_publish(p, unique("local"), "x", 1);
  peer_sync(p);
  cr_assert_eq(p->n_heard, 0);
  peer_close(p);
}
TEST_ON_5(exchange, no_local_keeps_our_own_messages_away)

/* A 3.1.1 link has no room for properties: said, unless told otherwise. */
static void properties_do_not_fit_into_311(struct host *h,
                                           const struct site *s) {
  uvmqtt_property_t property = UVMQTT_USER_PROPERTY("k", "v");
  uvmqtt_message_t m = {.topic = unique("fit"),
                        .payload = {"x", 1},
                        .qos = 1,
                        .properties = &property,
                        .n_properties = 1};
  struct outcome o = {0};
  struct peer *p = peer_online(h, s, "fit");
  cr_assert_eq(uvmqtt_publish(p->m, &m, outcome_cb, &o, NULL), 0);
  UNTIL(h, o.n == 1);
  cr_assert_eq(o.status, UVMQTT_ENOTSUP);
  peer_close(p);
}
TEST_ON(exchange, properties_do_not_fit_into_311, mosquitto_311)
TEST_ON(exchange, properties_do_not_fit_into_311, ejabberd_311)
TEST_ON(exchange, properties_do_not_fit_into_311, aedes)
