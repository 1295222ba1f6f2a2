/* Both kinds of proxy: what is said, what is understood, what is refused. */
#include "net/resolve.h"
#include "net/socks5.h"
#include "net/tunnel.h"
#include "support/suite.h"
#include "tower.h"
#include <string.h>
#include <uvmqtt/message.h>

SUITE(proxies);

static um_layer *const socks5[] = {um_socks5_new};
static um_layer *const tunnel[] = {um_tunnel_new};

#define HEARS(t, bytes) tower_hears(t, bytes, sizeof bytes - 1)
#define SAYS(t, bytes) tower_feed(t, bytes, sizeof bytes - 1)

static void read_on(struct tower *t) {
  tower_read(t, true);
}

static void open_to(struct tower *t, um_layer *const *layers, const char *host,
                    const char *user, const char *password) {
  tower_init(t);
  t->on[CONNECTED] = read_on;
  t->server.host = host;
  t->proxy.username = user;
  t->proxy.password = password;
  tower_up(t, layers, 1);
}

static void check_stream(struct tower *t) {
  cr_assert_eq(t->count[CONNECTED], 1);
  cr_assert_eq(tower_write(t, "abc", 3), 0);
  cr_assert_eq(t->taken, 3);
  HEARS(t, "abc");
  SAYS(t, "def");
  tower_got_text(t, "def");
  memstream_end(t->m, UV_EOF);
  cr_assert_eq(t->status, UV_EOF);
  tower_done(t);
}

/* SOCKS5. */

