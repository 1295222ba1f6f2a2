/* Options and calls about the way to the server, and what a client makes
 * of a WebSocket server and of a proxy that are played here. */
#include "client/ear.h"
#include "net/ws_accept.h"
#include "support/suite.h"
#include <stdlib.h>
#include <string.h>

SUITE(way);

/* Options. */

/* W08 and others: wrong at the call. */
Test(way, options_that_cannot_work_are_refused) {
  static const uvmqtt_header_t injected = {"A", "b\r\nC: d"};
  static const uvmqtt_header_t ours = {"Upgrade", "x"};
  char login[400] = "socks5h://", path[300] = "unix:/";
  memset(login + strlen(login), 'u', 256);
  strcat(login, "@h");
  memset(path + strlen(path), 'x', 200);
  const struct {
    int code;
    uvmqtt_options_t o;
  } bad[] = {
      {UVMQTT_EHEADER, {.url = "ws://h", .ws_path = "/a\r\nB: c"}},
      {UVMQTT_EHEADER, {.url = "ws://h", .ws_path = "a"}},
      {UVMQTT_EHEADER,
       {.url = "ws://h", .ws_headers = &injected, .n_ws_headers = 1}},
      {UVMQTT_EHEADER,
       {.url = "ws://h", .ws_headers = &ours, .n_ws_headers = 1}},
      {UV_EINVAL, {.url = "ws://h", .n_ws_headers = 1}},
      {UV_EINVAL, {.url = "unix:/x", .proxy = "http://h"}},
      {UVMQTT_EURL, {.url = "mqtt://h", .proxy = "ftp://h"}},
      {UVMQTT_EURL, {.url = "mqtt://h", .proxy = "http://"}},
      {UVMQTT_EURL, {.url = "mqtt://h", .proxy = "http://h:x"}},
      {UVMQTT_EURL, {.url = "mqtt://h", .proxy = "http://good/@evil"}},
      {UVMQTT_EURL, {.url = "mqtt://h", .proxy = "socks5h://:p@h"}},
      {UVMQTT_EURL, {.url = "mqtt://h", .proxy = login}},
      {UVMQTT_EPATH, {.url = path}},
  };
  struct rig r;
  rig_open(&r);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uvmqtt_options_t o = bad[i].o;
    o.size = sizeof o;
    int result = guest_try(&r, &r.g, &o);
    cr_expect_eq(result, bad[i].code, "%zu: %s", i, uvmqtt_err_name(result));
  }
  r.g.m = NULL;
  rig_close(&r);
}

static const uvmqtt_header_t signature = {"X-Signature", "1234"};
static unsigned asked;

static void sign_at_once(uvmqtt_t *m, const uvmqtt_ws_question_t *question) {
  asked++;
  cr_assert_eq(uvmqtt_ws_headers(m, question->id, &signature, 1), 0);
  cr_assert_eq(uvmqtt_ws_headers(m, question->id, &signature, 1), UV_EALREADY);
}

static uint64_t last_question;

static void sign_later(uvmqtt_t *m, const uvmqtt_ws_question_t *question) {
  (void)m;
  asked++;
  cr_assert_neq(question->id, 0);
  cr_assert_neq(question->id, last_question);
  last_question = question->id;
}

static void fail_at_once(uvmqtt_t *m, const uvmqtt_ws_question_t *question) {
  cr_assert_eq(uvmqtt_ws_fail(m, question->id), 0);
}

static void close_at_once(uvmqtt_t *m, const uvmqtt_ws_question_t *question) {
  (void)question;
  struct guest *g = uvmqtt_get_data(m);
  guest_close(g);
}

static uvmqtt_options_t asking(uvmqtt_ws_headers_cb cb) {
  asked = 0;
  return (uvmqtt_options_t){UVMQTT_OPTIONS_INIT, .on_ws_headers = cb,
                            .reconnect_min = 60000};
}

Test(way, headers_are_asked_for_on_each_connection) {
  struct rig r;
  uvmqtt_options_t o = asking(sign_at_once);
  ear_begin(&r);
  ear_go(&r, "ws", &o);
  UNTIL(&r, ear_heard("\r\nX-Signature: 1234\r\n\r\n"));
  cr_assert(ear_heard("GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:"));
  ear_answer(&r, "HTTP/1.1 503 Busy\r\n\r\n");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_assert_eq(r.g.error.code, UVMQTT_EWSHANDSHAKE);
  cr_assert_eq(r.g.error.phase, UVMQTT_PHASE_WEBSOCKET);
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, 0, &signature, 1), UV_EALREADY);
  cr_assert_eq(guest_connect(&r.g), 0);
  UNTIL(&r, asked == 2);
  ear_end(&r);
}

