/* check_msg never blocks: not on half a packet, not while a connection is being
 * made, not when the server neither reads nor answers. */
#include "cost.h"

#include <string.h>

SUITE(stall);

#define CALLS 10000

static void make(struct either *e, struct peer *p, bool robust,
                 const char *const *lines) {
  peer_start(p, lines);
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .server = "127.0.0.1", .port = p->port,
                               .keepalive = 60};
  either_new(e, robust, &o);
  cr_assert(EITHER(e, connect, false, 5000) == 0);
  peer_go(p);
}

/* The peer stalls in the middle of a packet: behind its first byte, inside its
 * length, its topic, its payload. */
static void stall(const char *half, const char *rest, bool robust) {
  const char *lines[] = {
      "accept", "packet 10", "> 20 02 00 00", "await", half, "tell",
      "await",  rest,        "tell",          GOODBYE, NULL};
  struct either e;
  struct peer p;
  struct cost cost = {.calls = 0};
  cost_skip_under_valgrind();
  make(&e, &p, robust, lines);
  peer_told(&p);
  for (int i = 0; i < CALLS; i++)
    cr_assert(cost_check(&cost, &e) == 0);
  cost_expect_cheap(&cost);
  peer_go(&p);
  peer_told(&p);
  cr_assert(either_check_msg(&e) == 1);
  cr_assert(EITHER_0(&e, disconnect) == 0);
  either_free(&e);
  peer_done(&p);
}

static void stall_everywhere(bool robust) {
  stall("> 30", "> 04 00 01 \"m\" \"1\"", robust);
  stall("> 30 84", "> 00 00 01 \"m\" \"1\"", robust);
  stall("> 30 04 00", "> 01 \"m\" \"1\"", robust);
  stall("> 30 06 00 01 \"m\" \"1\"", "> \"23\"", robust);
}

Test(stall, in_a_packet_does_not_hold_simple) {
  stall_everywhere(false);
}
Test(stall, in_a_packet_does_not_hold_robust) {
  stall_everywhere(true);
}

/* Reconnecting, the peer takes the connection and says nothing, or half a
 * CONNACK. */
static void stall_reconnecting(const char *half) {
  const char *lines[] = {"accept", "packet 10", "> 20 02 00 00", "await",
                         "close",  "accept",    "packet 10",     half,
                         "tell",   "await",     "> 01 00",       GOODBYE,
                         NULL};
  struct either e;
  struct peer p;
  struct cost cost = {.calls = 0};
  cost_skip_under_valgrind();
  make(&e, &p, true, lines);
  for (int i = 0; i < CALLS; i++)
    cr_assert(cost_check(&cost, &e) == 0);
  cost_expect_cheap(&cost);
  peer_told(&p);
  peer_go(&p);
  while (!uvmqtt_robust_is_online(e.robust))
    cr_assert(either_check_msg(&e) == 0);
  cr_assert(EITHER_0(&e, disconnect) == 0);
  either_free(&e);
  peer_done(&p);
}

Test(stall, while_it_reconnects_does_not_hold_robust) {
  stall_reconnecting("> 20 02");
}

/* Nobody listens: attempt after attempt. */
Test(stall, refused_again_and_again_does_not_hold_robust) {
  static const char *const lines[] = {"accept", "packet 10", "> 20 02 00 00",
                                      "await",  "close",     NULL};
  struct either e;
  struct peer p;
  struct cost cost = {.calls = 0};
  cost_skip_under_valgrind();
  uvmqtt_robust_options_t soon = {UVMQTT_ROBUST_OPTIONS_INIT, .delay_min = 1,
                                  .delay_max = 1};
  memset(&e, 0, sizeof e);
  peer_start(&p, lines);
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .server = "127.0.0.1", .port = p.port};
  cr_assert(uvmqtt_robust_new(&o, &soon, &e.robust) == 0);
  cr_assert(EITHER(&e, connect, false, 5000) == 0);
  peer_go(&p);
  for (int i = 0; i < CALLS; i++) {
    int r = cost_check(&cost, &e);
    cr_assert(r == 0 || r == UV_ECONNREFUSED);
  }
  cost_expect_cheap(&cost);
  either_free(&e);
  peer_done(&p);
}

/* A server that does not read: the queue fills, the calls go on. */
Test(stall, of_the_reader_does_not_hold_check_msg) {
  static const char *const lines[] = {"accept", "packet 10", "> 20 02 00 00",
                                      "await",  "tell",      "await",
                                      "close",  NULL};
  struct either e;
  struct peer p;
  struct cost cost = {.calls = 0};
  cost_skip_under_valgrind();
  static char large[200000];
  uvmqtt_bytes_t payload = {large, sizeof large};
  peer_start(&p, lines);
  uvmqtt_simple_options_t o = {UVMQTT_SIMPLE_OPTIONS_INIT, .client_id = "c",
                               .server = "127.0.0.1", .port = p.port,
                               .timeout_ms = 50};
  either_new(&e, false, &o);
  cr_assert(EITHER(&e, connect, true, 5000) == 0);
  peer_go(&p);
  peer_told(&p);
  int r = 0;
  for (int i = 0; i < 200 && r == 0; i++)
    r = EITHER(&e, publish, "a", payload, false, 0);
  cr_assert(r == UV_ETIMEDOUT);
  for (int i = 0; i < CALLS; i++)
    cr_assert(cost_check(&cost, &e) == 0);
  cost_expect_cheap(&cost);
  peer_go(&p);
  either_free(&e);
  peer_done(&p);
}
