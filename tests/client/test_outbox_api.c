/* The queue as a program sees it: what gives way, what runs out of time, what
 * is taken back, and leaving when all is done. */
#include "client/rig.h"
#include "support/suite.h"
#include <string.h>

SUITE(outbox_api);

static struct rig r;
static size_t n_left;

#define FAST .reconnect_min = 4, .reconnect_max = 40
#define NAME(g, i) ((char *)(g) + (i))

static void begin(const uvmqtt_options_t *o) {
  rig_open(&r);
  guest_open(&r, &r.g, o);
}

static int send_id(const uvmqtt_message_t *m, uint64_t *ret_id) {
  int result;
  IN_CALL(&r, result,
          uvmqtt_publish(r.g.m, m, guest_completed(), NAME(&r.g, r.g.requests),
                         ret_id));
  r.g.requests += result == 0;
  return result;
}

#define SEND(...) send_id(&(uvmqtt_message_t){__VA_ARGS__}, NULL)

static void expect_done(unsigned i, int status) {
  UNTIL(&r, r.g.completions[i] == 1);
  cr_expect_eq(r.g.status[i], status, "request %u: %s", i,
               uvmqtt_err_name(r.g.status[i]));
}

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m, (void)arg;
  cr_assert_not(r.in_call);
  r.g.n[LEFT]++;
  r.g.left = result->status;
  n_left = result->n_left;
  if (r.g.on[LEFT] != NULL)
    r.g.on[LEFT](&r.g);
}

static void leave(uvmqtt_disconnect_mode_t mode, uint32_t timeout) {
  uvmqtt_disconnect_options_t o = {UVMQTT_DISCONNECT_OPTIONS_INIT, .mode = mode,
                                   .timeout = timeout};
  int result;
  n_left = 1000;
  IN_CALL(&r, result, uvmqtt_disconnect(r.g.m, &o, on_left, NULL));
  cr_assert_eq(result, 0);
}

static void expect_left(int status, size_t left) {
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(r.g.left, status, "left: %s", uvmqtt_err_name(r.g.left));
  cr_expect_eq(n_left, left, "%zu are left", n_left);
}

static void greeted(const char *connack) {
  HEARS(&r, "CONNECT ...");
  SAYS(&r, connack);
}

/* Overflow. */

Test(outbox_api, the_oldest_is_dropped_and_told_though_never_connected) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .queue_messages = 2,
                        .overflow = UVMQTT_OVERFLOW_DROP_OLDEST};
  begin(&o);
  for (unsigned i = 0; i < 4; i++)
    cr_assert_eq(guest_publish(&r.g, "a", "x", 1), 0);
  expect_done(0, UVMQTT_EDROPPED);
  expect_done(1, UVMQTT_EDROPPED);
  cr_expect_eq(guest_stats(&r.g).queued, 2);
  rig_close(&r);
}

Test(outbox_api, the_latest_of_a_topic_goes_out) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .overflow = UVMQTT_OVERFLOW_LATEST_PER_TOPIC};
  begin(&o);
  guest_publish(&r.g, "a", "1", 1);
  guest_publish(&r.g, "b", "1", 0);
  guest_publish(&r.g, "a", "2", 1);
  guest_connect(&r.g);
  greeted("CONNACK");
  HEARS(&r, "PUBLISH topic=a payload=2 qos=1 id=1");
  HEARS(&r, "PUBLISH topic=b payload=1");
  expect_done(0, UVMQTT_EDROPPED);
  expect_done(1, 0);
  rig_close(&r);
}

Test(outbox_api, a_full_queue_of_what_may_not_be_dropped_refuses) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .queue_messages = 1,
                        .overflow = UVMQTT_OVERFLOW_DROP_OLDEST_QOS0};
  begin(&o);
  cr_expect_eq(guest_publish(&r.g, "a", "x", 1), 0);
  cr_expect_eq(guest_publish(&r.g, "a", "x", 0), UVMQTT_EFULL);
  cr_expect_eq(guest_subscribe(&r.g, "a", 0), UVMQTT_EFULL);
  rig_close(&r);
}