Test(way, headers_may_come_later_and_are_checked) {
  static const uvmqtt_header_t bad = {"A", "\n"};
  struct rig r;
  uvmqtt_options_t o = asking(sign_later);
  ear_begin(&r);
  ear_go(&r, "ws", &o);
  UNTIL(&r, asked == 1);
  rig_rest(&r, 20);
  cr_assert_eq(ear_said.len, 0);
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, 0, &bad, 1), UVMQTT_EHEADER);
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, 0, NULL, 1), UV_EINVAL);
  cr_assert_eq(uvmqtt_ws_headers(NULL, 0, NULL, 0), UV_EINVAL);
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, 0, &signature, 1), 0);
  cr_assert_eq(uvmqtt_ws_fail(r.g.m, 0), UV_EALREADY);
  UNTIL(&r, ear_heard("X-Signature: 1234\r\n\r\n"));
  ear_end(&r);
}

/* 32,000 bytes of lines, both in the options and in the answer, and no more. */
Test(way, headers_may_be_long_but_not_endless) {
  static char longest[31996]; /* with "A: ", CR LF */
  static char longer[31997];
  const uvmqtt_header_t fits = {"A", longest}, over = {"A", longer};
  struct rig r;
  uvmqtt_options_t o = asking(sign_later);
  memset(longest, 'x', sizeof longest - 1);
  memset(longer, 'x', sizeof longer - 1);
  ear_begin(&r);
  o.ws_headers = &over;
  o.n_ws_headers = 1;
  o.url = "ws://h";
  cr_assert_eq(guest_try(&r, &r.g, &o), UVMQTT_EHEADER);
  o.ws_headers = &fits;
  ear_go(&r, "ws", &o);
  UNTIL(&r, asked == 1);
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, 0, &over, 1), UVMQTT_EHEADER);
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, 0, &fits, 1), 0);
  UNTIL(&r, ear_said.len > 64000 && ear_heard("x\r\n\r\n"));
  ear_end(&r);
}

Test(way, without_headers_the_attempt_fails) {
  struct rig r;
  uvmqtt_options_t o = asking(fail_at_once);
  ear_begin(&r);
  ear_go(&r, "ws", &o);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_assert_eq(r.g.error.code, UVMQTT_EHEADERS);
  cr_assert_eq(ear_said.len, 0);
  ear_end(&r);
}

Test(way, the_client_may_be_closed_when_it_asks) {
  struct rig r;
  uvmqtt_options_t o = asking(close_at_once);
  ear_begin(&r);
  ear_go(&r, "ws", &o);
  UNTIL(&r, r.g.closed);
  ear_end(&r);
}

Test(way, a_question_is_void_after_the_time_out) {
  struct rig r;
  uvmqtt_options_t o = asking(sign_later);
  o.connect_timeout = 30;
  ear_begin(&r);
  ear_go(&r, "ws", &o);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_assert_eq(r.g.error.code, UV_ETIMEDOUT);
  cr_assert_eq(r.g.error.phase, UVMQTT_PHASE_WEBSOCKET);
  cr_assert_not_null(strstr(r.g.error.hint, "on_ws_headers"));
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, 0, NULL, 0), UV_EALREADY);
  ear_end(&r);
}

/* As with uvmqtt_go: what was signed for the one handshake is worth nothing in
 * the next, or says too much there. */
Test(way, a_late_answer_is_not_taken_for_one_to_a_newer_question) {
  static const uvmqtt_header_t old = {"X-Old", "1"};
  struct rig r;
  uvmqtt_options_t o = asking(sign_later);
  ear_begin(&r);
  ear_go(&r, "ws", &o);
  UNTIL(&r, asked == 1);
  uint64_t first = last_question;
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, first + 1, &old, 1), UVMQTT_ESTALE);
  broker_hangs_up(&r.b);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, first, &old, 1), UV_EALREADY);
  cr_assert_eq(guest_connect(&r.g), 0);
  UNTIL(&r, asked == 2);
  cr_expect_eq(uvmqtt_ws_headers(r.g.m, first, &old, 1), UVMQTT_ESTALE);
  cr_expect_eq(uvmqtt_ws_fail(r.g.m, first), UVMQTT_ESTALE);
  cr_expect_eq(uvmqtt_ws_headers(r.g.m, last_question, &signature, 1), 0);
  UNTIL(&r, ear_heard("\r\nX-Signature: 1234\r\n\r\n"));
  cr_expect(!ear_heard("X-Old"));
  ear_end(&r);
}

/* A redirect of MQTT leads to another WebSocket. */

