/* on_log, on_trace, timings and counters; and what none of them may ever show.
 */
#include "client/client.h"
#include "client/rig.h"
#include "net/fault.h"
#include "support/planted.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(trace);

static struct rig r;

/* Everything the client says to anybody goes here. */
static char said[64 * 1024];

static void keep(const char *line) {
  size_t used = strlen(said);
  snprintf(said + used, sizeof said - used, "%s\n", line);
}

static void on_log(uvmqtt_t *m, uvmqtt_log_level_t level, const char *text) {
  struct guest *g = uvmqtt_get_data(m);
  static const char *const levels[] = {"ERROR", "WARNING", "INFO", "DEBUG"};
  char line[2048];
  cr_assert(!g->rig->in_call, "a log line inside a call");
  cr_assert(!g->closing);
  cr_assert(strpbrk(text, "\r\n\x1b") == NULL, "%s", text);
  snprintf(line, sizeof line, "%s %s", levels[level], text);
  keep(line);
}

static void on_trace(uvmqtt_t *m, const uvmqtt_trace_t *trace) {
  char line[512];
  struct guest *g = uvmqtt_get_data(m);
  cr_assert_eq(g->m, m);
  cr_assert_lt(uvmqtt_trace_print(trace, line, sizeof line), sizeof line);
  keep(line);
}

#define LOUD .on_log = on_log, .on_trace = on_trace

static bool was_said(const char *part) {
  return strstr(said, part) != NULL;
}

#define SAID(part) cr_expect(was_said(part), "no %s in\n%s", part, said)

static void begin(const uvmqtt_options_t *o) {
  *said = '\0';
  rig_open(&r);
  guest_open(&r, &r.g, o);
}

Test(trace, each_packet_is_told_in_both_directions) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_trace = on_trace,
                        .keep_alive = 30};
  begin(&o);
  rig_online(&r, NULL, "CONNACK session_present=0 topic_alias_maximum=10");
  guest_subscribe(&r.g, "a/#", 1);
  HEARS(&r, "SUBSCRIBE id=1 ...");
  SAYS(&r, "SUBACK id=1 reasons=01");
  guest_publish(&r.g, "a/b", "hello", 1);
  HEARS(&r, "PUBLISH id=2 ...");
  SAYS(&r, "PUBACK id=2 reason=0x10");
  SAYS(&r, "PUBLISH topic=a/c payload=xyz");
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  guest_unsubscribe(&r.g, "a/#");
  HEARS(&r, "UNSUBSCRIBE id=3 ...");
  SAYS(&r, "d0 00 00 00"); /* nonsense */
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  SAID("-> CONNECT version=5 clean_start keep_alive=30 client_id=c "
       "properties=");
  SAID("<- CONNACK session_present=0 properties=1 length=8");
  SAID("-> SUBSCRIBE id=1 filters=1 filter=a/# length=");
  SAID("<- SUBACK id=1 reason=0x01 filters=1 length=6");
  SAID("-> PUBLISH id=2 qos=1 topic=a/b payload=5 length=");
  SAID("<- PUBACK id=2 reason=0x10 length=5");
  SAID("<- PUBLISH qos=0 topic=a/c payload=3 length=11");
  SAID("-> UNSUBSCRIBE id=3 filters=1 filter=a/# length=");
  SAID("<- PINGRESP length=2");
  SAID("<- RESERVED UVMQTT_EMALFORMED length=2");
  SAID("-> DISCONNECT reason=0x81 length=3");
  rig_close(&r);
}

Test(trace, a_message_in_parts_is_told_once_and_whole) {
  char line[64], text[600];
  uvmqtt_trace_t big = {.type = UVMQTT_PUBLISH,
                        .topic = text,
                        .qos = 2,
                        .retain = true,
                        .dup = true,
                        .topic_alias = 7,
                        .payload = SIZE_MAX,
                        .length = SIZE_MAX};
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  size_t all = uvmqtt_trace_print(&big, NULL, 0); /* as snprintf */
  cr_expect_gt(all, 200);
  cr_expect_eq(uvmqtt_trace_print(&big, line, sizeof line), all);
  cr_expect_eq(strlen(line), sizeof line - 1);
  cr_expect_eq(
      strncmp(line, "<- PUBLISH qos=2 retain dup alias=7 topic=xxx", 45), 0,
      "%s", line);
}