Test(outbox_api, a_lost_session_drops_all_messages_on_demand) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST,
                        .session_lost = UVMQTT_LOST_DROP};
  rig_open(&r);
  rig_online(&r, &o, "CONNACK receive_maximum=1");
  guest_publish(&r.g, "a", "x", 1);
  guest_publish(&r.g, "b", "x", 2);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  broker_resets(&r.b);
  greeted("CONNACK sp=0");
  expect_done(0, UVMQTT_EDROPPED);
  expect_done(1, UVMQTT_EDROPPED);
  cr_expect_eq(r.g.n[NOTICE], 1);
  rig_close(&r);
}

Test(outbox_api, qos_0_is_refused_while_offline_on_demand) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .refuse_offline_qos0 = true};
  begin(&o);
  cr_expect_eq(guest_publish(&r.g, "a", "x", 0), UV_ENOTCONN);
  cr_expect_eq(guest_publish(&r.g, "a", "x", 1), 0);
  rig_online(&r, NULL, NULL);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  cr_expect_eq(guest_publish(&r.g, "a", "y", 0), 0);
  HEARS(&r, "PUBLISH topic=a payload=y");
  rig_close(&r);
}

Test(outbox_api, urgent_goes_first_and_bulk_last) {
  begin(NULL);
  SEND(.topic = "b", .lane = UVMQTT_LANE_BULK);
  SEND(.topic = "n");
  SEND(.topic = "u", .lane = UVMQTT_LANE_URGENT);
  cr_expect_eq(SEND(.topic = "x", .lane = (uvmqtt_lane_t)3), UV_EINVAL);
  guest_connect(&r.g);
  greeted("CONNACK");
  HEARS(&r, "PUBLISH topic=u");
  HEARS(&r, "PUBLISH topic=n");
  HEARS(&r, "PUBLISH topic=b");
  rig_close(&r);
}

/* Water marks. */

static char waters[64];

static void on_water(uvmqtt_t *m, bool high) {
  cr_assert_not(r.in_call);
  cr_assert_eq(m, r.g.m);
  strcat(waters, high ? "high " : "low ");
}

Test(outbox_api, water_marks_are_told_once_for_each_crossing) {
  static const char payload[1000];
  uvmqtt_message_t m = {.topic = "a", .payload = {payload, 1000}, .qos = 1};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_water = on_water,
                        .high_water = 10000, .low_water = 5000};
  begin(&o);
  for (int i = 0; i < 20; i++)
    cr_assert_eq(send_id(&m, NULL), 0);
  cr_expect_str_eq(waters, "");
  UNTIL(&r, waters[0] != '\0');
  cr_expect_str_eq(waters, "high ");
  r.b.polite = true;
  guest_connect(&r.g);
  expect_done(19, 0);
  rig_rest(&r, 5);
  cr_expect_str_eq(waters, "high low ");
  rig_close(&r);
}

Test(outbox_api, water_marks_are_silent_after_close) {
  static const char payload[1000];
  uvmqtt_message_t m = {.topic = "a", .payload = {payload, 1000}, .qos = 1};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_water = on_water,
                        .high_water = 3000};
  begin(&o);
  for (int i = 0; i < 5; i++)
    send_id(&m, NULL);
  UNTIL(&r, waters[0] != '\0');
  rig_close(&r);
  cr_expect_str_eq(waters, "high ");
}

/* Time-outs. */

Test(outbox_api, a_message_times_out_though_never_connected) {
  begin(NULL);
  uint64_t start = rig_clock();
  SEND(.topic = "a", .qos = 1, .timeout = 60);
  SEND(.topic = "b", .qos = 0, .timeout = 20);
  SEND(.topic = "c", .qos = 2);
  expect_done(1, UV_ETIMEDOUT);
  cr_expect_geq(rig_clock() - start, 19);
  cr_expect_eq(r.g.n_order, 1);
  expect_done(0, UV_ETIMEDOUT);
  cr_expect_geq(rig_clock() - start, 59);
  rig_rest(&r, 10);
  cr_expect_eq(r.g.n_order, 2);
  rig_close(&r);
}

