/* Servers that send us elsewhere, and what the limits say. */
#include "base/alloc.h"
#include "client/rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(redirect);

static struct rig r;
static struct broker other, third;

/* What on_redirect said and will answer. */
static struct {
  unsigned asked;
  uvmqtt_redirect_t last;
  char reference[200];
  uvmqtt_redirect_verdict_t verdict;
  void (*inside)(uvmqtt_t *m);
} policy;

static uvmqtt_redirect_verdict_t
on_redirect(uvmqtt_t *m, const uvmqtt_redirect_t *redirect) {
  cr_assert(!r.in_call, "a callback inside a call");
  cr_assert(!r.g.closing);
  policy.asked++;
  policy.last = *redirect;
  snprintf(policy.reference, sizeof policy.reference, "%s",
           redirect->reference);
  if (policy.inside != NULL)
    policy.inside(m);
  return policy.verdict;
}

#define FAST .reconnect_min = 1, .reconnect_max = 2

static const uvmqtt_message_t will = {.topic = "w"};

static uvmqtt_options_t defaults(void) {
  return (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, FAST,
                            .username = "u",     .password = {"secret", 6},
                            .will = &will,       .on_redirect = on_redirect};
}

static void begin_with(const uvmqtt_options_t *o,
                       uvmqtt_redirect_verdict_t verdict) {
  memset(&policy, 0, sizeof policy);
  policy.verdict = verdict;
  rig_open(&r);
  r.crowded = true; /* the other brokers */
  broker_open(&other, &r.loop);
  broker_open(&third, &r.loop);
  guest_open(&r, &r.g, o);
  guest_connect(&r.g);
}

static void begin(uvmqtt_redirect_verdict_t verdict) {
  uvmqtt_options_t o = defaults();
  begin_with(&o, verdict);
}

static void end(void) {
  broker_close(&other);
  broker_close(&third);
  rig_close(&r);
}

/* The next packet of a broker, waited for. */
static const char *heard_by(struct broker *b) {
  const char *got;
  UNTIL(&r, (got = broker_next(b)) != NULL);
  return got;
}

#define HEARS_AT(b, expected)                                                  \
  do {                                                                         \
    const char *got = heard_by(b);                                             \
    cr_assert(broker_matches(got, expected), "heard %s", got);                 \
  } while (0)

/* Says a redirect to `to` after CONNECT, in CONNACK. */
static void sends_on(struct broker *b, const char *reason,
                     const struct broker *to) {
  char line[200];
  HEARS_AT(b, "CONNECT ...");
  snprintf(line, sizeof line, "CONNACK reason=%s server_reference=127.0.0.1:%u",
           reason, to->port);
  broker_says(b, line);
}

static const char *const with_secrets =
    "CONNECT username=u password=secret will.topic=w ...";

static void expect_no_secrets(struct broker *b) {
  const char *got = heard_by(b);
  cr_assert(broker_matches(got, "CONNECT ..."), "%s", got);
  cr_assert_null(strstr(got, "username"), "%s", got);
  cr_assert_null(strstr(got, "password"), "%s", got);
  cr_assert_null(strstr(got, "will"), "%s", got);
}

static void comes_online(struct broker *b) {
  unsigned before = r.g.n[CONNECTED];
  broker_says(b, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == before + 1);
}

static void expect_slow(void) {
  unsigned before = r.g.n[DISCONNECTED];
  if (before == 0)
    UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_geq(r.g.retry_in, 30000, "%d", (int)r.g.retry_in);
}

/* ---- who is asked, and when ---- */

/* N64 */
Test(redirect, is_not_followed_by_default) {
  uvmqtt_options_t o = defaults();
  o.on_redirect = NULL;
  begin_with(&o, UVMQTT_REDIRECT_FOLLOW);
  sends_on(&r.b, "0x9d", &other);
  expect_slow();
  cr_expect_eq(r.g.error.code, UVMQTT_EREFUSED);
  cr_expect_eq(r.g.error.reason, UVMQTT_REASON_SERVER_MOVED);
  cr_expect_neq(r.g.hint[0], '\0');
  rig_rest(&r, 20);
  cr_expect_eq(other.accepted, 0);
  end();
}

