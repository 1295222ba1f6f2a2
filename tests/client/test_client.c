/* The public calls: what they refuse, and that they call nobody back. */
#include "client/rig.h"
#include "support/suite.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

SUITE(client);

static char long_string[65537];

static const char *repeated(char c, size_t n) {
  memset(long_string, c, n);
  long_string[n] = '\0';
  return long_string;
}

static void never(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)m;
  (void)result;
  (void)arg;
  cr_assert(false, "a refused request called back");
}

/* All refusals of one test, then: not a byte was sent, no request is held. */
static void nothing_came_of_it(struct rig *r) {
  uvmqtt_stats_t s = guest_stats(&r->g);
  cr_expect_eq(s.queued, 0);
  cr_expect_eq(s.inflight, 0);
  cr_expect_eq(s.queued_bytes, 0);
  rig_hears_nothing(r, 20);
  cr_expect_eq(r->g.n[COMPLETED], 0);
  rig_close(r);
}

static struct rig *online(void) {
  static struct rig r;
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  return &r;
}

static int publish(struct rig *r, uvmqtt_message_t message) {
  uint64_t id = 77;
  int result;
  IN_CALL(r, result, uvmqtt_publish(r->g.m, &message, never, NULL, &id));
  if (result != 0)
    cr_expect_eq(id, 77, "ret_id set though refused");
  return result;
}

/* U01, U03, U04 */
Test(client, publish_refuses_what_cannot_work) {
  static const uvmqtt_property_t twice[] = {UVMQTT_CONTENT_TYPE("a"),
                                            UVMQTT_CONTENT_TYPE("b")};
  static const uvmqtt_property_t wild[] = {UVMQTT_RESPONSE_TOPIC("a/#")};
  static const uvmqtt_property_t bad[] = {UVMQTT_CONTENT_TYPE("\xff")};
  static const uvmqtt_property_t subid[] = {
      UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, 1)};
  static const uvmqtt_property_t unknown[] = {
      {(uvmqtt_property_id_t)0x7f, {.num = 1}}};
  static const uvmqtt_property_t range[] = {
      UVMQTT_PROPERTY_NUM(PAYLOAD_FORMAT_INDICATOR, 2)};
  static const char *const topics[] = {
      NULL,    "",   "+",    "#",        "a/+",          "a/#",
      "a+b",   "a#", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
      "ab\xc3"};
  struct rig *r = online();
  for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
    int got = publish(r, (uvmqtt_message_t){.topic = topics[i]});
    cr_expect_eq(got, UVMQTT_ETOPIC, "topic %zu: %s", i, uvmqtt_err_name(got));
  }
  cr_expect_eq(publish(r, (uvmqtt_message_t){.topic = repeated('t', 65536)}),
               UVMQTT_ETOPIC);
  cr_expect_eq(publish(r, (uvmqtt_message_t){.topic = "t", .qos = 3}),
               UVMQTT_EQOS);
  cr_expect_eq(publish(r, (uvmqtt_message_t){.topic = "t", .qos = 255}),
               UVMQTT_EQOS);
  cr_expect_eq(
      publish(r, (uvmqtt_message_t){.topic = "t", .payload = {NULL, 1}}),
      UV_EINVAL);
  const struct {
    const uvmqtt_property_t *p;
    size_t n;
    int code;
  } properties[] = {
      {subid, 1, UVMQTT_EPROPERTY},   {twice, 2, UVMQTT_EPROPERTY},
      {unknown, 1, UVMQTT_EPROPERTY}, {range, 1, UVMQTT_EPROPERTY},
      {wild, 1, UVMQTT_EPROPERTY},    {bad, 1, UVMQTT_EUTF8},
  };
  for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
    int got = publish(r, (uvmqtt_message_t){.topic = "t",
                                            .properties = properties[i].p,
                                            .n_properties = properties[i].n});
    cr_expect_eq(got, properties[i].code, "properties %zu: %s", i,
                 uvmqtt_err_name(got));
  }
  cr_expect_lt(publish(r, (uvmqtt_message_t){.topic = "t", .n_properties = 1}),
               0);
  nothing_came_of_it(r);
}