Test(outbox_api, a_message_times_out_while_the_client_waits_to_reconnect) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 30000};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  SEND(.topic = "a", .qos = 1, .timeout = 20);
  expect_done(0, UV_ETIMEDOUT);
  rig_close(&r);
}

Test(outbox_api, a_message_expires_when_it_expires) {
  uvmqtt_property_t one = UVMQTT_MESSAGE_EXPIRY(1);
  begin(NULL);
  SEND(.topic = "a", .qos = 1, .properties = &one, .n_properties = 1);
  expect_done(0, UVMQTT_EEXPIRED);
  rig_close(&r);
}

Test(outbox_api, an_unanswered_message_times_out_and_keeps_its_id) {
  rig_open(&r);
  rig_online(&r, NULL, "CONNACK receive_maximum=1");
  SEND(.topic = "a", .qos = 1, .timeout = 20);
  HEARS(&r, "PUBLISH topic=a qos=1 id=1");
  expect_done(0, UV_ETIMEDOUT);
  SEND(.topic = "b", .qos = 1);
  rig_hears_nothing(&r, 10);
  SAYS(&r, "PUBACK id=1");
  HEARS(&r, "PUBLISH topic=b qos=1 id=2");
  rig_close(&r);
}

static void publish_with_timeout(struct guest *g) {
  g->on[COMPLETED] = NULL;
  SEND(.topic = "again", .qos = 1, .timeout = 20);
}

Test(outbox_api, a_callback_may_send_the_next_one_with_a_timeout) {
  begin(NULL);
  r.g.on[COMPLETED] = publish_with_timeout;
  SEND(.topic = "a", .qos = 1, .timeout = 10);
  expect_done(0, UV_ETIMEDOUT);
  expect_done(1, UV_ETIMEDOUT);
  rig_close(&r);
}

/* Cancelling and listing. */

static int cancel(uint64_t id) {
  int result;
  IN_CALL(&r, result, uvmqtt_cancel(r.g.m, id));
  return result;
}

Test(outbox_api, cancel_takes_back_what_waits) {
  uint64_t id;
  begin(NULL);
  cr_expect_eq(uvmqtt_cancel(NULL, 1), UV_EINVAL);
  cr_expect_eq(cancel(0), UV_ENOENT);
  cr_expect_eq(cancel(1), UV_ENOENT);
  cr_assert_eq(send_id(&(uvmqtt_message_t){.topic = "a"}, &id), 0);
  guest_publish(&r.g, "b", "x", 0);
  cr_expect_eq(cancel(id), 0);
  cr_expect_eq(cancel(id), UV_ENOENT);
  cr_expect_eq(r.g.completions[0], 0);
  expect_done(0, UV_ECANCELED);
  rig_online(&r, NULL, NULL);
  HEARS(&r, "PUBLISH topic=b payload=x");
  guest_close(&r.g);
  cr_expect_eq(uvmqtt_cancel(r.g.m, id), UV_ECANCELED);
  rig_close(&r);
}

static uint64_t other;

static void cancel_other(struct guest *g) {
  g->on[COMPLETED] = NULL;
  cr_expect_eq(cancel(other), 0);
}

Test(outbox_api, cancel_is_legal_in_a_completion) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  guest_publish(&r.g, "a", "x", 1);
  send_id(&(uvmqtt_message_t){.topic = "b", .qos = 2}, &other);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  HEARS(&r, "PUBLISH topic=b qos=2 id=2");
  r.g.on[COMPLETED] = cancel_other;
  SAYS(&r, "PUBACK id=1");
  expect_done(0, 0);
  expect_done(1, UV_ECANCELED);
  SAYS(&r, "PUBREC id=2");
  HEARS(&r, "PUBREL id=2");
  rig_close(&r);
}

