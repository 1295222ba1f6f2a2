/* Getting online, staying there, leaving. */
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(link);

static struct rig r;

/* Fast back-off for tests. */
#define FAST .reconnect_min = 4, .reconnect_max = 40

static void begin(const uvmqtt_options_t *o) {
  rig_open(&r);
  guest_open(&r, &r.g, o);
}

static void greeted(void) {
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
}

Test(link, the_way_online_and_back_is_told_step_by_step) {
  begin(NULL);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_OFFLINE);
  guest_connect(&r.g);
  cr_expect_eq(guest_connect(&r.g), 0, "again does nothing");
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(guest_connect(&r.g), 0, "again does nothing");
  rig_hears_nothing(&r, 10);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  rig_hears_end(&r);
  broker_hangs_up(&r.b);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  cr_expect_str_eq(r.g.log, "state offline>connecting\n"
                            "state connecting>online\n"
                            "connected 5 sp=0\n"
                            "state online>disconnecting\n"
                            "disconnected OK online=1 attempt=1 for good\n"
                            "left OK\n"
                            "state disconnecting>offline\n");
  cr_expect_eq(r.b.accepted, 1);
  rig_close(&r);
}

/* O01 */
Test(link, refused_connections_are_tried_again_with_growing_jittered_delay) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST};
  uint64_t spans[] = {4, 8, 16, 32, 40, 40};
  begin(&o);
  broker_refuses(&r.b);
  rig_rest(&r, 1);
  guest_connect(&r.g);
  for (unsigned i = 0; i < 6; i++) {
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    cr_expect_eq(r.g.error.code, UV_ECONNREFUSED);
    cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_CONNECT);
    cr_expect_eq(r.g.attempt, i + 1);
    cr_expect_not(r.g.was_online);
    cr_expect(r.g.retry_in >= 1 && r.g.retry_in <= (int64_t)spans[i],
              "attempt %u: %d ms", i + 1, (int)r.g.retry_in);
    cr_expect_str_eq(r.g.address, r.b.url + strlen("mqtt://"));
    cr_expect(*r.g.hint != '\0');
    uint64_t before = rig_clock();
    unsigned states = r.g.n[STATE];
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING ||
                  r.g.n[STATE] > states + 1);
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_CONNECTING);
    cr_expect(rig_clock() - before + 1 >= (uint64_t)r.g.retry_in,
              "tried too early");
  }
  UNTIL(&r, uvmqtt_state(r.g.m) != UVMQTT_STATE_CONNECTING);
  broker_listens(&r.b);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_close(&r);
}

Test(link, delays_are_jittered) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1000000};
  int64_t delays[8];
  bool differ = false;
  begin(&o);
  broker_refuses(&r.b);
  for (unsigned i = 0; i < 8; i++) {
    guest_connect(&r.g);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    delays[i] = r.g.retry_in;
    cr_expect(delays[i] >= 1 && delays[i] <= 60000);
    differ = differ || delays[i] != delays[0];
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  }
  cr_expect(differ);
  rig_close(&r);
}

Test(link, one_attempt_only_when_reconnecting_is_off) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_max = UVMQTT_OFF};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE &&
                r.g.n[DISCONNECTED] == 1);
  cr_expect_str_eq(r.g.log,
                   "state offline>connecting\n"
                   "state connecting>disconnecting\n"
                   "disconnected ECONNREFUSED online=0 attempt=1 for good\n"
                   "state disconnecting>offline\n");
  rig_rest(&r, 20);
  cr_expect_eq(guest_stats(&r.g).attempts, 1);
  broker_listens(&r.b);
  guest_connect(&r.g); /* asked for again: one more */
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.retry_in, UVMQTT_OFF);
  rig_rest(&r, 20);
  cr_expect_eq(r.b.accepted, 1);
  rig_close(&r);
}

static void connect_again(struct guest *g) {
  if (g->n[DISCONNECTED] < 1000)
    guest_connect(g);
}