Test(client, publish_refuses_more_than_a_packet_can_hold) {
  struct rig *r = online();
  cr_expect_eq(
      publish(r, (uvmqtt_message_t){.topic = "t", .payload = {"x", 268435456}}),
      UVMQTT_ETOOBIG);
  cr_expect_eq(
      publish(r, (uvmqtt_message_t){.topic = "t", .payload = {"x", SIZE_MAX}}),
      UVMQTT_ETOOBIG);
  cr_expect_eq(publish(r, (uvmqtt_message_t){.topic = "t",
                                             .payload = {"x", SIZE_MAX - 40}}),
               UVMQTT_ETOOBIG);
  nothing_came_of_it(r);
}

/* One whose header alone takes it over: 268,435,455 is the Remaining Length.
 * The memory is there, or what reads it too early would crash. */
Test(client, the_limit_is_that_of_the_packet_not_of_the_payload) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .queue_bytes = UINT64_MAX};
  static struct rig r;
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  char *payload = calloc(1, 268435455);
  cr_expect_eq(publish(&r, (uvmqtt_message_t){.topic = "t",
                                              .payload = {payload, 268435455}}),
               UVMQTT_ETOOBIG);
  free(payload);
  rig_close(&r);
}

static int subscribe(struct rig *r, const uvmqtt_subscription_t *s, size_t n,
                     const uvmqtt_property_t *p, size_t n_p) {
  int result;
  IN_CALL(r, result, uvmqtt_subscribe(r->g.m, s, n, p, n_p, never, NULL, NULL));
  return result;
}

static int unsubscribe(struct rig *r, const char *const *filters, size_t n,
                       const uvmqtt_property_t *p, size_t n_p) {
  int result;
  IN_CALL(r, result,
          uvmqtt_unsubscribe(r->g.m, filters, n, p, n_p, never, NULL, NULL));
  return result;
}

/* U02 */
Test(client, subscribe_and_unsubscribe_refuse_bad_filters) {
  static const char *const filters[] = {
      NULL,        "",        "a#",         "#/a",         "a/#/b",
      "a+",        "+a",      "a/b+/c",     "$share/g",    "$share/g/",
      "$share//x", "$share/", "$share/+/x", "$share/a#/x", "\xff",
      "a\xc0\x80"};
  struct rig *r = online();
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
    uvmqtt_subscription_t s[] = {{.filter = "good"}, {.filter = filters[i]}};
    const char *list[] = {"good", filters[i]};
    cr_expect_eq(subscribe(r, s, 2, NULL, 0), UVMQTT_EFILTER, "%zu: %s", i,
                 filters[i]);
    cr_expect_eq(unsubscribe(r, list, 2, NULL, 0), UVMQTT_EFILTER, "%zu: %s", i,
                 filters[i]);
  }
  const char *big = repeated('f', 65536);
  uvmqtt_subscription_t s = {.filter = big};
  cr_expect_eq(subscribe(r, &s, 1, NULL, 0), UVMQTT_EFILTER);
  cr_expect_eq(unsubscribe(r, &big, 1, NULL, 0), UVMQTT_EFILTER);
  nothing_came_of_it(r);
}

Test(client, subscribe_and_unsubscribe_refuse_the_rest) {
  static const uvmqtt_property_t expiry[] = {UVMQTT_MESSAGE_EXPIRY(1)};
  static const uvmqtt_property_t id0[] = {
      UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, 0)};
  static const uvmqtt_property_t id1[] = {
      UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, 1)};
  const char *filter = "f";
  uvmqtt_subscription_t s = {.filter = "f"}, bad;
  struct rig *r = online();
  cr_expect_eq(subscribe(r, NULL, 1, NULL, 0), UV_EINVAL);
  cr_expect_eq(subscribe(r, &s, 0, NULL, 0), UV_EINVAL);
  cr_expect_eq(unsubscribe(r, NULL, 1, NULL, 0), UV_EINVAL);
  cr_expect_eq(unsubscribe(r, &filter, 0, NULL, 0), UV_EINVAL);
  bad = s;
  bad.qos = 3;
  cr_expect_eq(subscribe(r, &bad, 1, NULL, 0), UVMQTT_EQOS);
  bad = s;
  bad.retain_handling = 3;
  cr_expect_eq(subscribe(r, &bad, 1, NULL, 0), UV_EINVAL);
  /* [MQTT-3.8.3-4/5] */
  bad = (uvmqtt_subscription_t){.filter = "$share/g/f", .no_local = true};
  cr_expect_lt(subscribe(r, &bad, 1, NULL, 0), 0);
  cr_expect_eq(subscribe(r, &s, 1, expiry, 1), UVMQTT_EPROPERTY);
  cr_expect_eq(subscribe(r, &s, 1, id0, 1), UVMQTT_EPROPERTY);
  cr_expect_eq(unsubscribe(r, &filter, 1, id1, 1), UVMQTT_EPROPERTY);
  nothing_came_of_it(r);
}