Test(outbox_api, lists_what_is_pending_oldest_first) {
  uvmqtt_pending_t list[4];
  uvmqtt_pending_t none = {.id = 77};
  begin(NULL);
  cr_expect_eq(uvmqtt_get_pending(NULL, list, 4), 0);
  cr_expect_eq(uvmqtt_get_pending(r.g.m, list, 4), 0);
  SEND(.topic = "b", .qos = 2, .lane = UVMQTT_LANE_BULK);
  guest_subscribe(&r.g, "s/#", 1);
  guest_unsubscribe(&r.g, "u");
  SEND(.topic = "u", .lane = UVMQTT_LANE_URGENT);
  SEND(.topic = "n", .qos = 1);
  list[3] = none;
  cr_expect_eq(uvmqtt_get_pending(r.g.m, NULL, 0), 5);
  cr_expect_eq(uvmqtt_get_pending(r.g.m, list, 3), 5);
  cr_expect_eq(list[3].id, 77, "not written beyond n");
  cr_expect_eq(uvmqtt_get_pending(r.g.m, list, 4), 5);
  static const uint8_t types[] = {UVMQTT_PUBLISH, UVMQTT_SUBSCRIBE,
                                  UVMQTT_UNSUBSCRIBE, UVMQTT_PUBLISH};
  static const char *const topics[] = {"b", "s/#", "u", "u"};
  for (int i = 0; i < 4; i++) {
    cr_expect_eq(list[i].type, types[i]);
    cr_expect_str_eq(list[i].topic, topics[i]);
    cr_expect_not(list[i].sent);
    cr_expect_gt(list[i].bytes, 100);
  }
  cr_expect_eq(list[0].qos, 2);
  rig_online(&r, NULL, "CONNACK receive_maximum=1");
  UNTIL(&r, guest_stats(&r.g).inflight == 3);
  cr_expect_eq(uvmqtt_get_pending(r.g.m, list, 4), 4);
  cr_expect(list[0].type == UVMQTT_PUBLISH && !list[0].sent); /* bulk */
  cr_expect(list[1].type == UVMQTT_SUBSCRIBE && list[1].sent);
  cr_expect(list[2].type == UVMQTT_UNSUBSCRIBE && list[2].sent);
  cr_expect(list[3].type == UVMQTT_PUBLISH && list[3].sent);
  guest_close(&r.g);
  rig_close(&r);
}

/* Leaving when all is done. */

Test(outbox_api, drain_waits_for_the_acknowledgements) {
  rig_open(&r);
  rig_online(&r, NULL, "CONNACK receive_maximum=1");
  guest_publish(&r.g, "a", "x", 1);
  guest_publish(&r.g, "b", "x", 2);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  rig_hears_nothing(&r, 10);
  SAYS(&r, "PUBACK id=1");
  HEARS(&r, "PUBLISH topic=b payload=x qos=2 id=2");
  guest_publish(&r.g, "c", "meanwhile", 1);
  SAYS(&r, "PUBREC id=2");
  HEARS(&r, "PUBREL id=2");
  SAYS(&r, "PUBCOMP id=2");
  HEARS(&r, "PUBLISH topic=c payload=meanwhile qos=1 id=3");
  SAYS(&r, "PUBACK id=3");
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  rig_hears_end(&r);
  broker_hangs_up(&r.b);
  expect_left(0, 0);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  rig_close(&r);
}

Test(outbox_api, drain_with_nothing_held_leaves_at_once) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  broker_hangs_up(&r.b);
  expect_left(0, 0);
  rig_close(&r);
}

Test(outbox_api, drain_when_offline_says_what_is_left) {
  begin(NULL);
  guest_publish(&r.g, "a", "x", 0);
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  expect_left(0, 1);
  cr_expect_eq(r.b.accepted, 0);
  rig_close(&r);
}

