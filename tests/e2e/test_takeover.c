/* Two clients with one Client Identifier, with real servers. */
#include "e2e/peer.h"

#include "support/suite.h"

SUITE(takeover);

static struct peer *same(struct host *h, const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("same"),
                        .session = UVMQTT_SESSION_RESUME, .reconnect_min = 100};
  struct peer *p = peer_new(h, s, &o);
  peer_connect(p);
  return p;
}

/* [MQTT-3.1.4-3/5], [MQTT-3.1.4-2/311] */
static struct peer *taken_over(struct host *h, const struct site *s,
                               struct peer *first) {
  struct peer *second = same(h, s);
  UNTIL(h, first->disconnects == 1);
  cr_assert_not(first->online);
  cr_assert_neq(first->error.code, 0);
  return second;
}

#define SLOW 10000 /* ms */

static void
a_client_that_was_taken_over_comes_back_slowly(struct host *h,
                                               const struct site *s) {
  struct peer *first = same(h, s);
  struct peer *second = taken_over(h, s, first);
  bool told = first->error.reason == UVMQTT_REASON_SESSION_TAKEN_OVER;
  if (told)
    cr_assert_geq(first->retry_in, SLOW);
  else /* nothing tells it from any other loss */
    cr_assert_eq(first->error.code, UV_EOF);
  cr_assert_eq(second->disconnects, 0);
  peer_close(first);
  peer_subscribe(second, unique("sync"), 1);
  peer_sync(second);
  cr_assert_eq(second->disconnects, 0);
  peer_close(second);
  if (!told)
    cr_skip_test("%s closes without saying Session taken over", s->name);
}
TEST_ON_5(takeover, a_client_that_was_taken_over_comes_back_slowly)

/* Where it cannot know, back-off keeps it from being a fight: each of the two
 * waits longer every time. At the first pace there would be 80 connections. */
static void
two_clients_that_take_each_other_over_calm_down(struct host *h,
                                                const struct site *s) {
  struct peer *first = same(h, s);
  struct peer *second = taken_over(h, s, first);
  host_pass(h, 4000);
  cr_assert_leq(first->connects + second->connects, 30);
  peer_close(first);
  peer_close(second);
}
TEST_ON_5(takeover, two_clients_that_take_each_other_over_calm_down)