Test(client, disconnect_refuses_bad_options) {
  static const uvmqtt_property_t reference[] = {
      UVMQTT_PROPERTY_STR(SERVER_REFERENCE, "x")};
  static const uvmqtt_property_t expiry[] = {
      UVMQTT_PROPERTY_NUM(SESSION_EXPIRY_INTERVAL, 5)};
  uvmqtt_options_t clean = {UVMQTT_OPTIONS_INIT,
                            .session = UVMQTT_SESSION_CLEAN};
  uvmqtt_disconnect_options_t good = {UVMQTT_DISCONNECT_OPTIONS_INIT}, o;
  static struct rig r;
  rig_open(&r);
  rig_online(&r, &clean, NULL);
  o = good;
  o.size = 0;
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o, never, NULL), UV_EINVAL);
  o = good;
  o.mode = (uvmqtt_disconnect_mode_t)9;
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o, never, NULL), UV_EINVAL);
  o = good;
  o.reason = 0x80;
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o, never, NULL), UV_EINVAL);
  o = good;
  o.properties = reference;
  o.n_properties = 1;
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o, never, NULL), UVMQTT_EPROPERTY);
  o.properties = expiry; /* [MQTT-3.14.2-2/5] */
  cr_expect_eq(uvmqtt_disconnect(r.g.m, &o, never, NULL), UVMQTT_EPROPERTY);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_ONLINE);
  nothing_came_of_it(&r);
}

