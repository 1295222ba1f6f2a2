#include "net/http.h"
#include "support/suite.h"
#include <string.h>
#include <uv.h>

SUITE(http);

static int feed(struct um_http *h, const char *text, size_t len, size_t *used) {
  um_http_init(h);
  return um_http_feed(h, (const uint8_t *)text, len, used);
}

static void reads(const char *text, int expected) {
  struct um_http h;
  size_t used;
  cr_expect_eq(feed(&h, text, strlen(text), &used), expected, "%s", text);
  cr_expect_eq(expected == UV_EPROTO, h.why != NULL, "%s", text);
  um_http_done(&h);
}

static const char good[] = "HTTP/1.1 101 Switching Protocols\r\n"
                           "Upgrade: a, WebSocket\r\n"
                           "connection:  keep-alive ,upgrade\r\n"
                           "X-Twice: 1\r\n"
                           "X-Empty:\r\n"
                           "x-twice: 2\r\n"
                           "\r\nrest";

/* Whole and cut at each byte; "rest" behind it is not taken. */
static void read_cut(const char *text,
                     void (*well_read)(const struct um_http *h)) {
  size_t len = strlen(text), head = len - strlen("rest");
  for (size_t at = 0; at < head; at++) {
    struct um_http h;
    size_t used;
    cr_assert_eq(feed(&h, text, at, &used), 0);
    cr_assert_eq(used, at);
    cr_assert_eq(um_http_feed(&h, (const uint8_t *)text + at, len - at, &used),
                 1);
    cr_assert_eq(used, head - at);
    cr_assert_eq(h.status, 101);
    well_read(&h);
    um_http_done(&h);
  }
}

static void all_is_found(const struct um_http *h) {
  unsigned n;
  cr_assert_str_eq(um_http_phrase(h), "Switching Protocols");
  cr_assert(um_http_has_token(h, "upgrade", "websocket"));
  cr_assert(um_http_has_token(h, "Connection", "Upgrade"));
  cr_assert_not(um_http_has_token(h, "Connection", "grade"));
  cr_assert_str_eq(um_http_value(h, "X-TWICE", &n), "1");
  cr_assert_eq(n, 2);
  cr_assert_str_eq(um_http_value(h, "X-Empty", NULL), "");
  cr_assert_null(um_http_value(h, "X", &n));
  cr_assert_eq(n, 0);
}

Test(http, a_head_is_taken_apart_wherever_it_is_cut) {
  read_cut(good, all_is_found);
}

Test(http, a_status_needs_no_words) {
  reads("HTTP/1.1 200\r\n\r\n", 1);
  reads("HTTP/1.0 200 \r\n\r\n", 1);
  reads("HTTP/1.1 200 OK\r\n\r\n", 1);
}

/* W06 */
Test(http, what_is_no_head_is_refused) {
  static const char *const bad[] = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/2.0 200 OK\r\n",
      "HTTP/1.1  200 OK\r\n",
      "HTTP/1.1 20 OK\r\n",
      "HTTP/1.1 2000 OK\r\n",
      "HTTP/1.1 099 OK\r\n",
      "HTTP/1.1 -01 OK\r\n",
      "\r\n",
      "HTTP/1.1 200 OK\n",
      "HTTP/1.1 200 OK\r\nA: b\n",
      "HTTP/1.1 200 OK\r\nA: b\rc",
      "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n",
      "HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\n",
      "HTTP/1.1 200 OK\r\nA : b\r\n",
      "HTTP/1.1 200 OK\r\n: b\r\n",
      "HTTP/1.1 200 OK\r\nb\r\n",
      "HTTP/1.1 200 OK\r\nA: \x01\r\n",
      "HTTP/1.1 200 OK\r\nA: \x7f\r\n",
      "HTTP/1.1 200 OK\r\nA\xc3\xa9: b\r\n",
  };
  struct um_http h;
  size_t used;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    reads(bad[i], UV_EPROTO);
  cr_assert_eq(feed(&h, "HTTP/1.1 200 O\0K\r\n\r\n", 20, &used), UV_EPROTO);
  um_http_done(&h);
}

static void only_the_last_is_found(const struct um_http *h) {
  unsigned n;
  cr_assert_str_eq(um_http_phrase(h), "OK");
  cr_assert_str_eq(um_http_value(h, "A", &n), "late");
  cr_assert_eq(n, 1);
}

/* RFC 9110, 15.2 */
Test(http, interim_answers_before_the_answer_are_read_over) {
  read_cut("HTTP/1.1 100 Continue\r\n\r\n"
           "HTTP/1.1 103 Early Hints\r\nA: early\r\n\r\n"
           "HTTP/1.1 101 OK\r\nA: late\r\n\r\nrest",
           only_the_last_is_found);
}