/* DESIGN 3.6: nothing retries at speed. */
Test(link, asking_again_in_on_disconnect_does_not_retry_at_speed) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_max = UVMQTT_OFF};
  begin(&o);
  broker_refuses(&r.b);
  r.g.on[DISCONNECTED] = connect_again;
  guest_connect(&r.g);
  rig_rest(&r, 300);
  cr_expect_leq(guest_stats(&r.g).attempts, 20, "%u attempts in 300 ms",
                (unsigned)guest_stats(&r.g).attempts);
  rig_close(&r);
}

Test(link, an_end_before_connack_is_an_attempt_that_failed) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .version = UVMQTT_VERSION_5};
  begin(&o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 ...");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UV_EOF);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
  cr_expect_not(r.g.was_online);
  HEARS(&r, "CONNECT version=5 ...");
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.error.code, UV_ECONNRESET);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_close(&r);
}

/* N67 */
Test(link, a_refusing_connack_is_told_in_the_servers_words) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .username = "u",
                        .password = {"p", 1}};
  begin(&o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT username=u password=p ...");
  SAYS(&r, "CONNACK reason=0x86 reason_string=no");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, UVMQTT_EREFUSED);
  cr_expect_eq(r.g.error.reason, UVMQTT_REASON_BAD_USER_NAME_OR_PASSWORD);
  cr_expect_str_eq(r.g.error.reason_string, "no");
  cr_expect(strstr(r.g.hint, "password") != NULL);
  cr_expect_geq(r.g.retry_in, 30000);
  rig_hears_end(&r);
  rig_close(&r);
}

Test(link, a_refusing_connack_of_311_is_translated) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = UVMQTT_VERSION_311};
  static const struct {
    const char *connack;
    uint8_t reason;
  } rows[] = {{"20 02 00 01", 0x84},
              {"20 02 00 02", 0x85},
              {"20 02 00 03", 0x88},
              {"20 02 00 04", 0x86},
              {"20 02 00 05", 0x87}};
  begin(&o);
  for (unsigned i = 0; i < 5; i++) {
    guest_connect(&r.g); /* while waiting: at once */
    HEARS(&r, "CONNECT version=4 ...");
    SAYS(&r, rows[i].connack);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    cr_expect_eq(r.g.error.reason, rows[i].reason);
    rig_hears_end(&r);
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  }
  rig_close(&r);
}

/* N66 */
Test(link, connack_has_a_deadline) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .connect_timeout = 60};
  begin(&o);
  uint64_t before = rig_clock();
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  uint64_t took = rig_clock() - before;
  cr_expect(took >= 60 && took < 1000, "%d ms", (int)took);
  cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_HANDSHAKE);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  rig_hears_end(&r);
  rig_close(&r);
}

/* The peer answers, and then the host keeps the loop: the timer is looked at
 * before the socket is. */
static void answer_and_block(struct broker_link *l, const uint8_t *data,
                             size_t len) {
  (void)data;
  (void)len;
  broker_sends(l, "\x20\x03\0\0\0", 5);
  uv_sleep(120);
}

/* No verdict before the socket had a chance to be read. */
Test(link, a_blocked_loop_is_no_reason_to_miss_connack) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .connect_timeout = 40};
  begin(&o);
  r.b.bytes = answer_and_block;
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[CONNECTED] + r.g.n[DISCONNECTED] > 0);
  cr_expect_eq(r.g.n[CONNECTED], 1, "%s", r.g.log);
  rig_close(&r);
}

Test(link, a_lost_connection_is_made_anew) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST};
  begin(&o);
  rig_online(&r, NULL, NULL);
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT client_id=c keep_alive=60 maximum_packet_size=1048576 "
            "receive_maximum=64 session_expiry_interval=300 version=5");
  SAYS(&r, "CONNACK sp=1");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  cr_expect_str_eq(r.g.states, "connecting online disconnecting waiting "
                               "connecting online");
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  cr_expect_eq(r.g.error.code, UV_EOF);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_ONLINE);
  cr_expect(r.g.was_online);
  cr_expect_eq(r.g.attempt, 1);
  rig_close(&r);
}

