/* Topic Aliases with real servers. */
#include "e2e/peer.h"

#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(alias);

#define TOPICS 8
#define ROUNDS 50

static uvmqtt_stats_t stats_of(const struct peer *p) {
  uvmqtt_stats_t stats = {.size = sizeof stats};
  cr_assert_eq(uvmqtt_get_stats(p->m, &stats), 0);
  return stats;
}

static uint16_t aliases_of(const struct peer *p) {
  uvmqtt_limits_t limits = {.size = sizeof limits};
  cr_assert_eq(uvmqtt_get_limits(p->m, &limits), 0);
  return limits.topic_alias_maximum;
}

static struct peer *peer_with(struct host *h, const struct site *s,
                              const char *id, int64_t out, uint16_t in) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique(id),
                        .topic_alias_out = out, .topic_alias_maximum = in,
                        /* mosquitto 2.0 saves no session begun clean */
                        .session = UVMQTT_SESSION_RESUME, .reconnect_min = 1,
                        .reconnect_max = 50};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  return p;
}

static const char *topic(unsigned i) {
  char name[80];
  snprintf(name, sizeof name, "plant/with/a/long/name/hall/%u/sensor", i);
  return unique(name);
}

static void outcome_of_all(uvmqtt_t *m, const uvmqtt_result_t *result,
                           void *arg) {
  unsigned *done = arg;
  (void)m;
  cr_assert_eq(result->status, 0, "%s", uvmqtt_err_name(result->status));
  ++*done;
}

/* Message i goes to topic i % TOPICS and says so. */
static void publish_all(struct peer *p, uint8_t qos) {
  unsigned done = 0;
  for (unsigned i = 0; i < TOPICS * ROUNDS; i++) {
    const char *name = topic(i % TOPICS);
    uvmqtt_message_t m = {
        .topic = name, .qos = qos, .payload = {name, strlen(name)}};
    cr_assert_eq(uvmqtt_publish(p->m, &m, outcome_of_all, &done, NULL), 0);
  }
  UNTIL(p->host, done == TOPICS * ROUNDS);
}

static unsigned mismatches;

static void compare(struct peer *p, const uvmqtt_message_t *m) {
  unsigned *heard = p->arg;
  ++*heard;
  if (strlen(m->topic) != m->payload.len ||
      memcmp(m->topic, m->payload.data, m->payload.len) != 0 ||
      uvmqtt_property_find(m->properties, m->n_properties,
                           UVMQTT_PROPERTY_TOPIC_ALIAS) != NULL)
    mismatches++;
}

static struct peer *listener(struct host *h, const struct site *s, uint16_t in,
                             unsigned *heard) {
  struct peer *p = peer_with(h, s, "listener", UVMQTT_OFF, in);
  mismatches = *heard = 0;
  p->inspect = compare;
  p->arg = heard;
  peer_subscribe(p, unique("plant/#"), 2);
  return p;
}

/* Bytes that a round of messages takes a sender. */
static uint64_t cost(struct host *h, const struct site *s, int64_t out,
                     uint8_t qos) {
  struct peer *p = peer_with(h, s, "sender", out, 0);
  uint64_t before = stats_of(p).bytes_sent;
  publish_all(p, qos);
  uint64_t after = stats_of(p).bytes_sent;
  peer_leave(p); /* a cut could take what is on its way at QoS 0 */
  peer_close(p);
  return after - before;
}

/* Each message arrives under its topic, at each QoS; and with aliases in fewer
 * bytes, where the server has any. */