Test(redirect, is_reported_and_ignored_when_the_user_says_so) {
  begin(UVMQTT_REDIRECT_IGNORE);
  HEARS(&r, with_secrets);
  SAYS(&r, "CONNACK reason=0x9c server_reference=a.example:1_[::1]:2");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(policy.asked, 1);
  cr_expect_eq(policy.last.reason, UVMQTT_REASON_USE_ANOTHER_SERVER);
  cr_expect_str_eq(policy.reference, "a.example:1_[::1]:2");
  cr_expect_not(policy.last.permanent);
  expect_slow();
  end();
}

/* "The Client uses another server that it knows": we know none. */
Test(redirect, without_a_reference_nobody_is_asked) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  HEARS(&r, with_secrets);
  SAYS(&r, "CONNACK reason=0x9c");
  expect_slow();
  cr_expect_eq(policy.asked, 0);
  end();
}

Test(redirect, a_reference_with_another_reason_is_none) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  HEARS(&r, with_secrets);
  SAYS(&r, "CONNACK reason=0x88 server_reference=127.0.0.1:1");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(policy.asked, 0);
  end();
}

Test(redirect, nobody_is_asked_when_there_is_no_further_attempt) {
  uvmqtt_options_t o = defaults();
  o.reconnect_max = UVMQTT_OFF;
  begin_with(&o, UVMQTT_REDIRECT_FOLLOW);
  sends_on(&r.b, "0x9c", &other);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  cr_expect_eq(policy.asked, 0);
  cr_expect_eq(r.g.retry_in, UVMQTT_OFF);
  end();
}

/* ---- following ---- */

Test(redirect, for_now_goes_there_once_and_without_secrets) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  sends_on(&r.b, "0x9c", &other);
  expect_no_secrets(&other);
  comes_online(&other);
  cr_expect_eq(r.g.n[DISCONNECTED], 1);
  cr_expect_eq(r.g.retry_in, 1);
  broker_resets(&other);
  HEARS_AT(&r.b, with_secrets);
  comes_online(&r.b);
  cr_expect_eq(other.accepted, 1);
  end();
}

Test(redirect, for_good_goes_there_from_now_on) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  sends_on(&r.b, "0x9d", &other);
  cr_expect_eq(r.b.accepted, 1);
  for (int i = 0; i < 3; i++) {
    expect_no_secrets(&other);
    comes_online(&other);
    broker_resets(&other);
  }
  expect_no_secrets(&other);
  cr_expect(policy.last.permanent);
  cr_expect_eq(r.b.accepted, 1);
  end();
}

Test(redirect, for_good_outlives_a_disconnect) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  sends_on(&r.b, "0x9d", &other);
  expect_no_secrets(&other);
  comes_online(&other);
  guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
  HEARS_AT(&other, "DISCONNECT ...");
  broker_hangs_up(&other);
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_OFFLINE);
  guest_connect(&r.g);
  expect_no_secrets(&other);
  end();
}

Test(redirect, with_credentials_when_the_user_says_so) {
  begin(UVMQTT_REDIRECT_FOLLOW_WITH_CREDENTIALS);
  sends_on(&r.b, "0x9d", &other);
  HEARS_AT(&other, with_secrets);
  comes_online(&other);
  broker_resets(&other);
  HEARS_AT(&other, with_secrets);
  end();
}

Test(redirect, in_disconnect_counts_as_well) {
  char line[100];
  begin(UVMQTT_REDIRECT_FOLLOW);
  HEARS(&r, with_secrets);
  comes_online(&r.b);
  snprintf(line, sizeof line,
           "DISCONNECT reason=0x9c server_reference=127.0.0.1:%u", other.port);
  SAYS(&r, line);
  expect_no_secrets(&other);
  cr_expect_eq(r.g.error.code, UVMQTT_EDISCONNECTED);
  cr_expect(r.g.was_online);
  end();
}

/* What waits goes on there, as after any reconnect. */
Test(redirect, requests_go_on_at_the_other_server) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  guest_publish(&r.g, "t", "x", 1);
  sends_on(&r.b, "0x9c", &other);
  expect_no_secrets(&other);
  broker_says(&other, "CONNACK");
  HEARS_AT(&other, "PUBLISH id=1 qos=1 topic=t payload=x");
  broker_says(&other, "PUBACK id=1");
  UNTIL(&r, r.g.n[COMPLETED] == 1);
  cr_expect_eq(r.g.status[0], 0);
  end();
}