/* O18: reset only after having been online for a while. */
Test(link, backoff_keeps_growing_while_connections_do_not_last) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 1000000};
  begin(&o);
  guest_connect(&r.g);
  unsigned i = 0;
  for (; i < 12; i++) {
    greeted();
    UNTIL(&r, r.g.n[CONNECTED] == i + 1);
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    cr_expect_eq(r.g.attempt, i + 1);
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
    guest_connect(&r.g);
  }
  bool grown = false; /* the span is 4,096 ms now, and is 1 after a reset */
  for (unsigned k = 0; k < 4; k++, i++) {
    greeted();
    UNTIL(&r, r.g.n[CONNECTED] == i + 1);
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    grown = grown || r.g.retry_in > 2;
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
    guest_connect(&r.g);
  }
  cr_expect(grown);
  rig_close(&r);
}

Test(link, backoff_and_attempts_begin_anew_after_a_stable_connection) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 2,
                        .reconnect_max = 1000000, .reconnect_stable = 30};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  for (unsigned i = 1; i <= 10; i++) {
    UNTIL(&r, r.g.n[DISCONNECTED] == i);
    UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
    if (i == 10)
      broker_listens(&r.b);
    guest_connect(&r.g);
  }
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  rig_rest(&r, 35);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 11);
  cr_expect(r.g.retry_in <= 2, "%d ms", (int)r.g.retry_in);
  cr_expect_geq(r.g.attempt, 1, "attempts count from 1");
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  rig_close(&r);
}

Test(link, connect_while_waiting_tries_at_once) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 50000};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  broker_listens(&r.b);
  uint64_t before = rig_clock();
  guest_connect(&r.g);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_lt(rig_clock() - before, 500);
  cr_expect_str_eq(r.g.states,
                   "connecting disconnecting waiting connecting online");
  rig_close(&r);
}

/* Leaving from each state, and coming back. */

static void comes_back(void) {
  unsigned before = r.g.n[CONNECTED];
  broker_refuses(&r.b);
  broker_listens(&r.b);
  guest_connect(&r.g);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == before + 1);
  rig_close(&r);
}

static void leave(void) {
  cr_assert_eq(guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.left, 0);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
}

Test(link, leaving_while_offline) {
  begin(NULL);
  leave();
  cr_expect_str_eq(r.g.log, "left OK\n");
  comes_back();
}

Test(link, leaving_before_the_connect_was_begun) {
  begin(NULL);
  guest_connect(&r.g);
  leave();
  cr_expect_eq(r.b.accepted, 0);
  comes_back();
}

Test(link, leaving_while_connecting) {
  begin(NULL);
  guest_connect(&r.g);
  uv_run(&r.loop, UV_RUN_NOWAIT);
  cr_assert_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_CONNECTING);
  leave();
  cr_expect_str_eq(r.g.states, "connecting disconnecting offline");
  cr_expect_eq(r.g.error.code, 0);
  cr_expect_eq(r.g.retry_in, UVMQTT_OFF);
  comes_back();
}

Test(link, leaving_while_connack_is_awaited) {
  begin(NULL);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  leave();
  rig_hears_end(&r);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  comes_back();
}

Test(link, leaving_while_online) {
  begin(NULL);
  rig_online(&r, NULL, NULL);
  cr_assert_eq(guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  uint64_t before = rig_clock();
  HEARS(&r, "DISCONNECT ...");
  rig_hears_end(&r); /* the server need not wait for us to tire of waiting */
  cr_expect_lt(rig_clock() - before, 500);
  broker_hangs_up(&r.b);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  cr_expect_eq(r.g.n[LEFT], 1);
  cr_expect_eq(r.g.left, 0);
  comes_back();
}

Test(link, leaving_while_waiting) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 50000};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  leave();
  cr_expect_str_eq(r.g.states, "connecting disconnecting waiting offline");
  rig_rest(&r, 20);
  cr_expect_eq(guest_stats(&r.g).attempts, 1);
  comes_back();
}

