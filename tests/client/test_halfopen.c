/* Peers that vanish without a word, and clients that have nothing to say. */
#include "client/rig.h"
#include "support/suite.h"
#include <string.h>

SUITE(halfopen);

#define CROWD 100

static struct rig r;
static struct guest guests[CROWD];
static uint64_t frozen, ended[CROWD];

static void on_end(struct guest *g) {
  size_t i = (size_t)(g - guests);
  if (ended[i] == 0)
    ended[i] = rig_clock();
}

/* Keep Alive of the i-th, ms. */
static unsigned keep_alive(size_t i) {
  return 1000 * (1 + (unsigned)i % 2);
}

static void open_crowd(void) {
  for (size_t i = 0; i < CROWD; i++) {
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                          .keep_alive = keep_alive(i) / 1000,
                          .reconnect_max = UVMQTT_OFF};
    guest_open(&r, &guests[i], &o);
    guests[i].quiet = true;
    guests[i].on[DISCONNECTED] = on_end;
    guest_connect(&guests[i]);
  }
  for (size_t i = 0; i < CROWD; i++)
    UNTIL(&r, guests[i].n[CONNECTED] == 1);
}

/* Nothing is read and nothing is sent, but the connections stand. */
static void freeze(void) {
  for (struct broker_link *l = r.b.links; l != NULL; l = l->next)
    uv_read_stop((uv_stream_t *)&l->tcp);
  frozen = rig_clock();
}

/* A third is idle, a third talks at QoS 0, a third waits for PUBACK. */
static void talk(uv_timer_t *timer) {
  (void)timer;
  for (size_t i = 0; i < CROWD; i++)
    if (i % 3 == 1 && ended[i] == 0)
      guest_publish(&guests[i], "t", "x", 0);
}

static void ask_for_acks(void) {
  for (size_t i = 2; i < CROWD; i += 3)
    guest_publish(&guests[i], "t", "x", 1);
}

static size_t n_ended(void) {
  size_t n = 0;
  for (size_t i = 0; i < CROWD; i++)
    n += ended[i] != 0;
  return n;
}

/* O06, O20: dead within 1.5 Keep Alive + 1 s, each of a hundred. */
Test(halfopen, a_vanished_server_is_noticed_by_all) {
  uv_timer_t timer;
  rig_open(&r);
  r.b.polite = r.crowded = true;
  open_crowd();
  uv_timer_init(&r.loop, &timer);
  timer.data = &r.b; /* ours */
  uv_timer_start(&timer, talk, 100, 100);
  rig_rest(&r, 1500); /* some have pinged, some have not */
  freeze();
  ask_for_acks();
  UNTIL(&r, n_ended() == CROWD);
  for (size_t i = 0; i < CROWD; i++) {
    uint64_t took = ended[i] - frozen;
    cr_expect_eq(guests[i].error.code, UVMQTT_EKEEPALIVE, "%zu: %s", i,
                 uvmqtt_err_name(guests[i].error.code));
    cr_expect_leq(took, keep_alive(i) * 3 / 2 + 1000, "%zu took %d ms", i,
                  (int)took);
  }
  for (size_t i = 0; i < CROWD; i++)
    guest_close(&guests[i]);
  for (size_t i = 0; i < CROWD; i++)
    UNTIL(&r, guests[i].m == NULL);
  uv_close((uv_handle_t *)&timer, NULL);
  rig_close(&r);
}

/* The other way round: none is declared dead that is not. */
Test(halfopen, a_slow_but_living_server_is_never_dead) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 1};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  rig_online(&r, NULL, NULL);
  for (int i = 0; i < 8; i++) { /* a byte every 400 ms, O08 */
    static const uint8_t pingresp[] = {0xD0, 0x00};
    broker_sends(r.b.link, &pingresp[i % 2], 1);
    rig_rest(&r, 400);
  }
  cr_expect_eq(r.g.n[DISCONNECTED], 0, "%s", r.g.log);
  rig_close(&r);
}

static void on_over(uv_timer_t *timer) {
  (void)timer;
}

/* Idle: a PINGREQ and a PINGRESP are all that wakes the loop. */
Test(halfopen, an_idle_client_wakes_its_loop_twice_for_each_keep_alive) {
  static struct broker_thread peer;
  uv_timer_t end;
  unsigned wakes = 0;
  broker_start(&peer);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = peer.b.url,
                        .keep_alive = 1};
  rig_open(&r);
  r.crowded = true;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_rest(&r, 50);
  uint64_t pings = guest_stats(&r.g).packets_sent;
  uv_timer_init(&r.loop, &end);
  end.data = &r.b;
  uv_timer_start(&end, on_over, 4600, 0); /* 5 pings, 900 ms apart */
  while (uv_is_active((uv_handle_t *)&end)) {
    uv_run(&r.loop, UV_RUN_ONCE);
    wakes++;
  }
  wakes--; /* the timer's own */
  pings = guest_stats(&r.g).packets_sent - pings;
  cr_expect_geq(pings, 4);
  cr_expect_leq(wakes, 2 * pings, "%u wakes for %u pings", wakes,
                (unsigned)pings);
  cr_expect_leq(wakes, 2 * 5);
  uv_close((uv_handle_t *)&end, NULL);
  r.crowded = false;
  rig_close(&r);
  broker_stop(&peer);
}