Test(redirect, that_leads_nowhere_ends_where_it_began) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  broker_refuses(&other);
  rig_rest(&r, 1);
  sends_on(&r.b, "0x9c", &other);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.error.code, UV_ECONNREFUSED);
  cr_expect_leq(r.g.retry_in, 2); /* a lost connection, not a refusal */
  HEARS_AT(&r.b, with_secrets);
  end();
}

Test(redirect, for_now_from_where_we_were_sent_for_good) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  sends_on(&r.b, "0x9d", &other);
  UNTIL(&r, policy.asked == 1);
  policy.verdict = UVMQTT_REDIRECT_FOLLOW_WITH_CREDENTIALS;
  sends_on(&other, "0x9c", &third);
  HEARS_AT(&third, with_secrets);
  comes_online(&third);
  broker_resets(&third);
  expect_no_secrets(&other);
  cr_expect_eq(r.b.accepted, 1);
  end();
}

/* The first of several counts; what cannot be used is not followed. */
Test(redirect, takes_the_first_entry) {
  char entries[100];
  uint8_t packet[120];
  begin(UVMQTT_REDIRECT_FOLLOW);
  HEARS(&r, with_secrets);
  int n = snprintf(entries, sizeof entries, "127.0.0.1:%u 127.0.0.1:%u",
                   other.port, third.port);
  uint8_t head[] = {0x20, (uint8_t)(n + 6), 0, 0x9c, (uint8_t)(n + 3), 0x1c,
                    0,    (uint8_t)n};
  memcpy(packet, head, sizeof head);
  memcpy(packet + sizeof head, entries, (size_t)n);
  broker_sends(r.b.link, packet, sizeof head + (size_t)n);
  expect_no_secrets(&other);
  cr_expect_str_eq(policy.reference, entries);
  cr_expect_eq(third.accepted, 0);
  end();
}

Test(redirect, is_not_followed_to_what_is_no_server) {
  static const char *const bad[] = {"mqtt://127.0.0.1:1",
                                    "user@127.0.0.1",
                                    "127.0.0.1:0",
                                    "127.0.0.1:65536",
                                    ":1883",
                                    "[::1",
                                    "a/b"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char line[200];
    begin(UVMQTT_REDIRECT_FOLLOW);
    HEARS(&r, with_secrets);
    snprintf(line, sizeof line, "CONNACK reason=0x9c server_reference=%s",
             bad[i]);
    SAYS(&r, line);
    expect_slow();
    cr_expect_eq(policy.asked, 1);
    end();
  }
}

/* ---- loops ---- */

Test(redirect, in_circles_is_followed_five_times) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  struct broker *at = &r.b, *to = &other;
  for (int i = 0; i < 6; i++) {
    sends_on(at, i % 2 == 0 ? "0x9d" : "0x9c", to);
    at = to;
    to = at == &r.b ? &other : &r.b;
  }
  UNTIL(&r, r.g.n[DISCONNECTED] == 6);
  cr_expect_eq(policy.asked, 5);
  expect_slow();
  UNTIL(&r, uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  guest_connect(&r.g); /* at once, where it began, and with all it has */
  HEARS_AT(&r.b, with_secrets);
  end();
}

/* A CONNACK in between does not make it better, a stable connection does. */
static void redirected_online(unsigned times, uint32_t stable, unsigned rest) {
  uvmqtt_options_t o = defaults();
  o.reconnect_stable = stable;
  begin_with(&o, UVMQTT_REDIRECT_FOLLOW);
  struct broker *at = &r.b, *to = &other;
  for (unsigned i = 0; i < times; i++) {
    char line[100];
    HEARS_AT(at, "CONNECT ...");
    comes_online(at);
    rig_rest(&r, rest);
    snprintf(line, sizeof line,
             "DISCONNECT reason=0x9d server_reference=127.0.0.1:%u", to->port);
    broker_says(at, line);
    UNTIL(&r, r.g.n[DISCONNECTED] == i + 1);
    at = to;
    to = at == &r.b ? &other : &r.b;
  }
}

