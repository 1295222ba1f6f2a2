/* Message Expiry with real servers: theirs and ours. */
#include "e2e/cuttable.h"

#include "support/suite.h"
#include <string.h>

SUITE(expiry);

static void send_expiring(struct peer *p, const char *text, uint32_t seconds,
                          struct outcome *o) {
  uvmqtt_property_t expiry =
      UVMQTT_PROPERTY_NUM(MESSAGE_EXPIRY_INTERVAL, seconds);
  uvmqtt_message_t m = {.topic = unique("news"),
                        .payload = {text, strlen(text)},
                        .qos = 1,
                        .properties = &expiry,
                        .n_properties = 1};
  cr_assert_eq(uvmqtt_publish(p->m, &m, outcome_cb, o, NULL), 0);
}

struct news {
  unsigned n_long, n_short;
  uint32_t left; /* of the last one */
};

static void note_news(struct peer *p, const uvmqtt_message_t *m) {
  const uvmqtt_property_t *found = uvmqtt_property_find(
      m->properties, m->n_properties, UVMQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL);
  struct news *news = p->arg;
  bool is_long = m->payload.len == strlen("long");
  news->n_long += is_long;
  news->n_short += !is_long;
  news->left = found == NULL ? 0 : (uint32_t)found->value.num;
}

/* The short one runs out while its receiver is away, of the long one some is
 * left. */
static void receive_late(struct host *h, const struct site *s,
                         struct news *news) {
  struct cuttable c;
  struct outcome sent = {0};
  struct peer *other = peer_online(h, s, "other");
  cuttable_open(h, s, &c, UVMQTT_SESSION_KEEP);
  c.peer->inspect = note_news;
  c.peer->arg = news;
  cuttable_send_away(&c);
  send_expiring(other, "short", 1, &sent);
  send_expiring(other, "long", 1000, &sent);
  UNTIL(h, sent.n == 2);
  cr_assert_eq(sent.status, 0);
  host_pass(h, 2100); /* the server's clock, which counts seconds */
  cuttable_bring_back(&c);
  UNTIL(h, news->n_long == 1); /* it was behind the short one */
  peer_close(other);
  cuttable_close(&c);
}

/* [MQTT-3.3.2-5/5], [MQTT-3.3.2-6/5] */
static void what_ran_out_at_the_server_does_not_come(struct host *h,
                                                     const struct site *s) {
  struct news news = {0, 0, 0};
  receive_late(h, s, &news);
  if (strcmp(s->name, "ejabberd") == 0 && news.n_short == 1)
    cr_skip_test("ejabberd 23.01 sends what ran out while we were away");
  cr_assert_eq(news.n_short, 0);
  cr_assert_lt(news.left, 1000);
  cr_assert_gt(news.left, 900);
}
TEST_ON_5(expiry, what_ran_out_at_the_server_does_not_come)

/* Also towards 3.1.1, where the server is not told. */
static void what_ran_out_here_is_not_sent(struct host *h,
                                          const struct site *s) {
  struct cuttable c;
  struct outcome expired = {0}, sent = {0};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("cuttable"),
                        .drop_properties = true};
  struct peer *other = peer_online(h, s, "other");
  peer_subscribe(other, unique("#"), 1);
  cuttable_new(h, s, &c, &o);
  peer_connect(c.peer);
  cuttable_send_away(&c);
  send_expiring(c.peer, "short", 1, &expired);
  send_expiring(c.peer, "long", 1000, &sent);
  UNTIL(h, expired.n == 1);
  cr_assert_eq(expired.status, UVMQTT_EEXPIRED);
  cuttable_bring_back(&c);
  UNTIL(h, sent.n == 1);
  peer_hears(other, 0, unique("news"), "long");
  peer_sync(other);
  cr_assert_eq(other->n_heard, 1);
  cuttable_close(&c);
  peer_close(other);
}
TEST_ON_ALL(expiry, what_ran_out_here_is_not_sent)
