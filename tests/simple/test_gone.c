/* The server goes away at each point of each call: after every line of the
 * conversation and after every byte of its own, with a FIN and with a reset. */
#include "either.h"

#include <stdio.h>
#include <string.h>

SUITE(gone);

#define BOUND 2000 /* ms; what the calls wait for is far longer */
#define LINES 16

static void ignore(const char *topic, uvmqtt_bytes_t payload, void *arg) {
  (void)topic, (void)payload, (void)arg;
}

static int do_connect(struct either *e) {
  return EITHER(e, connect, false, 60000);
}
static int do_publish_0(struct either *e) {
  return EITHER(e, publish, "a", text("x"), false, 0);
}
static int do_publish_1(struct either *e) {
  return EITHER(e, publish, "a", text("x"), false, 1);
}
static int do_publish_2(struct either *e) {
  return EITHER(e, publish, "a", text("x"), false, 2);
}
static int do_subscribe(struct either *e) {
  return EITHER(e, subscribe, "a", 0);
}
static int do_unsubscribe(struct either *e) {
  return EITHER(e, unsubscribe, "a");
}
static int do_ping(struct either *e) {
  return EITHER_0(e, ping);
}
static int do_wait_msg(struct either *e) {
  return EITHER(e, wait_msg, -1);
}
static int do_disconnect(struct either *e) {
  return EITHER_0(e, disconnect);
}

/* What the server sends has one blank between its bytes. */
static const struct conversation {
  const char *name;
  int (*call)(struct either *e);
  bool waits; /* for the server: its end is the call's error */
  const char *lines[6];
} conversations[] = {
    {"publish at QoS 0", do_publish_0, false, {"< 30 04 00 01 61 78"}},
    {"publish at QoS 1",
     do_publish_1,
     true,
     {"< 32 06 00 01 61 00 01 78", "> 40 02 00 01"}},
    {"publish at QoS 2",
     do_publish_2,
     true,
     {"< 34 06 00 01 61 00 01 78", "> 50 02 00 01", "< 62 02 00 01",
      "> 70 02 00 01"}},
    {"subscribe",
     do_subscribe,
     true,
     {"< 82 06 00 01 00 01 61 00", "> 90 03 00 01 00"}},
    {"unsubscribe",
     do_unsubscribe,
     true,
     {"< a2 05 00 01 00 01 61", "> b0 02 00 01"}},
    {"ping", do_ping, false, {"< c0 00", "> d0 00"}},
    {"wait_msg", do_wait_msg, true, {"> 32 06 00 01 6d 00 01 31"}},
    {"disconnect", do_disconnect, false, {"< e0 00"}},
};

/* Up to and without `point` of the lines; points are lines and, of the
 * server's, bytes. 0: there is no such point. */
struct script {
  const char *lines[LINES];
  size_t n;
  char last[128];
};

static void add(struct script *s, const char *line) {
  s->lines[s->n++] = line;
  s->lines[s->n] = NULL;
}

static size_t bytes_of(const char *line) {
  return (strlen(line) - 1) / 3;
}

static bool add_up_to(struct script *s, const char *const *lines,
                      size_t point) {
  for (; *lines != NULL; lines++) {
    size_t points = **lines == '>' ? bytes_of(*lines) : 1;
    if (point == 0)
      return true;
    if (point < points) {
      snprintf(s->last, sizeof s->last, "%.*s", 1 + 3 * (int)point, *lines);
      add(s, s->last);
      return true;
    }
    point -= points;
    add(s, *lines);
  }
  return false; /* nothing is missing */
}

static void expect_bound(const char *name, size_t point, uint64_t begin) {
  uint64_t ms = now_ms() - begin;
  cr_assert(ms < BOUND, "%s, point %zu: took %llu ms", name, point,
            (unsigned long long)ms);
}

/* Whatever the call had noticed, soon every call says that it is over. */
static void expect_end(struct either *e, const char *name, size_t point) {
  uint64_t begin = now_ms();
  while (either_check_msg(e) != UV_ENOTCONN)
    expect_bound(name, point, begin);
  cr_assert(do_publish_1(e) == UV_ENOTCONN && do_ping(e) == UV_ENOTCONN);
  cr_assert(do_subscribe(e) == UV_ENOTCONN);
  cr_assert(do_wait_msg(e) == UV_ENOTCONN);
  cr_assert(do_disconnect(e) == 0);
}

static void play_call(const struct conversation *c, size_t point,
                      struct script *s, bool robust) {
  struct peer peer;
  struct either e;
  peer_start(&peer, s->lines);
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .server = "127.0.0.1", .port = peer.port};
  either_new(&e, robust, &o);
  EITHER(&e, set_callback, ignore, NULL);
  cr_assert(do_connect(&e) == 0);
  peer_go(&peer);
  uint64_t begin = now_ms();
  int r = c->call(&e);
  expect_bound(c->name, point, begin);
  cr_assert(!c->waits || r < 0, "%s, point %zu: %d", c->name, point, r);
  expect_end(&e, c->name, point);
  either_free(&e);
  peer_done(&peer);
}

static bool play_point(const struct conversation *c, size_t point,
                       const char *how, bool robust) {
  struct script s = {.n = 0};
  add(&s, "accept");
  add(&s, "packet 10");
  add(&s, "> 20 02 00 00");
  add(&s, "await");
  if (!add_up_to(&s, c->lines, point))
    return false;
  add(&s, how);
  play_call(c, point, &s, robust);
  return true;
}

static void play_all(const char *how, bool robust) {
  for (size_t i = 0; i < sizeof conversations / sizeof conversations[0]; i++)
    for (size_t point = 0; play_point(&conversations[i], point, how, robust);)
      point++;
}

Test(gone, with_a_fin_ends_each_call_of_simple) {
  play_all("close", false);
}
Test(gone, with_a_reset_ends_each_call_of_simple) {
  play_all("reset", false);
}
Test(gone, with_a_fin_ends_each_call_of_robust) {
  play_all("close", true);
}
Test(gone, with_a_reset_ends_each_call_of_robust) {
  play_all("reset", true);
}

/* connect itself, of which simple and robust say the same */
static void play_connect(bool robust, bool clean_session) {
  static const char *const lines[] = {"accept", "packet 10", "> 20 02 00 00",
                                      NULL};
  for (size_t point = 1; point < 6; point++) {
    struct script s = {.n = 0};
    struct peer peer;
    struct either e;
    cr_assert(add_up_to(&s, lines, point));
    add(&s, point & 1 ? "close" : "reset");
    peer_start(&peer, s.lines);
    uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                                 .server = "127.0.0.1", .port = peer.port};
    either_new(&e, robust, &o);
    uint64_t begin = now_ms();
    int r = EITHER(&e, connect, clean_session, 60000);
    cr_assert(r < 0 && r != UV_ETIMEDOUT, "point %zu: %d", point, r);
    expect_bound("connect", point, begin);
    cr_assert(either_check_msg(&e) == UV_ENOTCONN);
    either_free(&e);
    peer_done(&peer);
  }
}

Test(gone, ends_connect) {
  play_connect(false, true);
  play_connect(false, false);
  play_connect(true, true);
  play_connect(true, false);
}
