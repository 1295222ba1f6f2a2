/* What .on_before_connect changes of a WebSocket's handshake. */
#include "base/alloc.h"
#include "client/client.h"
#include "client/ear.h"
#include "support/suite.h"
#include <stdio.h>
#include <string.h>

SUITE(change);

static uvmqtt_change_t changes[4]; /* by attempt */

static void change_it(uvmqtt_t *m, const uvmqtt_attempt_t *attempt) {
  cr_assert_eq(uvmqtt_go(m, &changes[attempt->attempt - 1]), 0);
}

/* Refused, so that there is another one. */
static bool wondering; /* the question is open */

static void wonder(uvmqtt_t *m, const uvmqtt_attempt_t *attempt) {
  (void)m;
  (void)attempt;
  wondering = true;
}

static void next_attempt(struct rig *r) {
  unsigned ended = r->g.n[DISCONNECTED];
  ear_answer(r, "HTTP/1.1 503 Busy\r\n\r\n");
  UNTIL(r, r->g.n[DISCONNECTED] == ended + 1);
  um_buf_consume(&ear_said, ear_said.len);
  UNTIL(r, ear_heard("\r\n\r\n"));
}

static void begin_changing(struct rig *r, uvmqtt_options_t o) {
  o.size = sizeof o;
  o.on_before_connect = change_it;
  o.reconnect_min = 1;
  ear_begin(r);
  ear_go(r, "ws", &o);
  UNTIL(r, ear_heard("\r\n\r\n"));
}

Test(change, headers_and_path_are_new_for_each_attempt) {
  static const uvmqtt_header_t old[] = {{"Authorization", "old"}, {"X-A", "1"}};
  char value[] = "Bearer new";
  const uvmqtt_header_t fresh = {"Authorization", value};
  struct rig r;
  changes[0] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .username = "u"};
  changes[1] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .ws_headers = &fresh,
                                 .n_ws_headers = 1, .ws_path = "/b?token=2"};
  changes[2] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT};
  changes[3] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .no_ws_headers = true};
  begin_changing(&r, (uvmqtt_options_t){.ws_headers = old,
                                        .n_ws_headers = 2,
                                        .ws_path = "/a"});
  cr_expect(ear_heard("GET /a HTTP") &&
            ear_heard("\r\nAuthorization: old\r\nX-A: 1\r\n"));
  next_attempt(&r);
  memset(value, 'x', sizeof value - 1); /* it was copied */
  cr_expect(ear_heard("GET /b?token=2 HTTP"));
  cr_expect(ear_heard("\r\nAuthorization: Bearer new\r\n") &&
            !ear_heard("X-A"));
  next_attempt(&r);
  cr_expect(ear_heard("GET /b?token=2 HTTP"), "what is NULL stays");
  cr_expect(ear_heard("\r\nAuthorization: Bearer new\r\n"));
  next_attempt(&r);
  cr_expect(!ear_heard("Authorization"));
  cr_expect(ear_heard("GET /b?token=2 HTTP"));
  ear_end(&r);
}

Test(change, headers_may_be_first_said_before_an_attempt) {
  static const uvmqtt_header_t header = {"X-A", "1"};
  struct rig r;
  changes[0] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .no_ws_headers = true};
  changes[1] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .ws_headers = &header,
                                 .n_ws_headers = 1};
  begin_changing(&r, (uvmqtt_options_t){.username = "u"});
  cr_expect(ear_heard("GET /mqtt HTTP") && !ear_heard("X-A"));
  next_attempt(&r);
  cr_expect(ear_heard("GET /mqtt HTTP") && ear_heard("\r\nX-A: 1\r\n"));
  ear_end(&r);
}

/* A URL's own path takes the place of .ws_path, as its login does of those. */
Test(change, the_path_of_a_new_url_counts) {
  struct rig r;
  char with[64], without[64];
  ear_begin(&r);
  snprintf(with, sizeof with, "ws://127.0.0.1:%u/url", (unsigned)r.b.port);
  snprintf(without, sizeof without, "ws://127.0.0.1:%u", (unsigned)r.b.port);
  changes[0] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .url = without};
  changes[1] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .url = with};
  changes[2] =
      (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .url = with, .ws_path = "/field"};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .ws_path = "/option",
                        .on_before_connect = change_it, .reconnect_min = 1};
  ear_go(&r, "ws", &o);
  UNTIL(&r, ear_heard("\r\n\r\n"));
  cr_expect(ear_heard("GET /option HTTP"));
  next_attempt(&r);
  cr_expect(ear_heard("GET /url HTTP"));
  next_attempt(&r);
  cr_expect(ear_heard("GET /field HTTP"));
  ear_end(&r);
}