static void outgoing(struct host *h, const struct site *s) {
  unsigned heard, expected = 0;
  struct peer *l = listener(h, s, 0, &heard);
  uint16_t offered = aliases_of(l);
  for (uint8_t qos = 0; qos <= 2; qos++) {
    uint64_t plain = cost(h, s, UVMQTT_OFF, qos);
    uint64_t aliased = cost(h, s, 0, qos);
    expected += 2 * TOPICS * ROUNDS;
    UNTIL(h, heard >= expected);
    if (offered >= TOPICS)
      cr_assert_lt(aliased, plain * 7 / 10, "%d of %d bytes", (int)aliased,
                   (int)plain);
    else
      cr_assert_leq(aliased, plain);
  }
  cr_assert_eq(heard, expected);
  cr_assert_eq(mismatches, 0);
  cr_assert_eq(l->disconnects, 0);
  peer_close(l);
}
TEST_ON_5(alias, outgoing)

/* Fewer aliases than topics: they are given anew all the time. */
static void outgoing_with_few(struct host *h, const struct site *s) {
  unsigned heard;
  struct peer *l = listener(h, s, 0, &heard);
  cost(h, s, 3, 1);
  UNTIL(h, heard >= TOPICS * ROUNDS);
  cr_assert_eq(mismatches, 0);
  peer_close(l);
}
TEST_ON_5(alias, outgoing_with_few)

/* We announce some: whatever the server makes of it (mosquitto 2.0.11 and
 * ejabberd 23.01 use none), topics are right. */
static void incoming(struct host *h, const struct site *s) {
  static const uint16_t maxima[] = {1, TOPICS, 65535};
  for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
    unsigned heard;
    struct peer *l = listener(h, s, maxima[i], &heard);
    cost(h, s, 0, 1);
    UNTIL(h, heard >= TOPICS * ROUNDS);
    cr_assert_eq(heard, TOPICS * ROUNDS);
    cr_assert_eq(mismatches, 0);
    cr_assert_eq(l->disconnects, 0);
    peer_leave(l); /* what is not acknowledged would come again */
    peer_close(l);
  }
}
TEST_ON_5(alias, incoming)

/* A mosquitto that offers 3; one that offers none. */
static void the_servers_maximum_is_kept(struct host *h) {
  static const char *const confs[] = {"max_topic_alias 3", "max_topic_alias 0"};
  for (unsigned i = 0; i < 2; i++) {
    struct broker b;
    unsigned heard;
    broker_start(h, &b, confs[i]);
    struct peer *l = listener(h, &b.site, 0, &heard);
    cr_assert_eq(aliases_of(l), i == 0 ? 3 : 0);
    cost(h, &b.site, 0, 1);
    UNTIL(h, heard >= TOPICS * ROUNDS);
    cr_assert_eq(mismatches, 0);
    cr_assert_eq(l->disconnects, 0);
    peer_close(l);
    broker_end(h, &b);
  }
}
Test(alias, the_servers_maximum_is_kept) {
  alone(the_servers_maximum_is_kept);
}

/* The connection is lost with aliases in use and messages in flight: the new
 * one knows none of them. */
static void a_restart_begins_anew(struct host *h) {
  struct broker b;
  unsigned heard, done = 0;
  broker_start(h, &b, "");
  struct peer *l = listener(h, &b.site, 0, &heard);
  struct peer *p = peer_with(h, &b.site, "sender", 0, 0);
  publish_all(p, 1);
  UNTIL(h, heard >= TOPICS * ROUNDS);
  broker_restart(h, &b);
  UNTIL(h, p->disconnects > 0 && l->disconnects > 0);
  for (unsigned i = 0; i < TOPICS * ROUNDS; i++) {
    const char *name = topic(i % TOPICS);
    uvmqtt_message_t m = {
        .topic = name, .qos = 1, .payload = {name, strlen(name)}};
    cr_assert_eq(uvmqtt_publish(p->m, &m, outcome_of_all, &done, NULL), 0);
  }
  UNTIL(h, program_ended(&b.program) && done == TOPICS * ROUNDS &&
               heard >= 2 * TOPICS * ROUNDS);
  cr_assert_eq(mismatches, 0);
  peer_close(p);
  peer_close(l);
  broker_end(h, &b);
}
Test(alias, a_restart_begins_anew) {
  alone(a_restart_begins_anew);
}