Test(outbox_api, drain_gives_up_with_a_disconnect) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  guest_publish(&r.g, "a", "x", 1);
  guest_publish(&r.g, "b", "x", 0);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  HEARS(&r, "PUBLISH topic=b payload=x");
  leave(UVMQTT_DISCONNECT_DRAIN, 30);
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  broker_hangs_up(&r.b);
  expect_left(UV_ETIMEDOUT, 1);
  cr_expect_eq(r.g.completions[0], 0);
  rig_close(&r);
}

Test(outbox_api, drain_does_not_wait_for_what_was_cancelled) {
  uint64_t id;
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  send_id(&(uvmqtt_message_t){.topic = "a", .qos = 1}, &id);
  HEARS(&r, "PUBLISH topic=a qos=1 id=1");
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  rig_hears_nothing(&r, 5);
  cancel(id);
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  broker_hangs_up(&r.b);
  expect_left(0, 0);
  rig_close(&r);
}

Test(outbox_api, drain_reconnects_when_it_must) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  guest_publish(&r.g, "a", "x", 1);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  rig_rest(&r, 2);
  broker_resets(&r.b);
  greeted("CONNACK sp=1");
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1 dup=1");
  cr_expect_eq(r.g.n[LEFT], 0);
  SAYS(&r, "PUBACK id=1");
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  broker_hangs_up(&r.b);
  expect_left(0, 0);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  rig_close(&r);
}

Test(outbox_api, drain_begins_before_the_connection_does) {
  begin(NULL);
  guest_connect(&r.g);
  guest_publish(&r.g, "a", "x", 1);
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  greeted("CONNACK");
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  SAYS(&r, "PUBACK id=1");
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  broker_hangs_up(&r.b);
  expect_left(0, 0);
  rig_close(&r);
}

Test(outbox_api, drain_ends_in_time_when_the_server_is_gone) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  guest_publish(&r.g, "a", "x", 1);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  broker_refuses(&r.b);
  broker_resets(&r.b);
  leave(UVMQTT_DISCONNECT_DRAIN, 60);
  expect_left(UV_ETIMEDOUT, 1);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  rig_close(&r);
}

Test(outbox_api, drain_ends_when_there_is_no_reconnecting) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_max = UVMQTT_OFF};
  rig_open(&r);
  rig_online(&r, &o, NULL);
  guest_publish(&r.g, "a", "x", 1);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  rig_rest(&r, 2);
  broker_resets(&r.b);
  expect_left(UV_ECONNRESET, 1);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  rig_close(&r);
}

Test(outbox_api, drain_then_the_connect_that_came_meanwhile) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  guest_publish(&r.g, "a", "x", 1);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  rig_rest(&r, 2);
  cr_assert_eq(guest_connect(&r.g), 0);
  rig_hears_nothing(&r, 5);
  SAYS(&r, "PUBACK id=1");
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  broker_hangs_up(&r.b);
  expect_left(0, 0);
  greeted("CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  rig_close(&r);
}

Test(outbox_api, drain_while_waiting_drains_when_the_last_one_times_out) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 30000};
  begin(&o);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  SEND(.topic = "a", .qos = 1, .timeout = 20);
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  expect_left(0, 0);
  expect_done(0, UV_ETIMEDOUT);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  rig_close(&r);
}

Test(outbox_api, close_cuts_a_drain_short) {
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  guest_publish(&r.g, "a", "x", 1);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  leave(UVMQTT_DISCONNECT_DRAIN, 0);
  rig_rest(&r, 2);
  guest_close(&r.g);
  expect_left(UV_ECANCELED, 0);
  rig_close(&r);
}

Test(outbox_api, flush_says_what_is_left) {
  rig_open(&r);
  rig_online(&r, NULL, "CONNACK receive_maximum=1");
  guest_publish(&r.g, "a", "x", 1);
  guest_publish(&r.g, "b", "x", 1);
  leave(UVMQTT_DISCONNECT_FLUSH, 0);
  HEARS(&r, "PUBLISH topic=a payload=x qos=1 id=1");
  HEARS(&r, "DISCONNECT session_expiry_interval=0");
  broker_hangs_up(&r.b);
  expect_left(0, 2);
  rig_close(&r);
}
