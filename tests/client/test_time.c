/* Time, by real clocks: few and short. */
#include "client/rig.h"
#include "support/suite.h"

SUITE(time);

static struct rig r;

/* [MQTT-3.1.2-20/5] [MQTT-3.1.2-23/311] */
Test(time, pingreq_comes_within_the_keep_alive) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 1};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  uint64_t before = rig_clock();
  HEARS(&r, "PINGREQ");
  uint64_t took = rig_clock() - before;
  cr_expect(took >= 500 && took <= 1000, "%d ms", (int)took);
  SAYS(&r, "PINGRESP");
  HEARS(&r, "PINGREQ"); /* and again: the first was answered */
  cr_expect_eq(r.g.n[DISCONNECTED], 0);
  rig_close(&r);
}

Test(time, a_silent_server_is_declared_dead) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 1};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  uint64_t before = rig_clock();
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  uint64_t took = rig_clock() - before;
  cr_expect(took >= 1000 && took <= 2500, "%d ms", (int)took);
  cr_expect_eq(r.g.error.code, UVMQTT_EKEEPALIVE);
  HEARS(&r, "PINGREQ");
  rig_close(&r);
}

/* After the poll: the next that runs are timers, not sockets. */
static void block(uv_check_t *check) {
  uv_sleep(2000);
  uv_close((uv_handle_t *)check, NULL);
}

static struct broker_thread elsewhere;

/* O21: the answers were in the socket all the time. */
Test(time, a_loop_blocked_for_two_keep_alives_is_no_death) {
  uv_check_t check;
  broker_start(&elsewhere);
  rig_open(&r);
  r.crowded = true;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = 1,
                        .url = elsewhere.b.url};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_rest(&r, 2); /* on_connect was this very turn */
  cr_assert_eq(uvmqtt_ping(r.g.m), 0);
  uv_run(&r.loop, UV_RUN_NOWAIT); /* it goes out */
  cr_assert_eq(guest_stats(&r.g).packets_sent, 2);
  uv_check_init(&r.loop, &check);
  uv_check_start(&check, block);
  uv_run(&r.loop, UV_RUN_NOWAIT);
  rig_rest(&r, 600);
  cr_expect_eq(r.g.n[DISCONNECTED], 0, "%s", r.g.log);
  cr_expect_eq(r.g.n[CONNECTED], 1);
  r.crowded = false;
  rig_close(&r);
  broker_stop(&elsewhere);
}

/* No PINGREQ where none was asked for. */
Test(time, keep_alive_off_says_nothing) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .keep_alive = UVMQTT_OFF};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT keep_alive=0 ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_hears_nothing(&r, 30);
  rig_close(&r);
}