Test(trace, the_log_tells_the_story) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_log = on_log,
                        .reconnect_min = 1, .reconnect_max = 3};
  begin(&o);
  rig_online(&r, NULL, NULL);
  guest_publish(&r.g, "t", "x", 1);
  HEARS(&r, "PUBLISH ...");
  SAYS(&r, "DISCONNECT reason=0x98 reason_string=go\x1b[31maway");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK session_present=0");
  UNTIL(&r, r.g.n[CONNECTED] == 2);
  HEARS(&r, "PUBLISH ..."); /* again */
  guest_leave(&r.g, UVMQTT_DISCONNECT_NOW, 0);
  HEARS(&r, "DISCONNECT ...");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[LEFT] == 1);
  SAID("INFO connecting to 127.0.0.1, port ");
  SAID("attempt 1\n");
  SAID("INFO online at 127.0.0.1:");
  SAID("MQTT 5.0, session new, keep alive 60 s");
  SAID("WARNING disconnected from 127.0.0.1:");
  SAID("in phase online: UVMQTT_EDISCONNECTED");
  SAID("go?[31maway");
  SAID("; next attempt in ");
  SAID("WARNING the server lost the session");
  SAID("INFO disconnected from 127.0.0.1");
  SAID("in phase disconnect: as asked for\n");
  SAID("DEBUG online, was connecting");
  rig_close(&r);
}

Test(trace, giving_up_is_an_error_in_the_log) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_log = on_log,
                        .reconnect_max = UVMQTT_OFF};
  begin(&o);
  broker_refuses(&r.b);
  rig_rest(&r, 1);
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  SAID("ERROR not connected from 127.0.0.1:");
  SAID("in phase connect: ECONNREFUSED: nothing listens");
  SAID("; no further attempt\n");
  rig_close(&r);
}

static void close_it(uvmqtt_t *m, uvmqtt_log_level_t level, const char *text) {
  (void)level;
  (void)text;
  guest_close(uvmqtt_get_data(m));
}

Test(trace, a_client_may_be_closed_by_any_line_of_its_log) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_log = close_it};
  begin(&o);
  guest_connect(&r.g);
  UNTIL(&r, r.g.m == NULL);
  rig_close(&r);
}

/* Counters and times. */

static uvmqtt_timings_t timings;

static void on_connect_stats(struct guest *g) {
  timings = guest_stats(g).timings;
}

static uint64_t asked_for; /* the id of the look-up */

static void note_lookup(uvmqtt_t *m, const uvmqtt_lookup_t *lookup) {
  (void)m;
  asked_for = lookup->id;
}

static uint32_t sum_of(const uvmqtt_timings_t *t) {
  return t->prepare + t->resolve + t->connect + t->proxy + t->tls +
         t->websocket + t->handshake;
}

/* No time is lost between the phases. */
Test(trace, each_moment_of_an_attempt_counts_for_one_phase) {
  static const char *const here[] = {"127.0.0.1"};
  char url[64];
  rig_open(&r);
  snprintf(url, sizeof url, "mqtt://broker.example:%u", r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                        .on_resolve = note_lookup};
  asked_for = 0;
  guest_open(&r, &r.g, &o);
  r.g.on[CONNECTED] = on_connect_stats;
  guest_connect(&r.g);
  UNTIL(&r, asked_for != 0);
  rig_rest(&r, 30);
  cr_assert_eq(uvmqtt_resolved(r.g.m, asked_for, here, 1, 0), 0);
  HEARS(&r, "CONNECT ...");
  rig_rest(&r, 60);
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect_geq(timings.resolve, 25);
  cr_expect_geq(timings.handshake, 55);
  cr_expect_eq(sum_of(&timings), timings.total, "%u of %u ms", sum_of(&timings),
               timings.total);
  rig_close(&r);
}

