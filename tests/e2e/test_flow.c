/* Receive Maximum 1, in both directions, with real servers. */
#include "e2e/peer.h"

#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(flow);

#define MESSAGES 30

static void text_of(unsigned i, char text[10]) {
  snprintf(text, 10, "%u", i);
}

/* ---- towards us ---- */

struct waiting {
  unsigned open, heard, most;
  uint64_t token;
};

static void hold(struct peer *p, const uvmqtt_message_t *m) {
  struct waiting *w = p->arg;
  char text[10];
  text_of(w->heard, text);
  cr_assert_eq(m->payload.len, strlen(text));
  cr_assert_arr_eq(m->payload.data, text, m->payload.len);
  w->heard++;
  w->open++;
  if (w->open > w->most)
    w->most = w->open;
  w->token = m->token;
}

static void publish_numbers(struct peer *p, uint8_t qos) {
  char text[10];
  for (unsigned i = 0; i < MESSAGES; i++) {
    text_of(i, text);
    peer_publish(p, unique("flow"), text, qos);
  }
}

static void receive_one_at_a_time(struct host *h, const struct site *s,
                                  uint8_t qos) {
  struct waiting w = {0};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("narrow"),
                        .receive_maximum = 1, .manual_ack = true};
  struct peer *other = peer_online(h, s, "other");
  struct peer *p = peer_new(h, s, &o);
  p->inspect = hold;
  p->arg = &w;
  peer_connect(p);
  peer_subscribe(p, unique("flow"), qos);
  publish_numbers(other, qos);
  for (unsigned i = 1; i <= MESSAGES; i++) {
    UNTIL(h, w.heard >= i);
    w.open--;
    cr_assert_eq(uvmqtt_ack(p->m, w.token, 0), 0);
  }
  cr_assert_eq(w.most, 1);
  cr_assert_eq(p->disconnects, 0);
  peer_close(p);
  peer_close(other);
}

/* [MQTT-3.3.4-9/5] */
static void the_server_sends_one_at_a_time(struct host *h,
                                           const struct site *s) {
  receive_one_at_a_time(h, s, 1);
  receive_one_at_a_time(h, s, 2);
}
TEST_ON_5(flow, the_server_sends_one_at_a_time)

/* ---- towards the server ---- */

static void count_done(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  unsigned *done = arg;
  (void)m;
  cr_assert_eq(result->status, 0, "%s", uvmqtt_err_name(result->status));
  ++*done;
}

/* Looked at between the turns of the loop. */
static bool all_done(const struct peer *p, unsigned done, uint64_t *most) {
  uvmqtt_stats_t stats = {.size = sizeof stats};
  cr_assert_eq(uvmqtt_get_stats(p->m, &stats), 0);
  if (stats.inflight > *most)
    *most = stats.inflight;
  return done == MESSAGES && p->n_heard == MESSAGES;
}

/* QoS 1 and 2 by turns. */
static void send_one_at_a_time(struct peer *p) {
  unsigned done = 0, disconnects = p->disconnects;
  uint64_t most = 0;
  char text[10];
  peer_subscribe(p, unique("flow"), 0);
  for (unsigned i = 0; i < MESSAGES; i++) {
    text_of(i, text);
    uvmqtt_message_t m = {.topic = unique("flow"),
                          .payload = {text, strlen(text)},
                          .qos = 1 + i % 2};
    cr_assert_eq(uvmqtt_publish(p->m, &m, count_done, &done, NULL), 0);
  }
  UNTIL(p->host, all_done(p, done, &most));
  cr_assert_eq(most, 1);
  for (unsigned i = 0; i < MESSAGES; i++) {
    text_of(i, text);
    cr_assert_str_eq(p->heard[i].payload, text);
  }
  cr_assert_eq(p->disconnects, disconnects);
}

static void we_send_one_at_a_time_when_asked_to(struct host *h,
                                                const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("narrow"),
                        .max_inflight = 1};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  send_one_at_a_time(p);
  peer_close(p);
}
TEST_ON_ALL(flow, we_send_one_at_a_time_when_asked_to)

/* [MQTT-3.3.4-7/5] */
static void
we_send_one_at_a_time_when_the_server_takes_no_more(struct host *h) {
  struct broker b;
  uvmqtt_limits_t limits = {.size = sizeof limits};
  broker_start(h, &b, "max_inflight_messages 1");
  struct peer *p = peer_online(h, &b.site, "narrow");
  cr_assert_eq(uvmqtt_get_limits(p->m, &limits), 0);
  cr_assert_eq(limits.receive_maximum, 1);
  send_one_at_a_time(p);
  peer_close(p);
  broker_end(h, &b);
}
Test(flow, we_send_one_at_a_time_when_the_server_takes_no_more) {
  alone(we_send_one_at_a_time_when_the_server_takes_no_more);
}

/* mod_mqtt 23.01 has no option for it and announces none. */
static void ejabberd_takes_what_comes(struct host *h, const struct site *s) {
  uvmqtt_limits_t limits = {.size = sizeof limits};
  struct peer *p = peer_online(h, s, "wide");
  cr_assert_eq(uvmqtt_get_limits(p->m, &limits), 0);
  uint16_t maximum = limits.receive_maximum;
  peer_close(p);
  cr_assert_gt(maximum, 1);
  cr_skip_test("%s cannot be told to take one at a time; it takes %u", s->name,
               maximum);
}
TEST_ON(flow, ejabberd_takes_what_comes, ejabberd_5)