Test(redirect, in_circles_with_a_short_stay_is_a_circle_as_well) {
  redirected_online(6, 10000, 1);
  cr_expect_eq(policy.asked, 5);
  expect_slow();
  end();
}

Test(redirect, after_a_stable_connection_counts_anew) {
  redirected_online(8, 5, 10);
  cr_expect_eq(policy.asked, 8);
  cr_expect_eq(r.g.retry_in, 1);
  end();
}

/* ---- the version ---- */

/* The other server speaks 3.1.1 only; the fall-back is tried there, and
 * forgotten on the way home. */
Test(redirect, falls_back_at_the_server_that_needs_it) {
  begin(UVMQTT_REDIRECT_FOLLOW_WITH_CREDENTIALS);
  sends_on(&r.b, "0x9c", &other);
  HEARS_AT(&other, "CONNECT version=5 ...");
  broker_sends(other.link, "\x20\x02\x00\x01", 4);
  HEARS_AT(&other, "CONNECT version=4 ...");
  comes_online(&other);
  cr_expect_eq(r.g.n[NOTICE], 1);
  broker_resets(&other);
  HEARS_AT(&r.b, "CONNECT version=5 ...");
  end();
}

/* What came of an earlier attempt says nothing about this one. */
Test(redirect, a_fall_back_hurries_once) {
  uvmqtt_options_t o = defaults();
  o.reconnect_min = 1000000;
  o.reconnect_max = 1000000;
  begin_with(&o, UVMQTT_REDIRECT_IGNORE);
  HEARS(&r, "CONNECT version=5 ...");
  broker_refuses(&r.b);
  broker_sends(r.b.link, "\x20\x02\x00\x01", 4);
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  cr_expect_eq(r.g.error.code, UV_ECONNREFUSED);
  rig_rest(&r, 20);
  cr_expect_eq(r.g.n[DISCONNECTED], 2);
  end();
}

/* ---- calls in the callback ---- */

static void close_there(uvmqtt_t *m) {
  (void)m;
  guest_close(&r.g);
}

static void leave_there(uvmqtt_t *m) {
  (void)m;
  guest_leave(&r.g, UVMQTT_DISCONNECT_FLUSH, 0);
}

static void connect_there(uvmqtt_t *m) {
  uvmqtt_limits_t limits = {.size = sizeof limits};
  guest_connect(&r.g);
  guest_publish(&r.g, "t", "x", 0);
  cr_expect_eq(uvmqtt_ping(m), UV_ENOTCONN);
  cr_expect_eq(uvmqtt_get_limits(m, &limits), UV_ENOTCONN);
}

Test(redirect, close_in_the_callback_is_the_end) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  policy.inside = close_there;
  sends_on(&r.b, "0x9c", &other);
  UNTIL(&r, r.g.closed);
  cr_expect_eq(other.accepted, 0);
  end();
}

Test(redirect, disconnect_in_the_callback_ends_it) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  policy.inside = leave_there;
  sends_on(&r.b, "0x9c", &other);
  UNTIL(&r, r.g.n[LEFT] == 1);
  cr_expect_eq(uvmqtt_state(r.g.m), UVMQTT_STATE_OFFLINE);
  policy.inside = NULL;
  guest_connect(&r.g);
  HEARS_AT(&r.b, with_secrets);
  end();
}

Test(redirect, requests_in_the_callback_go_to_the_other_server) {
  begin(UVMQTT_REDIRECT_FOLLOW);
  policy.inside = connect_there;
  sends_on(&r.b, "0x9c", &other);
  expect_no_secrets(&other);
  broker_says(&other, "CONNACK");
  HEARS_AT(&other, "PUBLISH topic=t payload=x");
  UNTIL(&r, r.g.n[COMPLETED] == 1);
  end();
}

/* ---- without memory ---- */

static uint64_t fail_at;

static void starve(uvmqtt_t *m) {
  (void)m;
  um_alloc_fail_at(fail_at, false);
}

Test(redirect, is_not_followed_without_memory) {
  fail_at = 1;
  begin(UVMQTT_REDIRECT_FOLLOW);
  policy.inside = starve;
  sends_on(&r.b, "0x9c", &other);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  um_alloc_fail_at(0, false);
  expect_slow();
  end();
}

/* ---- limits ---- */

