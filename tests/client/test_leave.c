/* Leaving: from each state, with what is queued, and in bytes. */
#include "client/rig.h"
#include "support/suite.h"
#include <stddef.h>
#include <string.h>

SUITE(leave);

static struct rig r;

static void begin(const uvmqtt_options_t *o) {
  rig_open(&r);
  guest_open(&r, &r.g, o);
}

static void greeted(void) {
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
}

/* And coming back. */

static void comes_back(void) {
  unsigned before = r.g.n[CONNECTED];
  broker_refuses(&r.b);
  broker_listens(&r.b);
  guest_connect(&r.g);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == before + 1);
  rig_close(&r);
}

static void leave_and_rest(void) {
  cr_assert_eq(guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.left, 0);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
}

/* By older and newer headers. */
Test(leave, shorter_and_longer_options_are_read_as_far_as_they_are_known) {
  struct {
    uvmqtt_disconnect_options_t known;
    char more[8];
  } o = {{.size = sizeof o, .reason = 4, .n_properties = 1}, {1}};
  begin(NULL);
  guest_connect(&r.g);
  greeted();
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o.known, NULL, NULL), UV_EINVAL);
  o.more[0] = 0;
  o.known.size = 0;
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o.known, NULL, NULL), UV_EINVAL);
  o.known.size = offsetof(uvmqtt_disconnect_options_t, properties);
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o.known, NULL, NULL), 0);
  HEARS(&r, "DISCONNECT reason=0x04 ...");
  broker_hangs_up(&r.b);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  o.known = (uvmqtt_disconnect_options_t){.size = sizeof o};
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o.known, NULL, NULL), 0);
  rig_close(&r);
}

Test(leave, leaving_while_offline) {
  begin(NULL);
  leave_and_rest();
  cr_expect_str_eq(r.g.log, "left OK\n");
  comes_back();
}

Test(leave, leaving_before_the_connect_was_begun) {
  begin(NULL);
  guest_connect(&r.g);
  leave_and_rest();
  cr_expect_eq(r.b.accepted, 0);
  comes_back();
}

Test(leave, leaving_while_connecting) {
  begin(NULL);
  guest_connect(&r.g);
  uv_run(&r.loop, UV_RUN_NOWAIT);
  cr_assert_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_CONNECTING);
  leave_and_rest();
  cr_expect_str_eq(r.g.states, "connecting disconnecting offline");
  cr_expect_eq(r.g.error.code, 0);
  cr_expect_eq(r.g.retry_in, UVMQTT_OFF);
  comes_back();
}

Test(leave, leaving_while_connack_is_awaited) {
  begin(NULL);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  leave_and_rest();
  rig_hears_end(&r);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  comes_back();
}

/* [MQTT-3.14.4-1/311], [MQTT-3.14.4-2/5]: closes after DISCONNECT */
Test(leave, leaving_while_online) {
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

Test(leave, leaving_while_waiting) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 50000};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  leave_and_rest();
  cr_expect_str_eq(r.g.states, "connecting disconnecting waiting offline");
  rig_rest(&r, 20);
  cr_expect_eq(guest_stats(&r.g).attempts, 1);
  comes_back();
}

static void leave_there(struct guest *g) {
  g->on[DISCONNECTED] = NULL;
  cr_assert_eq(guest_leave(g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
}

Test(leave, leaving_while_disconnecting_after_a_failure) {
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
Test(leave, leaving_does_not_wait_for_a_server_that_does_not_close) {
  begin(NULL);
  rig_online(&r, NULL, NULL);
  uint64_t before = rig_clock();
  leave_and_rest();
  cr_expect_lt(rig_clock() - before, 1500);
  HEARS(&r, "DISCONNECT ...");
  comes_back();
}

Test(leave, connect_before_the_disconnect_is_done_comes_after_it) {
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

Test(leave, connect_in_the_callback_of_disconnect_is_not_held_back) {
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

Test(leave, flush_writes_what_is_queued_and_then_disconnect) {
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
Test(leave, now_writes_disconnect_at_once) {
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

Test(leave, flush_does_not_wait_for_acknowledgements) {
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

Test(leave, disconnect_in_bytes_of_311) {
  raw_disconnect(UVMQTT_VERSION_311, UVMQTT_SESSION_KEEP, "20 02 00 00",
                 "\xe0\x00", 2);
}

Test(leave, disconnect_in_bytes_of_5_without_anything_to_say) {
  raw_disconnect(UVMQTT_VERSION_5, UVMQTT_SESSION_RESUME, "20 03 00 00 00",
                 "\xe0\x00", 2);
}

Test(leave, disconnect_in_bytes_of_5_that_ends_the_session) {
  raw_disconnect(UVMQTT_VERSION_5, UVMQTT_SESSION_KEEP, "20 03 00 00 00",
                 "\xe0\x07\x00\x05\x11\x00\x00\x00\x00", 9);
}

Test(leave, disconnect_carries_reason_and_properties) {
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

Test(leave, disconnect_reaches_a_server_that_keeps_sending) {
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
Test(leave, a_flush_that_gets_nowhere_is_cut) {
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
Test(leave, a_flush_cut_by_the_server_says_so) {
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
