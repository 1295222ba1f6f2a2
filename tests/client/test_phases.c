/* A peer that takes the connection and then says nothing, in each phase of the
 * way: the attempt ends in the time of that phase, and the error says where. */
#include "client/rig.h"
#include "support/suite.h"
#include "support/tls_front.h"
#include <stdio.h>
#include <string.h>

SUITE(phases);

enum { LIMIT = 150, OVERALL = 8000 }; /* ms */

/* What the peer answers, one each time it hears something; then nothing. */
#define SOCKS_METHOD                                                           \
  { "\x05\x00", 2 }
#define SOCKS_VERDICT                                                          \
  { "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10 }
#define HTTP_OK                                                                \
  { "HTTP/1.1 200 OK\r\n\r\n", 19 }
#define ANSWERS_MAX 3

static const struct silence {
  const char *scheme; /* of the URL */
  const char *proxy;  /* of the proxy, NULL: none */
  struct answer {
    const char *bytes;
    size_t len;
  } answers[ANSWERS_MAX];
  uvmqtt_phase_t phase;
  const char *hint; /* part of it */
} silences[] = {
    {"mqtts", NULL, {{0}}, UVMQTT_PHASE_TLS, "speak TLS"},
    {"wss", NULL, {{0}}, UVMQTT_PHASE_TLS, "speak TLS"},
    {"ws", NULL, {{0}}, UVMQTT_PHASE_WEBSOCKET, "speak HTTP"},
    {"mqtt", "socks5h", {{0}}, UVMQTT_PHASE_PROXY, "the proxy"},
    {"mqtt", "socks5h", {SOCKS_METHOD}, UVMQTT_PHASE_PROXY, "the proxy"},
    {"mqtt", "http", {{0}}, UVMQTT_PHASE_PROXY, "the proxy"},
    {"wss", "http", {{0}}, UVMQTT_PHASE_PROXY, "the proxy"},
    {"mqtts",
     "socks5h",
     {SOCKS_METHOD, SOCKS_VERDICT},
     UVMQTT_PHASE_TLS,
     "speak TLS"},
    {"ws",
     "socks5h",
     {SOCKS_METHOD, SOCKS_VERDICT},
     UVMQTT_PHASE_WEBSOCKET,
     "speak HTTP"},
    {"mqtts", "http", {HTTP_OK}, UVMQTT_PHASE_TLS, "speak TLS"},
    {"ws", "http", {HTTP_OK}, UVMQTT_PHASE_WEBSOCKET, "speak HTTP"},
};

static struct rig r;
static const struct silence *now;
static unsigned heard;

static void swallow(struct broker_link *l, const uint8_t *data, size_t len) {
  (void)data;
  if (len == 0)
    return;
  const struct answer *a = heard < ANSWERS_MAX ? &now->answers[heard] : NULL;
  heard++;
  if (a != NULL && a->bytes != NULL)
    broker_sends(l, a->bytes, a->len);
}

static void expect_silence(uvmqtt_options_t *o, uvmqtt_phase_t phase,
                           const char *hint) {
  o->handshake_timeout = LIMIT;
  o->connect_timeout = OVERALL;
  o->reconnect_min = 60000; /* not again */
  guest_open(&r, &r.g, o);
  uint64_t before = rig_clock();
  guest_connect(&r.g);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  uint64_t took = rig_clock() - before;
  cr_expect(took >= LIMIT && took < OVERALL / 2, "%s: %u ms", o->url,
            (unsigned)took);
  cr_expect_eq(r.g.error.code, UV_ETIMEDOUT, "%s %s: %s", o->url, o->proxy,
               uvmqtt_err_name(r.g.error.code));
  cr_expect_eq(r.g.error.phase, phase, "%s %s: %d", o->url, o->proxy,
               (int)r.g.error.phase);
  cr_expect(strstr(r.g.hint, hint) != NULL, "%s %s: %s", o->url, o->proxy,
            r.g.hint);
  guest_close(&r.g);
  UNTIL(&r, r.g.m == NULL);
}

static void open_silent(const struct silence *s) {
  static const struct silence mute;
  now = s == NULL ? &mute : s;
  heard = 0;
  rig_open(&r);
  r.crowded = true;
  r.b.bytes = swallow;
}

Test(phases, each_that_gets_no_answer_ends_in_its_time) {
  for (size_t i = 0; i < sizeof silences / sizeof silences[0]; i++) {
    const struct silence *s = &silences[i];
    char url[64], proxy[64];
    open_silent(s);
    snprintf(url, sizeof url, "%s://127.0.0.1:%u", s->scheme,
             (unsigned)r.b.port);
    snprintf(proxy, sizeof proxy, "%s://127.0.0.1:%u",
             s->proxy == NULL ? "" : s->proxy, (unsigned)r.b.port);
    uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                          .proxy = s->proxy == NULL ? NULL : proxy};
    expect_silence(&o, s->phase, s->hint);
    rig_close(&r);
  }
}

/* TLS is well, and then no HTTP comes. */
Test(phases, the_websocket_under_tls_too) {
  struct tls_front front;
  char url[64];
  open_silent(NULL);
  tls_front_open(&front, &r.loop, r.b.port);
  snprintf(url, sizeof url, "wss://localhost:%u", (unsigned)front.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                        .tls = tls_front_context(&front)};
  expect_silence(&o, UVMQTT_PHASE_WEBSOCKET, "speak HTTP");
  cr_expect_eq(front.shaken, 1);
  cr_expect_gt(front.plain, 0);
  uvmqtt_tls_free(o.tls);
  tls_front_close(&front);
  rig_close(&r);
  tls_front_done(&front);
}

static void never_answer(uvmqtt_t *m, const uvmqtt_lookup_t *lookup) {
  (void)m;
  (void)lookup;
}

/* The proxy stands by; it is our look-up that does not end. */
Test(phases, the_look_up_for_a_proxy_too) {
  char proxy[64];
  open_silent(NULL);
  snprintf(proxy, sizeof proxy, "socks5://127.0.0.1:%u", (unsigned)r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = "mqtt://broker.example",
                        .proxy = proxy, .on_resolve = never_answer};
  expect_silence(&o, UVMQTT_PHASE_RESOLVE, "name server");
  cr_expect_eq(heard, 0);
  rig_close(&r);
}

/* Each has a time of its own: two slow ones are no slow one. */
Test(phases, the_time_begins_anew_with_each) {
  static const struct answer yes = HTTP_OK;
  char url[64], proxy[64];
  open_silent(NULL);
  snprintf(url, sizeof url, "ws://127.0.0.1:%u", (unsigned)r.b.port);
  snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", (unsigned)r.b.port);
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = url,
                        .proxy = proxy,
                        .handshake_timeout = 2 * LIMIT,
                        .connect_timeout = OVERALL,
                        .reconnect_min = 60000};
  guest_open(&r, &r.g, &o);
  uint64_t before = rig_clock();
  guest_connect(&r.g);
  UNTIL(&r, heard == 1);
  rig_rest(&r, LIMIT);
  broker_sends(r.b.link, yes.bytes, yes.len);
  UNTIL(&r, r.g.n[DISCONNECTED] == 1);
  cr_expect_geq(rig_clock() - before, 3 * LIMIT);
  cr_expect_eq(r.g.error.phase, UVMQTT_PHASE_WEBSOCKET);
  rig_close(&r);
}