static void leave_there(struct guest *g) {
  g->on[DISCONNECTED] = NULL;
  cr_assert_eq(guest_leave(g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
}

Test(link, leaving_while_disconnecting_after_a_failure) {
  begin(NULL);
  rig_online(&r, NULL, NULL);
  r.g.on[DISCONNECTED] = leave_there;
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  cr_expect_eq(r.g.left, 0);
  cr_expect_str_eq(r.g.states, "connecting online disconnecting offline");
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  comes_back();
}

/* A server that does not close: the client does not wait for ever. */
Test(link, leaving_does_not_wait_for_a_server_that_does_not_close) {
  begin(NULL);
  rig_online(&r, NULL, NULL);
  uint64_t before = rig_clock();
  leave();
  cr_expect_lt(rig_clock() - before, 1500);
  HEARS(&r, "DISCONNECT ...");
  comes_back();
}

Test(link, connect_before_the_disconnect_is_done_comes_after_it) {
  begin(NULL);
  rig_online(&r, NULL, NULL);
  r.g.states[0] = '\0';
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  guest_connect(&r.g);
  HEARS(&r, "DISCONNECT ...");
  rig_hears_end(&r);
  broker_hangs_up(&r.b);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  cr_expect_eq(r.g.n[LEFT], 1);
  cr_expect_str_eq(r.g.states, "disconnecting connecting online");
  rig_close(&r);
}

static void reconnect_in_left(struct guest *g) {
  guest_connect(g);
}

Test(link, connect_in_the_callback_of_disconnect_is_not_held_back) {
  begin(NULL);
  rig_online(&r, NULL, NULL);
  r.g.on[LEFT] = reconnect_in_left;
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "DISCONNECT ...");
  broker_hangs_up(&r.b);
  uint64_t before = rig_clock();
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  cr_expect_lt(rig_clock() - before, 300, "held back: %s", r.g.log);
  rig_close(&r);
}

/* What a disconnect writes. */

Test(link, flush_writes_what_is_queued_and_then_disconnect) {
  begin(NULL);
  rig_online(&r, NULL, NULL);
  guest_publish(&r.g, "t", "0", 0);
  guest_publish(&r.g, "t", "1", 1);
  guest_publish(&r.g, "t", "2", 2);
  guest_publish(&r.g, "t", "3", 0);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "PUBLISH topic=t payload=0");
  HEARS(&r, "PUBLISH topic=t payload=1 qos=1 id=1");
  HEARS(&r, "PUBLISH topic=t payload=2 qos=2 id=2");
  HEARS(&r, "PUBLISH topic=t payload=3");
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  rig_hears_end(&r);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.n[COMPLETED], 2, "QoS 0 are complete, the others stay");
  cr_expect_eq(r.g.status[0], 0);
  cr_expect_eq(r.g.status[3], 0);
  rig_close(&r);
}

/* Called in the same breath as the publishes, NOW must not lose a DISCONNECT
 * behind them, and what is queued stays queued. */
Test(link, now_writes_disconnect_at_once) {
  begin(NULL);
  rig_online(&r, NULL, "CONNACK receive_maximum=1");
  guest_publish(&r.g, "t", "1", 1);
  guest_publish(&r.g, "t", "2", 1); /* waits for the quota */
  HEARS(&r, "PUBLISH topic=t payload=1 qos=1 id=1");
  guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
  HEARS(&r, "DISCONNECT ...");
  rig_hears_end(&r);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.n[COMPLETED], 0);
  cr_expect_eq(guest_stats(&r.g).queued + guest_stats(&r.g).inflight, 2);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK sp=1");
  HEARS(&r, "PUBLISH topic=t payload=1 qos=1 id=1 dup=1");
  SAYS(&r, "PUBACK id=1");
  HEARS(&r, "PUBLISH topic=t payload=2 qos=1 ...");
  rig_close(&r);
}

Test(link, flush_does_not_wait_for_acknowledgements) {
  begin(NULL);
  rig_online(&r, NULL, "CONNACK receive_maximum=1");
  guest_publish(&r.g, "t", "1", 1);
  guest_publish(&r.g, "t", "2", 1); /* may not be sent */
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "PUBLISH topic=t payload=1 qos=1 id=1");
  HEARS(&r, "DISCONNECT ...");
  rig_hears_end(&r);
  rig_close(&r);
}

