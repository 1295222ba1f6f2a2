/* Staying connected to real brokers, over wires that die without a word. */
#include "e2e/forwarder.h"
#include "e2e/peer.h"
#include "support/suite.h"

SUITE(stay);

#define CROWD 100

static uint64_t now_ms(void) {
  return uv_hrtime() / 1000000;
}

/* Conditions on time want turns. */
static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

static void start_ticking(struct host *h, uv_timer_t *timer) {
  uv_timer_init(&h->loop, timer);
  uv_timer_start(timer, on_tick, 20, 20);
}

static void stop_ticking(struct host *h, uv_timer_t *timer) {
  uv_close((uv_handle_t *)timer, NULL);
  uv_run(&h->loop, UV_RUN_NOWAIT);
}

static struct peer *behind(struct host *h, const struct site *s,
                           const char *url, uint16_t keep_alive) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                        .keep_alive = keep_alive, .reconnect_min = 10,
                        .reconnect_max = 100};
  struct peer *p = peer_new(h, s, &o);
  cr_assert_eq(uvmqtt_connect(p->m), 0);
  return p;
}

static unsigned n_with(struct peer *const *peers, unsigned disconnects,
                       uint64_t *ended) {
  unsigned n = 0;
  for (unsigned i = 0; i < CROWD; i++) {
    bool there = peers[i]->disconnects == disconnects;
    if (there && disconnects == 1 && ended[i] == 0)
      ended[i] = now_ms();
    n += there;
  }
  return n;
}

static unsigned n_online(struct peer *const *peers) {
  unsigned n = 0;
  for (unsigned i = 0; i < CROWD; i++)
    n += peers[i]->online;
  return n;
}

/* O06, O20: within 1.5 Keep Alive + 1 s, a hundred of a hundred; and then they
 * find another way. */
static void half_open_connections_are_noticed(struct host *h,
                                              const struct site *s) {
  struct forwarder wire;
  struct peer *peers[CROWD];
  uint64_t ended[CROWD] = {0};
  uv_timer_t tick;
  start_ticking(h, &tick);
  forwarder_open(h, &wire, site_port(s));
  for (unsigned i = 0; i < CROWD; i++)
    peers[i] = behind(h, s, wire.url, (uint16_t)(1 + i % 2));
  UNTIL(h, n_online(peers) == CROWD);
  cr_assert_eq(n_with(peers, 0, ended), CROWD);
  forwarder_freeze(&wire);
  uint64_t frozen = now_ms();
  UNTIL(h, n_with(peers, 1, ended) == CROWD || now_ms() - frozen > 6000);
  for (unsigned i = 0; i < CROWD; i++) {
    uint64_t took = ended[i] - frozen, most = 1500 * (1 + i % 2) + 1000;
    cr_expect_eq(peers[i]->error.code, UVMQTT_EKEEPALIVE);
    cr_expect(ended[i] != 0 && took <= most, "%u took %d ms", i, (int)took);
  }
  UNTIL(h, n_online(peers) == CROWD); /* new connections pass */
  for (unsigned i = 0; i < CROWD; i++)
    peer_close(peers[i]);
  stop_ticking(h, &tick);
  forwarder_close(&wire);
}
TEST_ON(stay, half_open_connections_are_noticed, mosquitto_5)
TEST_ON(stay, half_open_connections_are_noticed, mosquitto_311)
TEST_ON(stay, half_open_connections_are_noticed, ejabberd_5)

/* 3.1.1 has no word for it. */
static void two_clients_with_one_identifier_come_to_rest(struct host *h,
                                                         const struct site *s) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .client_id = unique("one"),
                        .reconnect_min = 10};
  uv_timer_t tick;
  start_ticking(h, &tick);
  struct peer *a = peer_new(h, s, &o), *b = peer_new(h, s, &o);
  cr_assert_eq(uvmqtt_connect(a->m), 0);
  cr_assert_eq(uvmqtt_connect(b->m), 0);
  UNTIL(h, a->notices[UVMQTT_NOTICE_DISPLACED] != 0 ||
               b->notices[UVMQTT_NOTICE_DISPLACED] != 0);
  struct peer *loser = a->notices[UVMQTT_NOTICE_DISPLACED] != 0 ? a : b;
  UNTIL(h, loser->disconnects >= 3);
  cr_assert_geq(loser->retry_in, 10000);
  uint64_t since = now_ms();
  unsigned before = a->connects + b->connects;
  UNTIL(h, now_ms() - since > 3000);
  cr_assert_leq(a->connects + b->connects, before + 2, "they go on fighting");
  peer_close(a);
  peer_close(b);
  stop_ticking(h, &tick);
}
TEST_ON(stay, two_clients_with_one_identifier_come_to_rest, mosquitto_311)
