/* What every layer must stand, alone and upon each other: every state, closed
 * in every way; every allocation failing; every cut of what the peer says. */
#include "net/socks5.h"
#include "net/tunnel.h"
#include "support/planted.h"
#include "support/suite.h"
#include "ws_peer.h"
#include <string.h>

SUITE(layers);

/* What the peer says until the layer is up. */
static void socks5_method(struct tower *t) {
  tower_feed(t, "\x05\x00", 2);
}

static void socks5_verdict(struct tower *t) {
  if (t->count[ENDED] == 0)
    tower_feed(t, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10);
}

static void tunnel_half(struct tower *t) {
  tower_feed_text(t, "HTTP/1.1 200 OK\r\nA:");
}

static void tunnel_rest(struct tower *t) {
  if (t->count[ENDED] == 0)
    tower_feed_text(t, " b\r\n\r\n");
}

static void ws_half(struct tower *t) {
  if (t->count[ENDED] == 0)
    ws_answer(t, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n");
}

static void ws_rest(struct tower *t) {
  if (t->count[ENDED] == 0)
    tower_feed_text(t, "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
}

typedef void (*says)(struct tower *);

static const struct kind {
  um_layer *layers[3];
  size_t n;
  says words[5];
  bool framed;
} kinds[] = {
    {{um_socks5_new}, 1, {socks5_method, socks5_verdict}, false},
    {{um_tunnel_new}, 1, {tunnel_half, tunnel_rest}, false},
    {{um_ws_new}, 1, {ws_half, ws_rest}, true},
    {{um_socks5_new, um_ws_new},
     2,
     {socks5_method, socks5_verdict, ws_half, ws_rest},
     true},
    {{um_tunnel_new, um_ws_new},
     2,
     {tunnel_half, tunnel_rest, ws_half, ws_rest},
     true},
    {{um_tunnel_new, um_socks5_new, um_ws_new},
     3,
     {tunnel_half, tunnel_rest, socks5_method, socks5_verdict, ws_half},
     true},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void read_on(struct tower *t) {
  tower_read(t, true);
}

static void begin(struct tower *t) {
  tower_init(t);
  t->on[CONNECTED] = read_on;
  t->proxy.username = PLANTED_USER;
  t->proxy.password = PLANTED_PASSWORD;
}

/* Until `words` of its words are said. */
static void play(struct tower *t, const struct kind *k, size_t words) {
  tower_up(t, k->layers, k->n);
  for (size_t i = 0; i < words && k->words[i] != NULL; i++)
    k->words[i](t);
}

static void say_data(struct tower *t, const struct kind *k) {
  if (k->framed)
    tower_feed_text(t, "\x82\x04"
                       "data");
  else
    tower_feed_text(t, "data");
}

/* States. */

static void opened(struct tower *t, const struct kind *k) {
  cr_assert_eq(tower_open(t, k->layers, k->n), 0);
}

static void connecting(struct tower *t, const struct kind *k) {
  opened(t, k);
  tower_connect(t);
}

static void word_0(struct tower *t, const struct kind *k) {
  play(t, k, 0);
}

static void word_1(struct tower *t, const struct kind *k) {
  play(t, k, 1);
}

static void word_3(struct tower *t, const struct kind *k) {
  play(t, k, 3);
}

static void up(struct tower *t, const struct kind *k) {
  play(t, k, 5);
}

static void kept(struct tower *t, const struct kind *k) {
  up(t, k);
  if (t->count[CONNECTED] == 0)
    return;
  tower_read(t, false);
  say_data(t, k);
  tower_read(t, true);
}

static void busy(struct tower *t, const struct kind *k) {
  up(t, k);
  t->m->room = 2;
  if (t->count[CONNECTED] == 0)
    return;
  cr_assert_eq(tower_write(t, "abcdef", 6), 0);
  cr_assert(t->s->busy);
}

static void finishing(struct tower *t, const struct kind *k) {
  up(t, k);
  tower_finish(t);
}

static void doomed(struct tower *t, const struct kind *k) {
  up(t, k);
  t->m->write_error = UV_EPIPE;
  tower_finish(t);
}

static void ended(struct tower *t, const struct kind *k) {
  up(t, k);
  memstream_end(t->m, UV_EOF);
}

static void (*const states[])(struct tower *, const struct kind *) = {
    opened, connecting, word_0,    word_1, word_3, up,
    kept,   busy,       finishing, doomed, ended,
};

/* Ways out. */

static void just_close(struct tower *t) {
  tower_close(t);
}

static void walk_close(struct tower *t) {
  tower_walk(t);
  tower_close(t);
}

static void close_walk(struct tower *t) {
  tower_close(t);
  tower_walk(t);
}

static void walk_turn_close(struct tower *t) {
  tower_walk(t);
  tower_turn(t);
  tower_close(t);
  tower_walk(t);
}

static void close_turn_walk(struct tower *t) {
  tower_close(t);
  uv_run(&t->loop, UV_RUN_NOWAIT);
  tower_walk(t);
}

static void (*const ways_out[])(struct tower *) = {
    just_close, walk_close, close_walk, walk_turn_close, close_turn_walk,
};

enum {
  STATES = sizeof states / sizeof states[0],
  WAYS_OUT = sizeof ways_out / sizeof ways_out[0],
};

Test(layers, close_in_every_state_in_every_way) {
  for (size_t k = 0; k < KINDS; k++)
    for (size_t s = 0; s < STATES; s++)
      for (size_t w = 0; w < WAYS_OUT; w++) {
        struct tower t;
        begin(&t);
        states[s](&t, &kinds[k]);
        ways_out[w](&t);
        tower_done(&t);
      }
}

static void close_now(struct tower *t) {
  tower_close(t);
}

Test(layers, close_inside_every_call_up) {
  for (size_t k = 0; k < KINDS; k++)
    for (int h = PROGRESS; h <= ENDED; h++) {
      struct tower t;
      begin(&t);
      t.on[h] = close_now;
      cr_assert_eq(tower_open(&t, kinds[k].layers, kinds[k].n), 0);
      tower_connect(&t);
      tower_connected(&t);
      for (size_t i = 0; i < 5 && kinds[k].words[i] != NULL && !t.closing; i++)
        kinds[k].words[i](&t);
      if (!t.closing && t.count[CONNECTED] > 0)
        say_data(&t, &kinds[k]);
      if (!t.closing)
        memstream_end(t.m, UV_EOF);
      tower_done(&t);
    }
}

Test(layers, an_end_of_below_in_every_state_is_told_once) {
  for (size_t k = 0; k < KINDS; k++)
    for (size_t words = 0; words <= 5; words++) {
      struct tower t;
      begin(&t);
      play(&t, &kinds[k], words);
      if (t.count[ENDED] == 0)
        memstream_end(t.m, UV_ECONNRESET);
      cr_assert_eq(t.count[ENDED], 1);
      cr_assert_eq(t.status, UV_ECONNRESET);
      tower_turn(&t);
      tower_done(&t);
    }
}

static void exchange(struct tower *t, const struct kind *k) {
  t->on[CONNECTED] = read_on;
  for (size_t i = 0; i < 5 && k->words[i] != NULL; i++)
    k->words[i](t);
  if (t->count[CONNECTED] == 0 || t->count[ENDED] > 0)
    return;
  say_data(t, k);
  if (t->count[ENDED] == 0 && tower_write(t, "abc", 3) == 0)
    tower_finish(t);
}

/* It works, or somebody hears UV_ENOMEM. */
static bool starve(const struct kind *k, uint64_t at) {
  struct tower t;
  begin(&t);
  tower_fail_at(at);
  int r = tower_open(&t, k->layers, k->n);
  if (r == 0) {
    tower_connect(&t);
    tower_connected(&t);
    exchange(&t, k);
    tower_turn(&t);
  }
  bool failed = tower_failed();
  tower_fail_at(0);
  cr_assert(r == 0 || r == UV_ENOMEM);
  cr_assert(t.count[ENDED] == 0 || t.status == UV_ENOMEM, "%d", t.status);
  cr_assert(r != 0 || t.count[ENDED] == 1 || t.count[CONNECTED] == 1 ||
            k->words[4] != NULL);
  tower_done(&t);
  return failed;
}

Test(layers, every_allocation_may_fail) {
  for (size_t k = 0; k < KINDS; k++) {
    uint64_t at = 1;
    while (starve(&kinds[k], at))
      at++;
    cr_assert_gt(at, 5);
    cr_assert_lt(at, 200);
  }
}

Test(layers, what_the_peer_says_may_come_byte_by_byte) {
  for (size_t k = 0; k < KINDS; k++) {
    struct tower t;
    begin(&t);
    cr_assert_eq(tower_open(&t, kinds[k].layers, kinds[k].n), 0);
    t.m->cut = 1;
    tower_connect(&t);
    tower_connected(&t);
    exchange(&t, &kinds[k]);
    if (kinds[k].words[4] == NULL)
      tower_got_text(&t, "data");
    tower_done(&t);
  }
}

/* Neither in what is told (tower.c looks) nor anywhere but in what is sent. */
Test(layers, the_login_is_not_in_what_is_told) {
  static const char *const answers[] = {"\x05\x02\x01\x01",
                                        "HTTP/1.1 407 no\r\n\r\n"};
  for (size_t k = 0; k < 2; k++) {
    struct tower t;
    begin(&t);
    tower_up(&t, kinds[k].layers, 1);
    tower_feed_text(&t, answers[k]);
    cr_assert_eq(t.status, UVMQTT_EPROXYAUTH);
    cr_assert_neq(*t.fault.text, '\0');
    tower_done(&t);
  }
}