static int feed_again(struct um_http *h, const char *text) {
  size_t used;
  return um_http_feed(h, (const uint8_t *)text, strlen(text), &used);
}

/* W06 */
Test(http, a_head_has_at_most_a_hundred_lines) {
  struct um_http h;
  um_http_init(&h);
  cr_assert_eq(feed_again(&h, "HTTP/1.1 200 OK\r\n"), 0);
  for (unsigned i = 1; i < UM_HTTP_LINES_MAX; i++)
    cr_assert_eq(feed_again(&h, "A: b\r\n"), 0);
  cr_assert_eq(feed_again(&h, "A: b\r\n"), UV_EPROTO);
  um_http_done(&h);
}

/* W06 */
Test(http, a_head_has_at_most_sixteen_kib) {
  struct um_http h;
  unsigned n = 0;
  um_http_init(&h);
  cr_assert_eq(feed_again(&h, "HTTP/1.1 200 OK\r\nA: "), 0);
  while (feed_again(&h, "x") == 0)
    n++;
  cr_assert_lt(n, UM_HTTP_HEAD_MAX);
  cr_assert_gt(n, UM_HTTP_HEAD_MAX - 64);
  cr_assert_not_null(h.why);
  cr_assert_leq(h.head.cap, UM_HTTP_HEAD_MAX);
  um_http_done(&h);
}

/* W06; each of them has these limits, too */
Test(http, there_are_at_most_sixteen_interim_answers) {
  struct um_http h;
  char line[1001];
  um_http_init(&h);
  memset(line, 'x', sizeof line - 1);
  line[sizeof line - 1] = '\0';
  for (unsigned i = 0; i < UM_HTTP_INTERIM_MAX; i++) {
    cr_assert_eq(feed_again(&h, "HTTP/1.1 102 Processing\r\n"), 0);
    for (unsigned n = 0; n < 15; n++) {
      cr_assert_eq(feed_again(&h, "A: "), 0);
      cr_assert_eq(feed_again(&h, line), 0);
      cr_assert_eq(feed_again(&h, "\r\n"), 0);
    }
    cr_assert_eq(feed_again(&h, "\r\n"), 0);
  }
  cr_assert_leq(h.head.cap, UM_HTTP_HEAD_MAX);
  cr_assert_eq(feed_again(&h, "HTTP/1.1 102\r\n\r\n"), UV_EPROTO);
  cr_assert_not_null(h.why);
  um_http_done(&h);
}

Test(http, an_authority_names_a_port_that_is_not_the_usual_one) {
  static const struct {
    const char *host;
    uint16_t port, otherwise;
    const char *text;
  } rows[] = {
      {"h.example", 80, 80, "h.example"}, {"h.example", 81, 80, "h.example:81"},
      {"::1", 80, 80, "[::1]"},           {"::1", 80, 0, "[::1]:80"},
      {"192.0.2.1", 1, 0, "192.0.2.1:1"}, {"fe80::1%eth0", 1, 0, "[fe80::1]:1"},
      {"fe80::1%1", 80, 80, "[fe80::1]"}, {"a%b", 80, 80, "a%b"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[64];
    um_http_authority(rows[i].host, rows[i].port, rows[i].otherwise, text,
                      sizeof text);
    cr_expect_str_eq(text, rows[i].text);
  }
}

/* W08 */
Test(http, headers_and_paths_cannot_carry_lines_of_their_own) {
  static const uvmqtt_header_t fine[] = {
      {"Authorization", "Bearer x.y"}, {"X-1", ""}, {"cookie", "a=b; c=\"d\""}};
  static const uvmqtt_header_t bad[] = {
      {NULL, "x"},         {"A", NULL},
      {"", "x"},           {"A B", "x"},
      {"A:", "x"},         {"A", "x\r\nB: y"},
      {"A", "x\n"},        {"A", "\r"},
      {"A\r\n", "x"},      {"A", "\x7f"},
      {"Host", "x"},       {"sec-websocket-Key", "x"},
      {"UPGRADE", "x"},    {"\xc3\xa9", "x"},
      {"Connection", "x"}, {"Content-Length", "1"}};
  static const char *const paths[] = {"",      "mqtt",  "/a b", "/a\r\nB: c",
                                      "/a\tb", "/\x7f", "/#a",  "/\xc3\xa9"};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
    cr_expect(um_http_legal_header(&fine[i]), "%zu", i);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_expect_not(um_http_legal_header(&bad[i]), "%zu", i);
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    cr_expect_not(um_http_legal_path(paths[i]), "%zu", i);
  cr_expect(um_http_legal_path("/"));
  cr_expect(um_http_legal_path("/mqtt?a=b&c=%20"));
}