Test(trace, what_is_counted) {
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 3};
  begin(&o);
  r.g.on[CONNECTED] = on_connect_stats;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
  rig_rest(&r, 30);
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  cr_expect(timings.handshake >= 25 && timings.handshake < 500, "%u ms",
            timings.handshake);
  cr_expect_geq(timings.total, timings.handshake + timings.connect);
  cr_expect_eq(
      timings.prepare + timings.tls + timings.proxy + timings.websocket, 0);
  uvmqtt_ping(r.g.m);
  HEARS(&r, "PINGREQ");
  rig_rest(&r, 20);
  SAYS(&r, "PINGRESP");
  SAYS(&r, "PUBLISH topic=t");
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  uvmqtt_stats_t s = guest_stats(&r.g);
  cr_expect(s.ping_rtt >= 10 && s.ping_rtt < 500, "%u ms", s.ping_rtt);
  cr_expect_eq(s.sent[UVMQTT_CONNECT], 1);
  cr_expect_eq(s.sent[UVMQTT_PINGREQ], 1);
  cr_expect_eq(s.received[UVMQTT_CONNACK], 1);
  cr_expect_eq(s.received[UVMQTT_PINGRESP], 1);
  cr_expect_eq(s.received[UVMQTT_PUBLISH], 1);
  cr_expect_eq(s.losses, 0);
  uvmqtt_poke(r.g.m);
  HEARS(&r, "PINGREQ");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK reason=0x88");
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  s = guest_stats(&r.g);
  cr_expect_eq(s.probes, 1);
  cr_expect_eq(s.losses, 1);
  cr_expect_eq(s.failures, 1);
  cr_expect_eq(s.attempts, 2);
  cr_expect_eq(s.connects, 1);
  rig_close(&r);
}

/* Secrets: planted everywhere, never seen. The server says none of them. */

#define SECRET PLANTED_SECRET
#define CONTENT PLANTED_PAYLOAD

static void collect_error(struct guest *g) {
  const uvmqtt_error_t *e = uvmqtt_last_error(g->m);
  keep(e->address);
  keep(e->hint);
  keep(e->reason_string);
  keep(e->detail);
  keep(e->subject);
  keep(e->names);
  keep(e->server_reference);
}

static void answer_auth(uvmqtt_t *m, const uvmqtt_auth_t *auth) {
  uvmqtt_bytes_t data = {SECRET "-auth", sizeof SECRET "-auth" - 1};
  if (auth->step != UVMQTT_AUTH_SUCCESS)
    cr_assert_eq(uvmqtt_auth(m, data, NULL, 0), 0);
}

static void go_on(uvmqtt_t *m, const uvmqtt_attempt_t *attempt) {
  uvmqtt_change_t change = {
      UVMQTT_CHANGE_INIT, .username = "user-" SECRET,
      .password = {SECRET "-token", sizeof SECRET "-token" - 1}};
  (void)attempt;
  cr_assert_eq(uvmqtt_go(m, &change), 0);
}

static void publish_secrets(void) {
  uvmqtt_property_t p[] = {UVMQTT_USER_PROPERTY("key-" CONTENT, CONTENT),
                           UVMQTT_CONTENT_TYPE("type-" CONTENT)};
  uvmqtt_message_t m = {.topic = "t",
                        .payload = {CONTENT, sizeof CONTENT - 1},
                        .qos = 1,
                        .properties = p,
                        .n_properties = 2};
  cr_assert_eq(uvmqtt_publish(r.g.m, &m, NULL, NULL, NULL), 0);
}

static void secrets_stay(uvmqtt_options_t o, const char *user_info) {
  char url[128];
  uvmqtt_property_t p = UVMQTT_USER_PROPERTY("header-" CONTENT, CONTENT);
  uvmqtt_message_t will = {.topic = "w",
                           .payload = {CONTENT, sizeof CONTENT - 1}};
  *said = '\0';
  rig_open(&r);
  snprintf(url, sizeof url, "mqtt://%s127.0.0.1:%u", user_info, r.b.port);
  o.size = sizeof o;
  o.url = url;
  o.on_log = on_log;
  o.on_trace = on_trace;
  o.will = &will;
  o.reconnect_min = 1;
  o.reconnect_max = 3;
  o.properties = o.version == UVMQTT_VERSION_311 ? NULL : &p;
  o.n_properties = o.properties != NULL;
  guest_open(&r, &r.g, &o);
  r.g.on[DISCONNECTED] = collect_error;
  guest_connect(&r.g);
  HEARS(&r, "CONNECT ...");
}

static void nothing_leaked(void) {
  cr_expect(was_said("-> CONNECT"));
  cr_expect(was_said("INFO connecting"));
  cr_expect(!was_said(SECRET) && !was_said(CONTENT), "it is out:\n%s", said);
  cr_expect(!was_said("header-"), "%s", said);
}

