/* From 5.0 to 3.1.1: in three ways, and in no other (DESIGN section 4). */
#include "client/rig.h"
#include "support/suite.h"
#include <string.h>

SUITE(fallback);

static struct rig r;

#define FAST .reconnect_min = 4, .reconnect_max = 40

static void begin(uvmqtt_protocol_t version) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .version = version};
  rig_open(&r);
  r.b.in_turn = true;
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
}

/* Speaks 3.1.1 now, says so once, and stays with it. */
static void has_fallen_back(void) {
  HEARS(&r, "CONNECT version=4 client_id=c keep_alive=60");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_eq(r.g.n[NOTICE], 1);
  cr_expect(strstr(r.g.log, "notice falling back to MQTT 3.1.1") != NULL);
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=4 ..."); /* remembered */
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "DISCONNECT");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=4 ...");
  cr_expect_eq(r.g.n[NOTICE], 1);
  rig_close(&r);
}

Test(fallback, after_the_reason_unsupported_version) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "CONNACK reason=0x84");
  rig_hears_end(&r); /* no DISCONNECT */
  cr_expect_leq(r.g.retry_in, 1);
  has_fallen_back();
}

/* N65 */
Test(fallback, after_a_311_server_said_unacceptable_version) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "20 02 00 01");
  rig_hears_end(&r);
  has_fallen_back();
}

Test(fallback, after_two_connections_closed_without_a_byte) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  cr_expect_eq(r.g.n[NOTICE], 0);
  broker_hangs_up(&r.b);
  has_fallen_back();
}

Test(fallback, a_reset_counts_as_closed) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  broker_resets(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  broker_resets(&r.b);
  has_fallen_back();
}

Test(fallback, not_when_pinned_to_5) {
  begin(UVMQTT_VERSION_5);
  for (unsigned i = 1; i <= 3; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i);
  }
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "20 02 00 01");
  UNTIL(&r, r.g.n[DISCONNECTED] == 4);
  cr_expect_eq(r.g.error.code, UVMQTT_EVERSION);
  cr_expect_geq(r.g.retry_in, 30000);
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

Test(fallback, not_after_a_byte_came) {
  begin(UVMQTT_VERSION_ANY);
  for (unsigned i = 1; i <= 3; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    uint64_t before = guest_stats(&r.g).bytes_received;
    SAYS(&r, "20");
    UNTIL(&r, guest_stats(&r.g).bytes_received > before);
    broker_hangs_up(&r.b);
    UNTIL(&r, r.g.n[DISCONNECTED] == i);
  }
  HEARS(&r, "CONNECT version=5 ...");
  rig_close(&r);
}

Test(fallback, not_when_an_answer_lay_between_two_silent_ends) {
  begin(UVMQTT_VERSION_ANY);
  HEARS(&r, "CONNECT version=5 ...");
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  broker_hangs_up(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

Test(fallback, not_after_time_outs) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST, .connect_timeout = 20};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  for (unsigned i = 1; i <= 3; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    UNTIL(&r, r.g.n[DISCONNECTED] >= i); /* more when we are slow */
    cr_expect_eq(r.g.error.code, UV_ETIMEDOUT);
  }
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

/* Without waiting for the delay, however short it is. */
static void kick(struct guest *g) {
  if (uvmqtt_state(g->m) == UVMQTT_STATE_WAITING)
    guest_connect(g);
}

Test(fallback, not_after_other_refusals) {
  static const char *const answers[] = {"CONNACK reason=0x88", "20 02 00 03",
                                        "20 02 00 02"};
  begin(UVMQTT_VERSION_ANY);
  r.g.on[STATE] = kick;
  for (unsigned i = 0; i < 3; i++) {
    HEARS(&r, "CONNECT version=5 ...");
    SAYS(&r, answers[i]);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
  }
  HEARS(&r, "CONNECT version=5 ...");
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

Test(fallback, not_when_nobody_listened) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 4);
  broker_listens(&r.b);
  HEARS(&r, "CONNECT version=5 ...");
  rig_close(&r);
}

Test(fallback, not_on_our_own_wish_to_leave) {
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  for (unsigned i = 1; i <= 3; i++) {
    guest_connect(&r.g);
    HEARS(&r, "CONNECT version=5 ...");
    guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
    UNTIL(&r, r.g.n[LEFT] == i);
  }
  cr_expect_eq(r.g.n[NOTICE], 0);
  rig_close(&r);
}

/* Messages with properties cannot be said in 3.1.1. */
Test(fallback, queued_messages_go_over_in_what_311_can_say) {
  static const uvmqtt_property_t p[] = {UVMQTT_CONTENT_TYPE("x")};
  uvmqtt_message_t message = {
      .topic = "t", .qos = 1, .properties = p, .n_properties = 1};
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_assert_eq(guest_publish(&r.g, "t", "plain", 1), 0);
  cr_assert_eq(uvmqtt_publish(r.g.m, &message, guest_completed(),
                              (char *)&r.g + r.g.requests++, NULL),
               0);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 ...");
  SAYS(&r, "20 02 00 01");
  HEARS(&r, "CONNECT version=4 ...");
  SAYS(&r, "CONNACK");
  HEARS(&r, "PUBLISH id=1 qos=1 topic=t payload=plain");
  SAYS(&r, "PUBACK id=1");
  UNTIL(&r, r.g.n[COMPLETED] == 2);
  cr_expect_eq(r.g.status[0], 0);
  cr_expect_eq(r.g.status[1], UVMQTT_ENOTSUP);
  rig_close(&r);
}

/* The one attempt without delay is not a licence for more. */
Test(fallback, a_server_gone_meanwhile_is_not_tried_at_speed) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 40,
                        .reconnect_max = 60000};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT version=5 ...");
  broker_refuses(&r.b);
  SAYS(&r, "20 02 00 01");
  rig_rest(&r, 300);
  cr_expect_leq(guest_stats(&r.g).attempts, 20, "%u attempts",
                (unsigned)guest_stats(&r.g).attempts);
  rig_close(&r);
}