Test(redirect, limits_are_those_of_the_connection) {
  uvmqtt_limits_t l = {.size = sizeof l};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        FAST,
                        .client_id = "",
                        .max_inflight = 7,
                        .topic_alias_maximum = 3,
                        .request_response_information = true,
                        .no_problem_information = true};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  guest_connect(&r.g);
  cr_expect_eq(uvmqtt_get_limits(r.g.m, &l), UV_ENOTCONN);
  HEARS(&r, "CONNECT topic_alias_maximum=3 request_response_information=1 "
            "request_problem_information=0 ...");
  SAYS(&r, "CONNACK assigned_client_identifier=given server_keep_alive=9 "
           "receive_maximum=8 maximum_packet_size=1000 maximum_qos=1 "
           "retain_available=0 wildcard_subscription_available=0 "
           "shared_subscription_available=0 topic_alias_maximum=6 "
           "subscription_identifier_available=0 session_expiry_interval=11 "
           "response_information=replies/here");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_assert_eq(uvmqtt_get_limits(r.g.m, &l), 0);
  cr_expect_eq(l.size, sizeof l);
  cr_expect_eq(l.version, 5);
  cr_expect_eq(l.keep_alive, 9);
  cr_expect_eq(l.receive_maximum, 7);
  cr_expect_eq(l.maximum_packet_size, 1000);
  cr_expect_eq(l.maximum_qos, 1);
  cr_expect_not(l.retain_available || l.wildcard_available ||
                l.shared_available || l.identifier_available);
  cr_expect_eq(l.topic_alias_maximum, 6);
  cr_expect_eq(l.session_expiry, 11);
  cr_expect_str_eq(l.response_information, "replies/here");
  cr_expect_str_eq(l.client_id, "given");
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(uvmqtt_get_limits(r.g.m, &l), UV_ENOTCONN);
  rig_close(&r);
}

Test(redirect, limits_are_filled_as_far_as_asked) {
  uvmqtt_limits_t l;
  memset(&l, 0xEE, sizeof l);
  l.size = offsetof(uvmqtt_limits_t, maximum_qos);
  rig_open(&r);
  rig_online(&r, NULL, NULL);
  cr_expect_eq(uvmqtt_get_limits(NULL, &l), UV_EINVAL);
  cr_expect_eq(uvmqtt_get_limits(r.g.m, NULL), UV_EINVAL);
  cr_expect_eq(uvmqtt_get_limits(r.g.m, &l), 0);
  cr_expect_eq(l.version, 5);
  cr_expect_eq(l.maximum_packet_size, 268435460);
  cr_expect_eq(l.maximum_qos, 0xEE);
  l.size = 0;
  cr_expect_eq(uvmqtt_get_limits(r.g.m, &l), UV_EINVAL);
  rig_close(&r);
}

/* ---- aliases are ours ---- */

Test(redirect, an_alias_of_the_users_is_refused) {
  const uvmqtt_property_t p = UVMQTT_PROPERTY_NUM(TOPIC_ALIAS, 1);
  uvmqtt_message_t m = {.topic = "t", .properties = &p, .n_properties = 1};
  rig_open(&r);
  rig_online(&r, NULL, "CONNACK topic_alias_maximum=10");
  cr_expect_eq(uvmqtt_publish(r.g.m, &m, NULL, NULL, NULL), UVMQTT_EPROPERTY);
  rig_close(&r);
}

Test(redirect, aliases_are_used_unless_switched_off) {
  for (int off = 0; off < 2; off++) {
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, FAST,
                          .topic_alias_out = off ? UVMQTT_OFF : 0};
    rig_open(&r);
    guest_open(&r, &r.g, &o);
    rig_online(&r, &o, "CONNACK topic_alias_maximum=10");
    for (int i = 0; i < 3; i++)
      guest_publish(&r.g, "a/long/topic", "x", 0);
    HEARS(&r, "PUBLISH topic=a/long/topic payload=x");
    HEARS(&r, off ? "PUBLISH topic=a/long/topic payload=x"
                  : "PUBLISH topic=a/long/topic payload=x topic_alias=1");
    HEARS(&r, off ? "PUBLISH topic=a/long/topic payload=x"
                  : "PUBLISH payload=x topic_alias=1");
    UNTIL(&r, r.g.n[COMPLETED] == 3);
    rig_close(&r);
  }
}
