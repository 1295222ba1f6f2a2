/* What holds for both kinds of proxy. */
#include "net/socks5.h"
#include "net/tunnel.h"
#include "proxied.h"
#include "support/planted.h"
#include "support/suite.h"
#include <string.h>

SUITE(proxies);

static um_layer *const socks5[] = {um_socks5_new};
static um_layer *const tunnel[] = {um_tunnel_new};

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
      proxied_open(&t, kinds[k].layers, "h", NULL, NULL);
      tower_feed(&t, kinds[k].answer, at);
      memstream_feed(t.m, kinds[k].answer + at, kinds[k].len - at);
      SAYS(&t, "x");
      tower_got_text(&t, "x");
      tower_done(&t);
      char all[64];
      memcpy(all, kinds[k].answer, kinds[k].len);
      strcpy(all + kinds[k].len, "xyz");
      proxied_open(&t, kinds[k].layers, "h", NULL, NULL);
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
    proxied_open(&t, rows[i].layers, "h", PLANTED_USER, PLANTED_PASSWORD);
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
      proxied_open(&t, kinds[k].layers, "h", NULL, NULL);
      tower_feed(&t, kinds[k].answer, at);
      memstream_end(t.m, UV_EOF);
      cr_assert_eq(t.status, UV_EOF);
      tower_done(&t);
    }
}