Test(proxies, socks5_asks_for_a_name_without_looking_it_up) {
  struct tower t;
  open_to(&t, socks5, "broker.example", NULL, NULL);
  cr_assert_eq(t.s->phase, UVMQTT_PHASE_PROXY);
  HEARS(&t, "\x05\x01\x00");
  SAYS(&t, "\x05\x00");
  HEARS(&t, "\x05\x01\x00\x03\x0E"
            "broker.example\x07\x5B");
  SAYS(&t, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
  check_stream(&t);
}

Test(proxies, socks5_asks_for_addresses_as_addresses) {
  struct tower t;
  open_to(&t, socks5, "192.0.2.7", NULL, NULL);
  HEARS(&t, "\x05\x01\x00");
  SAYS(&t, "\x05\x00");
  HEARS(&t, "\x05\x01\x00\x01\xC0\x00\x02\x07\x07\x5B");
  SAYS(&t, "\x05\x00\x00\x04zzzzzzzzzzzzzzzz\x00\x00");
  check_stream(&t);
  open_to(&t, socks5, "2001:db8::1", NULL, NULL);
  HEARS(&t, "\x05\x01\x00");
  SAYS(&t, "\x05\x00");
  HEARS(&t, "\x05\x01\x00\x04\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00"
            "\x00\x00\x00\x01\x07\x5B");
  SAYS(&t, "\x05\x00\x00\x03\x03xyz\x00\x00");
  check_stream(&t);
}

Test(proxies, socks5_logs_in_when_it_must) {
  struct tower t;
  open_to(&t, socks5, "h", "user", "pw");
  HEARS(&t, "\x05\x02\x00\x02");
  SAYS(&t, "\x05\x02");
  HEARS(&t, "\x01\x04user\x02pw");
  SAYS(&t, "\x01\x00");
  HEARS(&t, "\x05\x01\x00\x03\x01h\x07\x5B");
  SAYS(&t, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
  check_stream(&t);
  open_to(&t, socks5, "h", "user", NULL); /* it may not want to know */
  HEARS(&t, "\x05\x02\x00\x02");
  SAYS(&t, "\x05\x00");
  HEARS(&t, "\x05\x01\x00\x03\x01h\x07\x5B");
  tower_done(&t);
}

static void socks5_fails(const char *user, const char *answer, size_t len,
                         int code, int status, const char *text) {
  struct tower t;
  open_to(&t, socks5, "h", user, user);
  tower_feed(&t, answer, len);
  cr_expect_eq(t.status, code, "%s: %d", text, t.status);
  cr_expect_eq(t.fault.status, status, "%s: %d", text, t.fault.status);
  cr_expect_not_null(strstr(t.fault.text, text), "%s", t.fault.text);
  cr_expect_eq(t.count[CONNECTED], 0);
  tower_done(&t);
}

#define SOCKS5_FAILS(user, bytes, code, status, text)                          \
  socks5_fails(user, bytes, sizeof bytes - 1, code, status, text)

Test(proxies, socks5_tells_each_refusal_in_words) {
  static const char *const words[] = {
      "general",       "rules",           "network",
      "name unknown",  "refuses",         "no answer",
      "not supported", "kind of address", "unknown reply"};
  for (int code = 1; code <= 9; code++) {
    char answer[] = {5, 0, 5, (char)code};
    socks5_fails(NULL, answer, sizeof answer, UVMQTT_EPROXY, code,
                 words[code - 1]);
  }
  SOCKS5_FAILS(NULL, "\x05\xFF", UVMQTT_EPROXYAUTH, 255, "none of our ways");
  SOCKS5_FAILS("u", "\x05\x02\x01\x01", UVMQTT_EPROXYAUTH, 1, "user name");
}

Test(proxies, socks5_trusts_no_other_protocol) {
  SOCKS5_FAILS(NULL, "HTTP/1.1", UVMQTT_EPROXYPROTOCOL, 0, "not speak");
  SOCKS5_FAILS(NULL, "\x04\x00", UVMQTT_EPROXYPROTOCOL, 0, "not speak");
  SOCKS5_FAILS(NULL, "\x05\x01", UVMQTT_EPROXYPROTOCOL, 0, "not offered");
  SOCKS5_FAILS(NULL, "\x05\x02", UVMQTT_EPROXYPROTOCOL, 0, "not offered");
  SOCKS5_FAILS("u", "\x05\x02\x05\x00", UVMQTT_EPROXYPROTOCOL, 0, "login");
  SOCKS5_FAILS(NULL, "\x05\x00\x04\x5A", UVMQTT_EPROXYPROTOCOL, 0, "speak");
  SOCKS5_FAILS(NULL, "\x05\x00\x05\x00\x00\x02x", UVMQTT_EPROXYPROTOCOL, 0,
               "known kind");
}

/* socks5://: the name is looked up here. */

static struct um_query *asked;
static unsigned dropped;
static struct um_address known; /* from earlier; AF_UNSPEC: nothing */

static int ask(struct um_names *n, struct um_query *q) {
  (void)n;
  cr_assert_null(asked);
  cr_assert_str_eq(q->host, "broker.example");
  cr_assert_eq(q->port, 1883);
  asked = q;
  return 0;
}

static void drop(struct um_names *n, struct um_query *q) {
  (void)n;
  cr_assert_eq(q, asked);
  asked = NULL;
  dropped++;
}

static size_t last(struct um_names *n, const char *host,
                   struct um_address ret[UM_ADDRESSES]) {
  (void)n, (void)host;
  ret[0] = known;
  return known.u.any.sa_family == AF_UNSPEC ? 0 : 1;
}

static struct um_names names = {ask, drop, last};

static void open_local(struct tower *t, const char *host, size_t turn) {
  tower_init(t);
  t->on[CONNECTED] = read_on;
  t->server.host = host;
  t->proxy.kind = UM_PROXY_SOCKS5_LOCAL;
  t->route.names = &names;
  t->route.turn = turn;
  tower_up(t, socks5, 1);
}

static void answer(int status) {
  struct um_address found[2];
  struct um_query *q = asked;
  cr_assert_eq(um_address_parse("192.0.2.7", 0, &found[0]), 0);
  cr_assert_eq(um_address_parse("2001:db8::1", 0, &found[1]), 0);
  asked = NULL;
  q->answered(q, status, found, status == 0 ? 2 : 0);
}

Test(proxies, socks5_with_our_look_up_asks_for_each_address_in_turn) {
  for (size_t turn = 0; turn < 4; turn++) {
    struct tower t;
    open_local(&t, "broker.example", turn);
    cr_assert_eq(t.s->phase, UVMQTT_PHASE_RESOLVE);
    HEARS(&t, "");
    answer(0);
    cr_assert_eq(t.s->phase, UVMQTT_PHASE_PROXY);
    HEARS(&t, "\x05\x01\x00");
    SAYS(&t, "\x05\x00");
    if (turn % 2 == 0)
      HEARS(&t, "\x05\x01\x00\x01\xC0\x00\x02\x07\x07\x5B");
    else
      HEARS(&t, "\x05\x01\x00\x04\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00"
                "\x00\x00\x00\x00\x00\x01\x07\x5B");
    SAYS(&t, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
    check_stream(&t);
  }
}

Test(proxies, socks5_with_our_look_up_asks_nobody_about_numbers) {
  struct tower t;
  open_local(&t, "192.0.2.7", 0);
  cr_assert_null(asked);
  HEARS(&t, "\x05\x01\x00");
  tower_done(&t);
}

Test(proxies, socks5_with_our_look_up_needs_its_answer) {
  struct tower t;
  open_local(&t, "broker.example", 0);
  answer(UV_EAI_NONAME);
  cr_assert_eq(t.status, UV_EAI_NONAME);
  cr_assert_eq(t.s->phase, UVMQTT_PHASE_RESOLVE);
  HEARS(&t, "");
  tower_done(&t);
  open_local(&t, "broker.example", 0);
  answer(UV_EAI_AGAIN);
  cr_assert_eq(t.status, UV_EAI_AGAIN);
  tower_done(&t);
  names.ask = NULL;
  tower_init(&t); /* nobody to ask */
  t.proxy.kind = UM_PROXY_SOCKS5_LOCAL;
  tower_up(&t, socks5, 1);
  cr_assert_eq(t.status, UV_EAI_FAIL);
  tower_done(&t);
}

Test(proxies, socks5_with_our_look_up_remembers_the_last_answer) {
  struct tower t;
  open_local(&t, "broker.example", 0);
  cr_assert_eq(um_address_parse("192.0.2.9", 0, &known), 0);
  answer(UV_EAI_AGAIN);
  HEARS(&t, "\x05\x01\x00");
  SAYS(&t, "\x05\x00");
  HEARS(&t, "\x05\x01\x00\x01\xC0\x00\x02\x09\x07\x5B");
  tower_done(&t);
}

/* The one who answers may be gone with the owner's last word. */
static void expect_dropped(struct tower *t) {
  (void)t;
  cr_assert_eq(dropped, 1);
}

Test(proxies, socks5_takes_its_question_back_when_it_closes) {
  struct tower t;
  open_local(&t, "broker.example", 0);
  t.on[CLOSED] = expect_dropped;
  tower_done(&t);
  cr_assert_eq(dropped, 1);
  open_local(&t, "broker.example", 0); /* answered while it closes */
  tower_close(&t);
  answer(0);
  tower_done(&t);
  cr_assert_eq(dropped, 1);
}

Test(proxies, socks5_may_leave_while_we_look_up) {
  struct tower t;
  open_local(&t, "broker.example", 0);
  memstream_end(t.m, UV_EOF);
  cr_assert_eq(t.status, UV_EOF);
  cr_assert_not_null(strstr(t.fault.text, "during our look-up"));
  tower_done(&t);
  cr_assert_eq(dropped, 1);
}

Test(proxies, socks5_that_speaks_while_we_look_up_is_none) {
  struct tower t;
  open_local(&t, "broker.example", 0);
  SAYS(&t, "\x05\x00");
  cr_assert_eq(t.status, UVMQTT_EPROXYPROTOCOL);
  answer(0);
  HEARS(&t, "");
  tower_done(&t);
}

/* HTTP CONNECT. */

Test(proxies, connect_asks_for_host_and_port) {
  struct tower t;
  open_to(&t, tunnel, "broker.example", NULL, NULL);
  cr_assert_eq(t.s->phase, UVMQTT_PHASE_PROXY);
  HEARS(&t, "CONNECT broker.example:1883 HTTP/1.1\r\n"
            "Host: broker.example:1883\r\n\r\n");
  SAYS(&t, "HTTP/1.1 200 Connection established\r\n\r\n");
  check_stream(&t);
  open_to(&t, tunnel, "::1", NULL, NULL);
  HEARS(&t, "CONNECT [::1]:1883 HTTP/1.1\r\nHost: [::1]:1883\r\n\r\n");
  SAYS(&t, "HTTP/1.0 204\r\nProxy-Agent: x\r\n\r\n");
  check_stream(&t);
}

/* RFC 9110, 15.2 */
Test(proxies, connect_waits_while_the_proxy_says_wait) {
  struct tower t;
  open_to(&t, tunnel, "h", NULL, NULL);
  HEARS(&t, "CONNECT h:1883 HTTP/1.1\r\nHost: h:1883\r\n\r\n");
  SAYS(&t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n");
  cr_assert_eq(t.count[CONNECTED] + t.count[ENDED], 0);
  SAYS(&t, "\r\nHTTP/1.1 200 OK\r\n\r\n");
  check_stream(&t);
}

Test(proxies, connect_logs_in) {
  struct tower t;
  open_to(&t, tunnel, "h", "user", "p:w");
  HEARS(&t, "CONNECT h:1883 HTTP/1.1\r\nHost: h:1883\r\n"
            "Proxy-Authorization: Basic dXNlcjpwOnc=\r\n\r\n");
  SAYS(&t, "HTTP/1.1 200 OK\r\n\r\n");
  check_stream(&t);
}

static void connect_fails(const char *answer, int code, int status,
                          const char *text) {
  struct tower t;
  open_to(&t, tunnel, "h", NULL, NULL);
  tower_feed_text(&t, answer);
  cr_expect_eq(t.status, code, "%s: %d", answer, t.status);
  cr_expect_eq(t.fault.status, status, "%s", answer);
  cr_expect_not_null(strstr(t.fault.text, text), "%s", t.fault.text);
  tower_done(&t);
}

Test(proxies, connect_tells_each_refusal_in_words) {
  connect_fails("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                UVMQTT_EPROXYAUTH, 407, "407: Proxy Auth");
  connect_fails("HTTP/1.1 401 Unauthorized\r\n\r\n", UVMQTT_EPROXYAUTH, 401,
                "401: Unauth"); /* tinyproxy */
  connect_fails("HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\n"
                "Proxy-Authenticate: NTLM\r\n\r\n",
                UVMQTT_EPROXYAUTH, 407, "than Basic: Negotiate");
  connect_fails("HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm=y, "
                "basic realm=y\r\n\r\n",
                UVMQTT_EPROXYAUTH, 407, "says 407: x");
  connect_fails("HTTP/1.1 403 Filtered\r\n\r\n", UVMQTT_EPROXY, 403,
                "403: Filtered");
  connect_fails("HTTP/1.1 502\r\n\r\n", UVMQTT_EPROXY, 502, "502");
  connect_fails("HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", UVMQTT_EPROXY, 302,
                "302");
  connect_fails("HTTP/1.1 101 Switching\r\n\r\n", UVMQTT_EPROXY, 101, "101");
  connect_fails("\x05\x00", UVMQTT_EPROXYPROTOCOL, 0, "not HTTP");
  connect_fails("\x15\x03\x01", UVMQTT_EPROXYPROTOCOL, 0, "is TLS");
  connect_fails("SSH-2.0-x\r\n", UVMQTT_EPROXYPROTOCOL, 0, "not HTTP");
}

/* Both. */

static const struct {
  um_layer *const *layers;
  const char *answer;
  size_t len;
} kinds[] = {
    {socks5, "\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12},
    {tunnel, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 25},
};

Test(proxies, what_follows_the_answer_is_the_next_layers) {
  for (size_t k = 0; k < 2; k++)
    for (size_t at = 0; at <= kinds[k].len; at++) {
      struct tower t;
      open_to(&t, kinds[k].layers, "h", NULL, NULL);
      tower_feed(&t, kinds[k].answer, at);
      memstream_feed(t.m, kinds[k].answer + at, kinds[k].len - at);
      SAYS(&t, "x");
      tower_got_text(&t, "x");
      tower_done(&t);
      char all[64];
      memcpy(all, kinds[k].answer, kinds[k].len);
      strcpy(all + kinds[k].len, "xyz");
      open_to(&t, kinds[k].layers, "h", NULL, NULL);
      tower_feed(&t, all, at);
      tower_feed(&t, all + at, kinds[k].len + 3 - at);
      tower_got_text(&t, "xyz");
      tower_done(&t);
    }
}

Test(proxies, the_server_whose_turn_it_is_is_asked_for) {
  static const struct um_server servers[] = {{"a", 1, NULL}, {"b", 2, NULL}};
  static const char *const says[] = {
      "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
      "CONNECT b:2 HTTP/1.1\r\nHost: b:2\r\n\r\n"};
  for (size_t turn = 0; turn < 4; turn++) {
    struct tower t;
    tower_init(&t);
    t.route.servers = servers;
    t.route.n_servers = 2;
    t.route.turn = turn;
    tower_up(&t, tunnel, 1);
    tower_hears(&t, says[turn % 2], strlen(says[turn % 2]));
    SAYS(&t, "HTTP/1.1 200\r\n\r\n");
    cr_assert_eq(t.s->server, turn % 2);
    tower_done(&t);
  }
}

/* Credentials in clear text may go to this machine only. */
Test(proxies, only_a_local_address_through_a_local_proxy_is_local) {
  static const struct {
    const char *host;
    bool proxy, result;
  } rows[] = {{"127.0.0.1", true, true},
              {"127.9.9.9", true, true},
              {"::1", true, true},
              {"127.0.0.1", false, false},
              {"localhost", true, false},
              {"192.0.2.1", true, false},
              {"broker.example", true, false}};
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
      struct tower t;
      tower_init(&t);
      t.server.host = rows[i].host;
      cr_assert_eq(tower_open(&t, kinds[k].layers, 1), 0);
      tower_connect(&t);
      t.m->stream.loopback = rows[i].proxy;
      tower_connected(&t);
      tower_feed(&t, kinds[k].answer, kinds[k].len);
      cr_assert_eq(t.count[CONNECTED], 1);
      cr_expect_eq(t.s->loopback, rows[i].result, "%s", rows[i].host);
      tower_done(&t);
    }
}

/* A person wants to know at which step; a login that is not liked may be
 * answered so. */
Test(proxies, one_that_closes_early_is_told_with_the_step) {
  static const struct {
    um_layer *const *layers;
    const char *answer;
    size_t len;
    const char *text;
  } rows[] = {
      {socks5, "", 0, "when it was greeted"},
      {socks5, "\x05", 1, "when it was greeted"},
      {socks5, "\x05\x02", 2, "user name and password"},
      {socks5, "\x05\x02\x01\x00", 4, "reaches the server"},
      {socks5, "\x05\x02\x01\x00\x05\x00\x00\x01", 8, "reaches the server"},
      {tunnel, "", 0, "before it had answered"},
      {tunnel, "HTTP/1.1 200 OK\r\n", 17, "before it had answered"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct tower t;
    open_to(&t, rows[i].layers, "h", "user", "pw");
    tower_feed(&t, rows[i].answer, rows[i].len);
    memstream_end(t.m, UV_ECONNRESET);
    cr_expect_eq(t.status, UV_ECONNRESET);
    cr_expect_not_null(strstr(t.fault.text, rows[i].text), "%zu: %s", i,
                       t.fault.text);
    tower_done(&t);
  }
}

/* Nor is it blamed for what is not its word. */
Test(proxies, one_that_is_not_reached_or_is_through_has_said_nothing) {
  for (size_t k = 0; k < 2; k++)
    for (int through = 0; through < 2; through++) {
      struct tower t;
      tower_init(&t);
      cr_assert_eq(tower_open(&t, kinds[k].layers, 1), 0);
      tower_connect(&t);
      if (through) {
        tower_connected(&t);
        tower_feed(&t, kinds[k].answer, kinds[k].len);
      }
      memstream_end(t.m, UV_ECONNREFUSED);
      cr_expect_eq(t.status, UV_ECONNREFUSED);
      cr_expect_str_eq(t.fault.text, "");
      tower_done(&t);
    }
}

Test(proxies, one_that_closes_early_ends_it) {
  for (size_t k = 0; k < 2; k++)
    for (size_t at = 0; at < kinds[k].len; at++) {
      struct tower t;
      open_to(&t, kinds[k].layers, "h", NULL, NULL);
      tower_feed(&t, kinds[k].answer, at);
      memstream_end(t.m, UV_EOF);
      cr_assert_eq(t.status, UV_EOF);
      tower_done(&t);
    }
}