/* In bytes: [MQTT-3.14.1-1/both], and 3.1.1 has nothing but E0 00. */
static char raw[256];
static size_t raw_len;

static void keep_raw(struct broker_link *l, const uint8_t *data, size_t len) {
  (void)l;
  cr_assert(raw_len + len <= sizeof raw);
  memcpy(raw + raw_len, data, len);
  raw_len += len;
}

static void raw_disconnect(uvmqtt_protocol_t version,
                           uvmqtt_session_mode_t session, const char *connack,
                           const char *expected, size_t len) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .version = version,
                        .session = session};
  begin(&o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, connack);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  r.b.bytes = keep_raw;
  raw_len = 0;
  guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
  UNTIL(&r, r.b.link->ended);
  cr_expect_eq(raw_len, len);
  cr_expect_eq(memcmp(raw, expected, len), 0);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  rig_close(&r);
}

Test(link, disconnect_in_bytes_of_311) {
  raw_disconnect(UVMQTT_VERSION_311, UVMQTT_SESSION_KEEP, "20 02 00 00",
                 "\xe0\x00", 2);
}

Test(link, disconnect_in_bytes_of_5_without_anything_to_say) {
  raw_disconnect(UVMQTT_VERSION_5, UVMQTT_SESSION_RESUME, "20 03 00 00 00",
                 "\xe0\x00", 2);
}

Test(link, disconnect_in_bytes_of_5_that_ends_the_session) {
  raw_disconnect(UVMQTT_VERSION_5, UVMQTT_SESSION_KEEP, "20 03 00 00 00",
                 "\xe0\x07\x00\x05\x11\x00\x00\x00\x00", 9);
}

Test(link, disconnect_carries_reason_and_properties) {
  static const uvmqtt_property_t p[] = {
      UVMQTT_PROPERTY_STR(REASON_STRING, "bye"),
      UVMQTT_PROPERTY_NUM(SESSION_EXPIRY_INTERVAL, 9)};
  uvmqtt_disconnect_options_t o = {UVMQTT_DISCONNECT_OPTIONS_INIT, .reason = 4,
                                   .properties = p, .n_properties = 2};
  begin(NULL);
  rig_online(&r, NULL, NULL);
  cr_assert_eq(uvmqtt_disconnect(r.g.m, &o, NULL, NULL), 0);
  HEARS(&r,
        "DISCONNECT reason=0x04 reason_string=bye session_expiry_interval=9");
  rig_hears_end(&r);
  rig_close(&r);
}

/* Unread bytes in our socket would turn close into a reset, which can destroy
 * what the peer has not read yet. */
static void chatter(uv_idle_t *idle) {
  struct broker *b = idle->data;
  char buffer[512];
  memset(buffer, 0, sizeof buffer);
  for (size_t i = 0; i + 8 <= sizeof buffer; i += 8)
    memcpy(buffer + i, "\x30\x06\x00\x01t\x00xy", 8);
  if (b->link != NULL && !b->link->ended)
    broker_sends(b->link, buffer, sizeof buffer);
}

Test(link, disconnect_reaches_a_server_that_keeps_sending) {
  uv_idle_t idle;
  begin(NULL);
  rig_online(&r, NULL, NULL);
  r.g.quiet = true;
  uv_idle_init(&r.loop, &idle);
  idle.data = &r.b;
  uv_idle_start(&idle, chatter);
  UNTIL(&r, r.g.n[MESSAGE] > 100);
  guest_publish(&r.g, "t", "last", 0);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "PUBLISH topic=t payload=last");
  HEARS(&r, "DISCONNECT ...");
  UNTIL(&r, r.b.link == NULL || r.b.link->ended);
  cr_expect_eq(r.b.link->end, UV_EOF, "%s", uv_err_name(r.b.link->end));
  unsigned messages = r.g.n[MESSAGE];
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.n[MESSAGE], messages, "delivered while leaving");
  cr_expect_eq(r.g.left, 0);
  uv_close((uv_handle_t *)&idle, NULL);
  rig_close(&r);
}