/* Further servers are reached as the url says, unless they say themselves. */
Test(change, servers_without_a_path_have_that_of_the_url) {
  static const char *const paths[] = {"", "/own"};
  static const char *const asked_for[] = {"GET /url HTTP", "GET /own HTTP"};
  for (size_t i = 0; i < 2; i++) {
    struct rig r;
    char server[64];
    const char *servers[] = {server};
    ear_begin(&r);
    snprintf(server, sizeof server, "ws://127.0.0.1:%u%s", (unsigned)r.b.port,
             paths[i]);
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "ws://127.0.0.1:1/url",
                          .servers = servers, .n_servers = 1};
    guest_open(&r, &r.g, &o);
    cr_assert_eq(guest_connect(&r.g), 0);
    UNTIL(&r, ear_heard("\r\n\r\n"));
    cr_expect(ear_heard(asked_for[i]), "%s", asked_for[i]);
    ear_end(&r);
  }
}

/* Kept meanwhile. */
Test(change, headers_wait_for_a_url_that_is_a_websocket) {
  static const uvmqtt_header_t header = {"X-A", "1"};
  struct rig r;
  char url[64];
  ear_begin(&r);
  snprintf(url, sizeof url, "ws://127.0.0.1:%u", (unsigned)r.b.port);
  changes[0] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .ws_headers = &header,
                                 .n_ws_headers = 1, .refuse = UV_EAGAIN};
  changes[1] = (uvmqtt_change_t){UVMQTT_CHANGE_INIT, .url = url};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_before_connect = change_it,
                        .reconnect_min = 1};
  guest_open(&r, &r.g, &o);
  cr_assert_eq(guest_connect(&r.g), 0);
  UNTIL(&r, ear_heard("\r\n\r\n"));
  cr_expect(ear_heard("\r\nX-A: 1\r\n"));
  ear_end(&r);
}

/* Nothing is freed as it was. */

#define SECRET "b87fe5"
static const void *secrets[4]; /* where they lie in the client */
static unsigned n_secrets, n_freed, n_left;

static void on_free(const void *p) {
  for (unsigned i = 0; i < n_secrets; i++) {
    if (p != secrets[i])
      continue;
    n_freed++;
    n_left += memcmp(p, "\0\0\0\0", 4) != 0;
  }
}

Test(change, headers_and_path_that_are_no_more_are_wiped) {
  static const uvmqtt_header_t old = {SECRET "-name", SECRET "-value"};
  static const uvmqtt_header_t fresh = {"X-New", "1"};
  uvmqtt_change_t change = {UVMQTT_CHANGE_INIT, .ws_path = "/new",
                            .ws_headers = &fresh, .n_ws_headers = 1};
  struct rig r;
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_before_connect = wonder,
                        .ws_path = "/" SECRET, .ws_headers = &old,
                        .n_ws_headers = 1};
  ear_begin(&r);
  wondering = false;
  ear_go(&r, "ws", &o);
  UNTIL(&r, wondering);
  const struct um_way *way = r.g.m->options.way;
  secrets[n_secrets++] = way->ws_path;
  secrets[n_secrets++] = way->headers[0].name;
  secrets[n_secrets++] = way->headers[0].value;
  um_alloc_watch(on_free);
  cr_assert_eq(uvmqtt_go(r.g.m, &change), 0);
  um_alloc_watch(NULL);
  cr_expect_eq(n_freed, n_secrets);
  cr_expect_eq(n_left, 0);
  ear_end(&r);
}

/* The n-th allocation fails, for each n: all changes, or nothing does. */
Test(change, without_memory_nothing_has_changed) {
  static const uvmqtt_header_t old = {"X-Old", "1"}, fresh = {"X-New", "1"};
  static const uvmqtt_message_t will = {.topic = "w"};
  struct rig r;
  char url[64];
  int result = UV_ENOMEM;
  ear_begin(&r);
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/url", (unsigned)r.b.port);
  const uvmqtt_change_t change = {UVMQTT_CHANGE_INIT,   .url = url,
                                  .username = "u",      .password = {"p", 1},
                                  .will = &will,        .ws_path = "/new",
                                  .ws_headers = &fresh, .n_ws_headers = 1};
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .on_before_connect = wonder,
                        .ws_path = "/old", .ws_headers = &old,
                        .n_ws_headers = 1};
  wondering = false;
  ear_go(&r, "ws", &o);
  UNTIL(&r, wondering);
  for (uint64_t n = 1; result == UV_ENOMEM; n++) {
    const struct um_way *way = r.g.m->options.way;
    um_alloc_fail_at(n, false);
    result = uvmqtt_go(r.g.m, &change);
    um_alloc_fail_at(0, false);
    if (result == 0)
      break;
    cr_assert_eq(result, UV_ENOMEM);
    cr_assert_eq(r.g.m->options.way, way);
    cr_assert_str_eq(way->ws_path, "/old");
    cr_assert_str_eq(way->headers[0].name, "X-Old");
    cr_assert_lt(n, 100);
  }
  UNTIL(&r, ear_heard("\r\n\r\n"));
  cr_expect(ear_heard("GET /new HTTP") && ear_heard("\r\nX-New: 1\r\n"));
  cr_expect(!ear_heard("X-Old"));
  ear_end(&r);
}
