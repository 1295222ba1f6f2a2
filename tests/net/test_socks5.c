/* SOCKS5: what is said, what is understood, what is refused. */
#include "net/resolve.h"
#include "net/socks5.h"
#include "proxied.h"
#include "support/planted.h"
#include "support/suite.h"
#include <string.h>
#include <uvmqtt/message.h>

SUITE(socks5);

static um_layer *const socks5[] = {um_socks5_new};

/* Without a login. */
static void let_in(struct tower *t) {
  HEARS(t, "\x05\x01\x00");
  SAYS(t, "\x05\x00");
}

Test(socks5, asks_for_a_name_without_looking_it_up) {
  struct tower t;
  proxied_open(&t, socks5, "broker.example", NULL, NULL);
  cr_assert_eq(t.s->phase, UVMQTT_PHASE_PROXY);
  let_in(&t);
  HEARS(&t, "\x05\x01\x00\x03\x0E"
            "broker.example\x07\x5B");
  SAYS(&t, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
  proxied_works(&t);
}

Test(socks5, asks_for_addresses_as_addresses) {
  struct tower t;
  proxied_open(&t, socks5, "192.0.2.7", NULL, NULL);
  let_in(&t);
  HEARS(&t, "\x05\x01\x00\x01\xC0\x00\x02\x07\x07\x5B");
  SAYS(&t, "\x05\x00\x00\x04zzzzzzzzzzzzzzzz\x00\x00");
  proxied_works(&t);
  proxied_open(&t, socks5, "2001:db8::1", NULL, NULL);
  let_in(&t);
  HEARS(&t, "\x05\x01\x00\x04\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00"
            "\x00\x00\x00\x01\x07\x5B");
  SAYS(&t, "\x05\x00\x00\x03\x03xyz\x00\x00");
  proxied_works(&t);
}

Test(socks5, logs_in_when_it_must) {
  struct tower t;
  proxied_open(&t, socks5, "h", PLANTED_SECRET, PLANTED_PASSWORD);
  HEARS(&t, "\x05\x02\x00\x02");
  SAYS(&t, "\x05\x02");
  HEARS(&t, "\x01\x0D" PLANTED_SECRET "\x12" PLANTED_PASSWORD);
  SAYS(&t, "\x01\x00");
  HEARS(&t, "\x05\x01\x00\x03\x01h\x07\x5B");
  SAYS(&t, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
  proxied_works(&t);
  proxied_open(&t, socks5, "h", PLANTED_USER,
               NULL); /* it may not want to know */
  HEARS(&t, "\x05\x02\x00\x02");
  SAYS(&t, "\x05\x00");
  HEARS(&t, "\x05\x01\x00\x03\x01h\x07\x5B");
  tower_done(&t);
}

static void socks5_fails(const char *user, const char *answer, size_t len,
                         int code, int status, const char *text) {
  struct tower t;
  proxied_open(&t, socks5, "h", user, user);
  tower_feed(&t, answer, len);
  cr_expect_eq(t.status, code, "%s: %d", text, t.status);
  cr_expect_eq(t.fault.status, status, "%s: %d", text, t.fault.status);
  cr_expect_not_null(strstr(t.fault.text, text), "%s", t.fault.text);
  cr_expect_eq(t.count[CONNECTED], 0);
  tower_done(&t);
}

#define SOCKS5_FAILS(user, bytes, code, status, text)                          \
  socks5_fails(user, bytes, sizeof bytes - 1, code, status, text)

Test(socks5, tells_each_refusal_in_words) {
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

Test(socks5, trusts_no_other_protocol) {
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

static void read_on(struct tower *t) {
  tower_read(t, true);
}

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

Test(socks5, with_our_look_up_asks_for_each_address_in_turn) {
  for (size_t turn = 0; turn < 4; turn++) {
    struct tower t;
    open_local(&t, "broker.example", turn);
    cr_assert_eq(t.s->phase, UVMQTT_PHASE_RESOLVE);
    HEARS(&t, "");
    answer(0);
    cr_assert_eq(t.s->phase, UVMQTT_PHASE_PROXY);
    let_in(&t);
    if (turn % 2 == 0)
      HEARS(&t, "\x05\x01\x00\x01\xC0\x00\x02\x07\x07\x5B");
    else
      HEARS(&t, "\x05\x01\x00\x04\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00"
                "\x00\x00\x00\x00\x00\x01\x07\x5B");
    SAYS(&t, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
    proxied_works(&t);
  }
}

Test(socks5, with_our_look_up_asks_nobody_about_numbers) {
  struct tower t;
  open_local(&t, "192.0.2.7", 0);
  cr_assert_null(asked);
  HEARS(&t, "\x05\x01\x00");
  tower_done(&t);
}

Test(socks5, with_our_look_up_needs_its_answer) {
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

Test(socks5, with_our_look_up_remembers_the_last_answer) {
  struct tower t;
  open_local(&t, "broker.example", 0);
  cr_assert_eq(um_address_parse("192.0.2.9", 0, &known), 0);
  answer(UV_EAI_AGAIN);
  let_in(&t);
  HEARS(&t, "\x05\x01\x00\x01\xC0\x00\x02\x09\x07\x5B");
  tower_done(&t);
}

/* The one who answers may be gone with the owner's last word. */
static void expect_dropped(struct tower *t) {
  (void)t;
  cr_assert_eq(dropped, 1);
}

Test(socks5, takes_its_question_back_when_it_closes) {
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

Test(socks5, may_leave_while_we_look_up) {
  struct tower t;
  open_local(&t, "broker.example", 0);
  memstream_end(t.m, UV_EOF);
  cr_assert_eq(t.status, UV_EOF);
  cr_assert_not_null(strstr(t.fault.text, "during our look-up"));
  tower_done(&t);
  cr_assert_eq(dropped, 1);
}

Test(socks5, that_speaks_while_we_look_up_is_none) {
  struct tower t;
  open_local(&t, "broker.example", 0);
  SAYS(&t, "\x05\x00");
  cr_assert_eq(t.status, UVMQTT_EPROXYPROTOCOL);
  answer(0);
  HEARS(&t, "");
  tower_done(&t);
}