static uvmqtt_redirect_verdict_t verdict;

static uvmqtt_redirect_verdict_t
on_redirect(uvmqtt_t *m, const uvmqtt_redirect_t *redirect) {
  (void)m, (void)redirect;
  return verdict;
}

/* CONNACK 0x9C with a Server Reference, in a frame; back to where it was. */
static void sends_back(struct rig *r) {
  char accept[32], text[256], reference[32];
  cr_assert(ws_accept_to(&ear_said, accept));
  snprintf(text, sizeof text,
           "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
           accept);
  size_t before = ear_said.len;
  ear_answer(r, text);
  UNTIL(r, ear_said.len > before); /* CONNECT */
  int n = snprintf(reference, sizeof reference, "127.0.0.1:%u",
                   (unsigned)r->b.port);
  int len = snprintf(text, sizeof text, "\x82%c\x20%c%c\x9C%c\x1C%c%c%s", n + 8,
                     n + 6, 1, n + 3, 1, n, reference);
  text[4] = text[8] = 0; /* flags; high byte of the length */
  ear_said.len = 0;
  broker_sends(r->b.link, text, (size_t)len);
}

Test(way, a_redirect_takes_logins_along_only_when_it_may) {
  static const uvmqtt_header_t headers[] = {{"X-Other", "1"},
                                            {"Authorization", "top secret"}};
  for (int with = 0; with < 2; with++) {
    struct rig r;
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .ws_headers = headers,
                          .n_ws_headers = 2, .on_redirect = on_redirect};
    verdict = with == 0 ? UVMQTT_REDIRECT_FOLLOW
                        : UVMQTT_REDIRECT_FOLLOW_WITH_CREDENTIALS;
    ear_begin(&r);
    ear_go(&r, "ws", &o);
    UNTIL(&r, ear_heard("\r\n\r\n"));
    cr_assert(ear_heard("\r\nAuthorization: top secret\r\n"));
    sends_back(&r);
    UNTIL(&r, ear_heard("\r\n\r\n"));
    cr_assert(ear_heard("\r\nX-Other: 1\r\n"));
    cr_expect_eq(ear_heard("secret"), with == 1);
    ear_end(&r);
  }
}

Test(way, nobody_asked) {
  struct rig r;
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  cr_assert_eq(uvmqtt_ws_headers(r.g.m, 0, NULL, 0), UV_EALREADY);
  cr_assert_eq(uvmqtt_ws_fail(r.g.m, 0), UV_EALREADY);
  cr_assert_eq(uvmqtt_ws_fail(r.g.m, 1), UVMQTT_ESTALE);
  rig_close(&r);
}

/* Proxies, and who may hear a password. */

static void through(struct rig *r, const char *url, const char *username) {
  static char proxy[64];
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url, .proxy = proxy,
                        .username = username, .reconnect_min = 60000};
  ear_begin(r);
  snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", (unsigned)r->b.port);
  guest_open(r, &r->g, &o);
  cr_assert_eq(guest_connect(&r->g), 0);
  UNTIL(r, ear_heard("\r\n\r\n"));
  um_buf_consume(&ear_said, ear_said.len);
  ear_answer(r, "HTTP/1.1 200 OK\r\n\r\n");
}

Test(way, through_a_local_proxy_a_password_goes_to_local_addresses_only) {
  struct rig r;
  through(&r, "mqtt://127.0.0.1:9", "user");
  UNTIL(&r, ear_heard("MQTT") && ear_heard("user"));
  ear_end(&r);
  through(&r, "mqtt://localhost:9", "user");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_assert_eq(r.g.error.code, UVMQTT_EINSECURE);
  cr_assert_eq(ear_said.len, 0);
  ear_end(&r);
  through(&r, "mqtt://broker.example", NULL);
  UNTIL(&r, ear_heard("MQTT"));
  ear_end(&r);
}

/* One server an attempt: which one? */

static void asked_for(struct rig *r, const char *server) {
  char line[64];
  snprintf(line, sizeof line, "CONNECT %s:1883 HTTP/1.1\r\n", server);
  UNTIL(r, ear_heard("\r\n\r\n"));
  cr_assert(ear_heard(line), "not %s", server);
  um_buf_consume(&ear_said, ear_said.len);
}

static void reaches(struct rig *r) {
  ear_answer(r, "HTTP/1.1 200 OK\r\n\r\n");
  UNTIL(r, ear_heard("MQTT"));
  um_buf_consume(&ear_said, ear_said.len);
}

static void goes_online(struct rig *r) {
  unsigned before = r->g.n[CONNECTED];
  reaches(r);
  broker_sends(r->b.link, "\x20\x03\0\0\0", 5);
  UNTIL(r, r->g.n[CONNECTED] > before);
}

