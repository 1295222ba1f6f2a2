#include "e2e/peer.h"

#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(many);

#define MANY 200
#define AT_ONCE 50 /* within mosquitto's listen backlog of 100 */

static unsigned online(struct peer *const *peers, unsigned n_peers) {
  unsigned n = 0;
  for (unsigned i = 0; i < n_peers; i++)
    n += peers[i]->online;
  return n;
}

static unsigned heard(struct peer *const *peers) {
  unsigned n = 0;
  for (unsigned i = 0; i < MANY; i++)
    n += peers[i]->n_heard > 0;
  return n;
}

static void name(char *ret, size_t size, unsigned i) {
  snprintf(ret, size, "%s/%u", unique("many"), i % MANY);
}

static void connect_all(struct host *h, const struct site *s,
                        struct peer **peers) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT};
  for (unsigned i = 0; i < MANY; i++) {
    peers[i] = peer_new(h, s, &o);
    cr_assert_eq(uvmqtt_connect(peers[i]->m), 0);
    if ((i + 1) % AT_ONCE == 0)
      UNTIL(h, online(peers, i + 1) == i + 1);
  }
}

static void subscribe_all(struct host *h, struct peer **peers) {
  struct outcome o = {0};
  char topic[128];
  for (unsigned i = 0; i < MANY; i++) {
    uvmqtt_subscription_t s = {.filter = topic, .qos = 2};
    name(topic, sizeof topic, i);
    cr_assert_eq(
        uvmqtt_subscribe(peers[i]->m, &s, 1, NULL, 0, outcome_cb, &o, NULL), 0);
  }
  UNTIL(h, o.n == MANY);
}

/* Each to its neighbour. */
static void publish_all(struct host *h, struct peer **peers) {
  struct outcome o = {0};
  char topic[128];
  for (unsigned i = 0; i < MANY; i++) {
    name(topic, sizeof topic, i + 1);
    uvmqtt_message_t m = {.topic = topic,
                          .payload = {topic, strlen(topic)},
                          .qos = (uint8_t)(i % 3)};
    cr_assert_eq(uvmqtt_publish(peers[i]->m, &m, outcome_cb, &o, NULL), 0);
  }
  UNTIL(h, o.n == MANY && heard(peers) == MANY);
}

static void leave_all(struct host *h, struct peer **peers) {
  struct outcome o = {0};
  for (unsigned i = 0; i < MANY; i++)
    cr_assert_eq(uvmqtt_disconnect(peers[i]->m, NULL, outcome_cb, &o), 0);
  UNTIL(h, o.n == MANY);
  cr_assert_eq(o.status, 0);
}

static void two_hundred_clients_share_a_loop(struct host *h,
                                             const struct site *s) {
  struct peer *peers[MANY];
  char topic[128];
  connect_all(h, s, peers);
  subscribe_all(h, peers);
  publish_all(h, peers);
  for (unsigned i = 0; i < MANY; i++) {
    name(topic, sizeof topic, i);
    cr_assert_eq(peers[i]->n_heard, 1);
    cr_assert_str_eq(peers[i]->heard[0].topic, topic);
    cr_assert_str_eq(peers[i]->heard[0].payload, topic);
  }
  leave_all(h, peers);
  for (unsigned i = 0; i < MANY; i++)
    peer_close(peers[i]);
}
TEST_ON(many, two_hundred_clients_share_a_loop, mosquitto_5)
TEST_ON(many, two_hundred_clients_share_a_loop, mosquitto_311)