/* A peer that never reads: the flush is cut at its deadline. */
Test(link, a_flush_that_gets_nowhere_is_cut) {
  static char payload[600000];
  begin(NULL);
  memset(payload, 'x', sizeof payload - 1);
  rig_online(&r, NULL, NULL);
  uv_read_stop((uv_stream_t *)&r.b.link->tcp);
  for (unsigned i = 0; i < 20; i++)
    cr_assert_eq(guest_publish(&r.g, "t", payload, 0), 0);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 60);
  uint64_t before = rig_clock();
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.left, UV_ETIMEDOUT);
  cr_expect(rig_clock() - before < 1000);
  rig_close(&r);
}

/* The error that cut a flush short. */
Test(link, a_flush_cut_by_the_server_says_so) {
  static char payload[600000];
  begin(NULL);
  memset(payload, 'x', sizeof payload - 1);
  rig_online(&r, NULL, NULL);
  uv_read_stop((uv_stream_t *)&r.b.link->tcp);
  for (unsigned i = 0; i < 20; i++)
    guest_publish(&r.g, "t", payload, 0);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  rig_rest(&r, 5);
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect(r.g.left == UV_ECONNRESET || r.g.left == UV_EPIPE, "%s",
            uvmqtt_err_name(r.g.left));
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  rig_close(&r);
}

/* Options of the host's address: credentials in clear text. */

static bool other_address(char *ret, size_t size) {
  uv_interface_address_t *list;
  int n;
  bool found = false;
  if (uv_interface_addresses(&list, &n))
    return false;
  for (int i = 0; i < n && !found; i++) {
    found =
        !list[i].is_internal && list[i].address.address4.sin_family == AF_INET;
    if (found)
      uv_ip4_name(&list[i].address.address4, ret, size);
  }
  uv_free_interface_addresses(list, n);
  return found;
}

static const char *elsewhere_by; /* .auth_method */

static void unasked(uvmqtt_t *m, const uvmqtt_auth_t *auth) {
  (void)m, (void)auth;
  cr_assert_fail("asked for what may not be said");
}

/* U07 */
static void connects_elsewhere(const char *user, bool plain, int expected) {
  char ip[64], url[100];
  if (!other_address(ip, sizeof ip)) {
    cr_log_warn("no address but loopback here");
    cr_skip_test("no address but loopback here");
  }
  rig_open(&r);
  broker_refuses(&r.b);
  broker_listens_at(&r.b, ip);
  snprintf(url, sizeof url, "mqtt://%s%s:%u", user, ip, r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                        .auth_method = elsewhere_by, .on_auth = unasked,
                        .plain_credentials = plain};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  if (expected == 0) {
    greeted();
    UNTIL(&r, r.g.n[CONNECTED] == 1);
  } else {
    UNTIL(&r, r.g.n[DISCONNECTED] == 1);
    cr_expect_eq(r.g.error.code, expected);
    cr_expect_geq(r.g.retry_in, 30000, "at speed: %d", (int)r.g.retry_in);
    cr_expect(*r.g.hint != '\0');
    rig_hears_end(&r); /* not a byte of it */
  }
  rig_close(&r);
}

Test(link, credentials_stay_here_when_the_peer_is_not_this_host) {
  connects_elsewhere("u:p@", false, UVMQTT_EINSECURE);
}

Test(link, a_user_name_alone_is_a_secret_too) {
  connects_elsewhere("u@", false, UVMQTT_EINSECURE);
}

Test(link, an_authentication_method_is_a_secret_too) {
  elsewhere_by = "m";
  connects_elsewhere("", false, UVMQTT_EINSECURE);
}

Test(link, credentials_go_elsewhere_when_that_is_allowed) {
  connects_elsewhere("u:p@", true, 0);
}

Test(link, without_credentials_every_address_is_fine) {
  connects_elsewhere("", false, 0);
}

Test(link, loopback_is_all_of_127) {
  char url[64];
  rig_open(&r);
  broker_refuses(&r.b);
  broker_listens_at(&r.b, "127.4.5.6");
  snprintf(url, sizeof url, "mqtt://u:p@127.4.5.6:%u", r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url};
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT username=u password=p ...");
  rig_close(&r);
}