Test(way, through_a_proxy_the_server_that_worked_is_asked_for_again) {
  struct rig r;
  char proxy[64];
  uvmqtt_options_t o = {
      UVMQTT_OPTIONS_INIT, .url = "mqtt://a.example",
      .proxy = proxy,      .servers = (const char *const[]){"mqtt://b.example"},
      .n_servers = 1,      .reconnect_min = 1,
      .reconnect_max = 4,  .reconnect_stable = 40};
  ear_begin(&r);
  snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", (unsigned)r.b.port);
  guest_open(&r, &r.g, &o);
  cr_assert_eq(guest_connect(&r.g), 0);
  asked_for(&r, "a.example");
  ear_answer(&r, "HTTP/1.1 502 Dead\r\n\r\n");
  asked_for(&r, "b.example");
  for (unsigned i = 0; i < 3; i++) {
    goes_online(&r);
    rig_rest(&r, 60);
    broker_hangs_up(&r.b);
    asked_for(&r, "b.example");
  }
  ear_answer(&r, "HTTP/1.1 502 Dead, too\r\n\r\n");
  asked_for(&r, "a.example");
  ear_answer(&r, "HTTP/1.1 502 Dead\r\n\r\n");
  asked_for(&r, "b.example");
  ear_end(&r);
}

/* Nor is a server that accepts us and then cuts asked for for ever. */
Test(way, through_a_proxy_a_server_that_does_not_last_is_left) {
  struct rig r;
  char proxy[64];
  uvmqtt_options_t o = {
      UVMQTT_OPTIONS_INIT, .url = "mqtt://a.example",
      .proxy = proxy,      .servers = (const char *const[]){"mqtt://b.example"},
      .n_servers = 1,      .reconnect_min = 1,
      .reconnect_max = 4};
  ear_begin(&r);
  snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", (unsigned)r.b.port);
  guest_open(&r, &r.g, &o);
  cr_assert_eq(guest_connect(&r.g), 0);
  asked_for(&r, "a.example");
  goes_online(&r);
  broker_hangs_up(&r.b);
  asked_for(&r, "b.example");
  reaches(&r);
  broker_sends(r.b.link, "\x20\x02\0\1", 4); /* 3.1.1, please */
  asked_for(&r, "b.example");
  reaches(&r);
  broker_hangs_up(&r.b);
  asked_for(&r, "a.example");
  ear_end(&r);
}

Test(way, what_a_proxy_refuses_is_told_with_its_phase) {
  struct rig r;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "mqtt://broker.example",
                        .reconnect_min = 60000};
  char proxy[64];
  ear_begin(&r);
  snprintf(proxy, sizeof proxy, "http://u:secret@127.0.0.1:%u",
           (unsigned)r.b.port);
  o.proxy = proxy;
  guest_open(&r, &r.g, &o);
  cr_assert_eq(guest_connect(&r.g), 0);
  UNTIL(&r, ear_heard("\r\n\r\n"));
  cr_assert(ear_heard("CONNECT broker.example:1883 HTTP/1.1\r\n"));
  ear_answer(&r, "HTTP/1.1 407 Please\r\n\r\n");
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_assert_eq(r.g.error.code, UVMQTT_EPROXYAUTH);
  cr_assert_eq(r.g.error.phase, UVMQTT_PHASE_PROXY);
  cr_assert_null(strstr(r.g.log, "secret"));
  ear_end(&r);
}

/* Who was not reached is named. */

static void fails(const char *url, const char *proxy, int code,
                  const char *hint) {
  struct rig r;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url, .proxy = proxy,
                        .reconnect_min = 60000};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  cr_assert_eq(guest_connect(&r.g), 0);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_eq(r.g.error.code, code, "%s", uvmqtt_err_name(r.g.error.code));
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_CONNECT);
  cr_expect_not_null(strstr(r.g.error.hint, hint), "%s", r.g.error.hint);
  rig_close(&r);
}

Test(way, what_was_not_reached_is_named) {
  fails("mqtt://127.0.0.1:1", NULL, UV_ECONNREFUSED, "this address and port");
  fails("mqtt://127.0.0.1:9", "http://127.0.0.1:1", UV_ECONNREFUSED,
        "of the proxy");
  fails("unix:/dev/null/x", NULL, UV_ENOTDIR, "no socket at this path");
  fails("unix:/nowhere/x", NULL, UV_ENOENT, "no socket at this path");
  fails("unix:/dev/null", NULL, UV_ECONNREFUSED, "at this socket");
}