Test(client, a_second_disconnect_is_refused_while_one_is_under_way) {
  struct rig *r = online();
  cr_expect_eq(guest_leave(&r->g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  cr_expect_eq(uvmqtt_disconnect(r->g.m, NULL, never, NULL), UV_EALREADY);
  HEARS(r, "DISCONNECT ...");
  broker_hangs_up(&r->b);
  UNTIL(r, r->g.n[LEFT] == 1);
  cr_expect_eq(guest_leave(&r->g, UVMQTT_DISCONNECT_FLUSH, 0), 0);
  UNTIL(r, r->g.n[LEFT] == 2);
  rig_close(r);
}

Test(client, null_is_refused_by_every_call) {
  uvmqtt_message_t message = {.topic = "t"};
  uvmqtt_subscription_t s = {.filter = "f"};
  uvmqtt_stats_t stats = {.size = sizeof stats};
  const char *filter = "f";
  cr_expect_eq(uvmqtt_connect(NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_publish(NULL, &message, never, NULL, NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_subscribe(NULL, &s, 1, NULL, 0, never, NULL, NULL),
               UV_EINVAL);
  cr_expect_eq(uvmqtt_unsubscribe(NULL, &filter, 1, NULL, 0, never, NULL, NULL),
               UV_EINVAL);
  cr_expect_eq(uvmqtt_ping(NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_read_stop(NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_read_start(NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_disconnect(NULL, NULL, never, NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_get_stats(NULL, &stats), UV_EINVAL);
  cr_expect_eq(uvmqtt_walk_close(NULL), 0);
  uvmqtt_close(NULL, NULL, NULL);
  struct rig *r = online();
  cr_expect_eq(uvmqtt_publish(r->g.m, NULL, never, NULL, NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_get_stats(r->g.m, NULL), UV_EINVAL);
  stats.size = 0;
  cr_expect_eq(uvmqtt_get_stats(r->g.m, &stats), UV_EINVAL);
  nothing_came_of_it(r);
}

Test(client, after_close_every_request_is_refused) {
  uvmqtt_message_t message = {.topic = "t"};
  uvmqtt_subscription_t s = {.filter = "f"};
  const char *filter = "f";
  struct rig *r = online();
  uvmqtt_t *m = r->g.m;
  guest_close(&r->g);
  cr_expect_eq(uvmqtt_state(m), UVMQTT_STATE_CLOSED);
  cr_expect_eq(uvmqtt_connect(m), UV_ECANCELED);
  cr_expect_eq(uvmqtt_publish(m, &message, never, NULL, NULL), UV_ECANCELED);
  cr_expect_eq(uvmqtt_subscribe(m, &s, 1, NULL, 0, never, NULL, NULL),
               UV_ECANCELED);
  cr_expect_eq(uvmqtt_unsubscribe(m, &filter, 1, NULL, 0, never, NULL, NULL),
               UV_ECANCELED);
  cr_expect_eq(uvmqtt_ping(m), UV_ECANCELED);
  cr_expect_eq(uvmqtt_read_stop(m), UV_ECANCELED);
  cr_expect_eq(uvmqtt_read_start(m), UV_ECANCELED);
  cr_expect_eq(uvmqtt_disconnect(m, NULL, never, NULL), UV_ECANCELED);
  uvmqtt_ref(m);
  uvmqtt_unref(m);
  uvmqtt_ref(m);
  cr_expect_eq(uvmqtt_get_loop(m), &r->loop);
  cr_expect(uvmqtt_last_error(m) != NULL);
  rig_close(r);
}

Test(client, stats_are_filled_as_far_as_the_caller_knows_them) {
  struct rig *r = online();
  uvmqtt_stats_t small, stats = guest_stats(&r->g);
  memset(&small, 0xee, sizeof small);
  small.size = offsetof(uvmqtt_stats_t, bytes_received);
  cr_assert_eq(uvmqtt_get_stats(r->g.m, &small), 0);
  cr_expect_eq(small.bytes_sent, stats.bytes_sent);
  cr_expect_eq(small.bytes_received, UINT64_C(0xeeeeeeeeeeeeeeee));
  cr_expect_eq(stats.connects, 1);
  cr_expect_eq(stats.attempts, 1);
  cr_expect_eq(stats.packets_sent, 1);
  cr_expect_eq(stats.packets_received, 1);
  cr_expect_eq(stats.bytes_received, 5);
  rig_close(r);
}

Test(client, ping_sends_one_and_only_when_online) {
  static struct rig r;
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_expect_eq(uvmqtt_ping(r.g.m), UV_ENOTCONN);
  rig_online(&r, NULL, NULL);
  cr_expect_eq(uvmqtt_ping(r.g.m), 0);
  HEARS(&r, "PINGREQ");
  SAYS(&r, "PINGRESP");
  rig_hears_nothing(&r, 10);
  rig_close(&r);
}

Test(client, a_new_client_opens_no_handle_and_closes_without_ever_connecting) {
  static struct rig r;
  rig_open(&r);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "mqtt://h"};
  uv_loop_t loop;
  uvmqtt_t *m;
  cr_assert_eq(uv_loop_init(&loop), 0);
  loop.data = &r;
  cr_assert_eq(uvmqtt_new(&loop, &o, &m), 0);
  cr_expect_eq(uv_loop_alive(&loop), 0);
  cr_expect_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
  uvmqtt_close(m, NULL, NULL);
  uvmqtt_close(m, NULL, NULL);
  cr_expect_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
  cr_expect_eq(loop.data, &r, "loop->data is the host's");
  cr_expect_eq(uv_loop_close(&loop), 0);
  rig_close(&r);
}

/* What is passed is copied before the call returns. */
Test(client, everything_passed_is_copied) {
  char url[64], id[] = "copy", topic[] = "topic", payload[] = "payload";
  char key[] = "k", value[] = "v", filter[] = "filter";
  static struct rig r;
  rig_open(&r);
  strcpy(url, r.b.url);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url, .client_id = id};
  guest_open(&r, &r.g, &o);
  memset(url, 0, sizeof url);
  memset(id, 'x', 4);
  uvmqtt_property_t p = UVMQTT_USER_PROPERTY(key, value);
  uvmqtt_message_t message = {.topic = topic,
                              .payload = {payload, 7},
                              .properties = &p,
                              .n_properties = 1};
  uvmqtt_subscription_t s = {.filter = filter};
  const char *list = filter;
  cr_assert_eq(uvmqtt_publish(r.g.m, &message, NULL, NULL, NULL), 0);
  cr_assert_eq(uvmqtt_subscribe(r.g.m, &s, 1, &p, 1, NULL, NULL, NULL), 0);
  cr_assert_eq(uvmqtt_unsubscribe(r.g.m, &list, 1, &p, 1, NULL, NULL, NULL), 0);
  memset(topic, 'x', 5);
  memset(payload, 'x', 7);
  memset(key, 'x', 1);
  memset(value, 'x', 1);
  memset(filter, 'x', 6);
  guest_connect(&r.g);
  HEARS(&r, "CONNECT client_id=copy ...");
  SAYS(&r, "CONNACK");
  HEARS(&r, "SUBSCRIBE id=1 filters=filter:0 user_property=k:v");
  HEARS(&r, "PUBLISH topic=topic payload=payload user_property=k:v");
  SAYS(&r, "SUBACK id=1 reasons=00");
  HEARS(&r, "UNSUBSCRIBE id=2 filters=filter user_property=k:v");
  rig_close(&r);
}

Test(client, ids_are_never_zero_and_never_used_again) {
  uvmqtt_message_t message = {.topic = "t"};
  uint64_t ids[100];
  struct rig *r = online();
  for (size_t i = 0; i < 100; i++) {
    message.qos = (uint8_t)(i % 3);
    cr_assert_eq(uvmqtt_publish(r->g.m, &message, NULL, NULL, &ids[i]), 0);
    cr_assert_neq(ids[i], 0);
    for (size_t k = 0; k < i; k++)
      cr_assert_neq(ids[i], ids[k]);
  }
  rig_close(r);
}

/* O22: every call in every callback; none calls back inside. */

static void call_connect(struct guest *g) {
  guest_connect(g);
}

static void call_publish(struct guest *g) {
  guest_publish(g, "t", "0", 0);
  guest_publish(g, "t", "1", 1);
  guest_publish(g, "t", "2", 2);
}

static void call_subscribe(struct guest *g) {
  guest_subscribe(g, "f", 1);
}

static void call_unsubscribe(struct guest *g) {
  guest_unsubscribe(g, "f");
}

static void call_ping(struct guest *g) {
  int result;
  IN_CALL(g->rig, result, uvmqtt_ping(g->m));
  cr_assert(result == 0 || result == UV_ENOTCONN);
}

static void call_read_stop(struct guest *g) {
  int result;
  IN_CALL(g->rig, result, uvmqtt_read_stop(g->m));
  IN_CALL(g->rig, result, uvmqtt_read_start(g->m));
  cr_assert_eq(result, 0);
}

static void call_leave(struct guest *g) {
  guest_leave(g, UVMQTT_DISCONNECT_FLUSH, 0);
}

static void call_leave_now_and_connect(struct guest *g) {
  guest_leave(g, UVMQTT_DISCONNECT_NOW, 0);
  guest_connect(g);
}

static void call_ref(struct guest *g) {
  uvmqtt_unref(g->m);
  uvmqtt_ref(g->m);
  guest_stats(g);
  uvmqtt_last_error(g->m);
}

static void (*const calls[])(struct guest *) = {
    call_connect, call_publish,   call_subscribe,
    call_ping,    call_read_stop, call_unsubscribe,
    call_leave,   call_ref,       call_leave_now_and_connect,
};

static unsigned calls_left;
static void (*call)(struct guest *);

static void do_call(struct guest *g) {
  if (calls_left > 0) {
    calls_left--;
    call(g);
  }
}

static void live_with_calls(enum heard what) {
  static struct rig r;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 2};
  rig_open(&r);
  r.b.polite = r.b.echo = true;
  guest_open(&r, &r.g, &o);
  r.g.on[what] = do_call;
  calls_left = 5;
  guest_publish(&r.g, "t", "0", 0);
  guest_publish(&r.g, "t", "1", 1);
  guest_connect(&r.g);
  rig_rest(&r, 4);
  guest_connect(&r.g);
  rig_rest(&r, 4);
  if (r.b.link != NULL)
    broker_hangs_up(&r.b);
  rig_rest(&r, 4);
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
  rig_rest(&r, 2);
  if (what != NOTICE)
    cr_expect_lt(calls_left, 5, "never came to %d", (int)what);
  r.g.on[what] = NULL;
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[COMPLETED] == r.g.requests);
  rig_close(&r);
}

Test(client, every_call_is_legal_in_every_callback) {
  for (int what = CONNECTED; what < CLOSED; what++)
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
      call = calls[i];
      live_with_calls((enum heard)what);
    }
}
