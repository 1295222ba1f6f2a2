#include "e2e/forwarder.h"
#include "e2e/ledger.h"

#include "support/suite.h"
#include <string.h>

SUITE(cuts);

#define CUTS 50
#define MESSAGES 1000   /* each way, at QoS 1, and again at QoS 2 */
#define CUT_WITHIN 6000 /* bytes; all the messages are some 200,000 */
#define CUT_EARLY 80    /* in the middle of CONNECT, CONNACK or the resends */

struct scissors {
  uint32_t seed;
  unsigned connections;
};

static uint32_t next_random(struct scissors *s) {
  s->seed = s->seed * 1664525u + 1013904223u;
  return s->seed >> 8;
}

/* The first connection lives until the subscription stands. */
static long bytes_until_cut(void *arg) {
  struct scissors *s = arg;
  unsigned n = s->connections++;
  if (n == 0 || n > CUTS)
    return -1;
  return 1 + (long)(next_random(s) % (n % 5 == 0 ? CUT_EARLY : CUT_WITHIN));
}

static struct peer *behind(struct host *h, const struct site *s,
                           const char *url, const char *id) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                        .client_id = unique(id), .reconnect_min = 1,
                        .reconnect_max = 5};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  return p;
}

static bool all_settled(const struct ledger *l) {
  return l->completed >= 2 * l->n && l->arrived[1] == l->n &&
         l->arrived[2] == l->n;
}

/* What was sent twice has come twice by now. */
static void drain(struct peer *from, struct peer *to, const char *topic) {
  size_t n = to->n_heard;
  to->inspect = NULL;
  peer_publish(from, topic, "last", 2);
  UNTIL(from->host,
        to->n_heard > n &&
            strcmp(to->heard[to->n_heard - 1].payload, "last") == 0);
}

static void nothing_is_lost_or_doubled_over_a_bad_wire(struct host *h,
                                                       const struct site *s) {
  struct scissors scissors = {.seed = 20260731};
  struct forwarder wire;
  struct ledger up, down;
  forwarder_open(h, &wire, site_port(s));
  wire.budget = bytes_until_cut;
  wire.arg = &scissors;
  struct peer *far = behind(h, s, wire.url, "far");
  struct peer *near = behind(h, s, NULL, "near");
  peer_subscribe(far, unique("down"), 2);
  peer_subscribe(near, unique("up"), 2);
  ledger_open(&up, unique("up"), MESSAGES);
  ledger_open(&down, unique("down"), MESSAGES);
  ledger_receive(&up, near);
  ledger_receive(&down, far);
  forwarder_cut(&wire); /* from now on with scissors */
  ledger_publish(&up, far);
  ledger_publish(&down, near);
  UNTIL(h, all_settled(&up) && all_settled(&down));
  drain(far, near, up.topic);
  drain(near, far, down.topic);
  ledger_expect_completed(&up);
  ledger_expect_completed(&down);
  ledger_expect_received(&up);
  ledger_expect_received(&down);
  cr_assert_eq(wire.cuts, CUTS);
  cr_assert_eq(far->notices[UVMQTT_NOTICE_SESSION_LOST], 0);
  ledger_close(&up);
  ledger_close(&down);
  peer_close(far);
  peer_close(near);
  forwarder_close(&wire);
}
TEST_ON(cuts, nothing_is_lost_or_doubled_over_a_bad_wire, mosquitto_5)
TEST_ON(cuts, nothing_is_lost_or_doubled_over_a_bad_wire, mosquitto_311)
TEST_ON(cuts, nothing_is_lost_or_doubled_over_a_bad_wire, ejabberd_5)