Test(trace, passwords_and_properties_are_never_shown) {
  secrets_stay((uvmqtt_options_t){.username = "user-" SECRET,
                                  .password = {SECRET, sizeof SECRET - 1}},
               "");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  publish_secrets();
  HEARS(&r, "PUBLISH ...");
  SAYS(&r, "PUBLISH topic=t payload=" CONTENT " user_property=a:" CONTENT);
  UNTIL(&r, r.g.n[MESSAGE] == 1);
  broker_resets(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK reason=0x86");
  UNTIL(&r, r.g.n[DISCONNECTED] == 2);
  nothing_leaked();
  rig_close(&r);
}

Test(trace, the_password_of_the_url_is_never_shown) {
  secrets_stay((uvmqtt_options_t){.version = UVMQTT_VERSION_311},
               "user-" SECRET ":" SECRET "@");
  SAYS(&r, "00 00"); /* nonsense */
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  nothing_leaked();
  rig_close(&r);
}

Test(trace, authentication_data_is_never_shown) {
  secrets_stay((uvmqtt_options_t){.auth_method = "M", .on_auth = answer_auth},
               "");
  SAYS(&r, "AUTH reason=0x18 authentication_method=M "
           "authentication_data=" SECRET);
  HEARS(&r, "AUTH reason=0x18 ...");
  SAYS(&r, "CONNACK authentication_method=M authentication_data=" SECRET);
  UNTIL(&r, r.g.n[CONNECTED] == 1);
  nothing_leaked();
  rig_close(&r);
}

Test(trace, what_the_hook_brings_is_never_shown) {
  secrets_stay((uvmqtt_options_t){.on_before_connect = go_on}, "");
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  nothing_leaked();
  rig_close(&r);
}

/* A web server that is none for us. */
static void refuse_ws(struct broker_link *l, const uint8_t *data, size_t len) {
  static const char answer[] = "HTTP/1.1 401 go\x07away\r\n"
                               "Content-Length: 0\r\n\r\n";
  (void)data;
  if (len > 2)
    broker_sends(l, answer, sizeof answer - 1);
}

static void headers_stay(const char *scheme, const char *proxy_scheme) {
  char url[160], proxy[160];
  uvmqtt_header_t header = {.name = "Authorization", .value = "Bearer " SECRET};
  *said = '\0';
  rig_open(&r);
  r.b.bytes = refuse_ws;
  snprintf(url, sizeof url,
           "%s://user-" SECRET ":" SECRET "@127.0.0.1:%u/path-" SECRET
           "?token=" SECRET,
           scheme, r.b.port);
  snprintf(proxy, sizeof proxy, "%s://user-" SECRET ":" SECRET "@127.0.0.1:%u",
           proxy_scheme, r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, LOUD,
                        .url = url,          .ws_headers = &header,
                        .n_ws_headers = 1,   .reconnect_min = 1,
                        .reconnect_max = 2};
  if (*proxy_scheme != '\0')
    o.proxy = proxy;
  int result = guest_try(&r, &r.g, &o);
  if (result == UVMQTT_ENOTSUP) {
    r.g.m = NULL;
    rig_close(&r);
    cr_skip_test("built without WebSocket");
  }
  cr_assert_eq(result, 0);
  r.g.on[DISCONNECTED] = collect_error;
  for (unsigned i = 1; i <= 2;
       i++) { /* what it says when it tries again, too */
    guest_connect(&r.g);
    UNTIL(&r, r.g.n[DISCONNECTED] >= i &&
                  uvmqtt_state(r.g.m) == UVMQTT_STATE_WAITING);
  }
  cr_expect(was_said("INFO connecting"));
  cr_expect(!was_said(SECRET), "it is out:\n%s", said);
}

Test(trace, headers_and_the_path_of_a_websocket_are_never_shown) {
  headers_stay("ws", "");
  cr_expect_eq(uvmqtt_last_error(r.g.m)->status, 401);
  SAID("credentials, or other headers");
  rig_close(&r);
}

Test(trace, the_password_of_a_proxy_is_never_shown) {
  headers_stay("ws", "http");
  cr_expect_eq(uvmqtt_last_error(r.g.m)->status, 401);
  SAID("the proxy wants a user name");
  rig_close(&r);
  headers_stay("ws", "socks5h");
  rig_close(&r);
}
