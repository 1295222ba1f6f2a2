/* Who may connect, and when: the arithmetic with a clock of our own, and
 * clients of one loop. O17, O18. */
#include "client/budget.h"
#include "client/client.h"
#include "client/rig.h"
#include "support/suite.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

SUITE(budget);

#define SECOND 1000000u
#define CROWD 400u

static struct um_budget b;
static struct um_turn turns[CROWD];
static uint64_t began[20000];
static size_t n_began, next;

static void begin(uint32_t handshakes, uint32_t reconnects) {
  um_budget_init(&b);
  um_budget_limit(&b, handshakes, reconnects);
  for (size_t i = 0; i < CROWD; i++)
    um_turn_init(&turns[i]);
}

static bool ask(size_t i, uint64_t now, uint64_t *when) {
  bool go = um_budget_ask(&b, &turns[i], now, when);
  cr_assert(go || *when > now, "asking again at once would spin");
  if (go)
    began[n_began++] = now;
  return go;
}

/* The most in any second that begins with one of them. */
static size_t most(void) {
  size_t ret = 0;
  for (size_t i = 0, k = 0; i < n_began; i++) {
    while (began[i] - began[k] >= SECOND)
      k++;
    if (i - k + 1 > ret)
      ret = i - k + 1;
  }
  return ret;
}

/* Everybody wants to, always; each seat is given back at once. */
static void storm(uint64_t from, uint64_t until, unsigned step) {
  uint64_t when;
  for (uint64_t now = from; now < until; now += step)
    while (ask(next, now, &when)) {
      um_budget_leave(&b, &turns[next]);
      next = (next + 1) % CROWD;
    }
}

static void check_storm(uint32_t reconnects, unsigned step) {
  begin(0, reconnects);
  n_began = next = 0;
  storm(5 * SECOND, 15 * SECOND, step);
  storm(20 * SECOND, 25 * SECOND, step); /* after a rest */
  cr_expect_leq(most(), reconnects, "%zu of %u", most(), reconnects);
  cr_expect_geq(n_began, (size_t)(15.0 * reconnects * 0.8), "%zu of 15 x %u",
                n_began, reconnects);
}

Test(budget, in_no_second_more_than_allowed_and_not_much_less) {
  static const uint32_t rates[] = {1, 2, 9, 10, 11, 50, 200, 1000};
  for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
    check_storm(rates[i], 100);
    check_storm(rates[i], 1700);
  }
}

Test(budget, the_one_who_asks_at_the_time_given_goes) {
  uint64_t when = 0;
  begin(0, 1);
  cr_expect(ask(0, SECOND, &when));
  um_budget_leave(&b, &turns[0]);
  cr_expect_not(ask(1, SECOND, &when));
  cr_expect_eq(when, 2 * SECOND);
  cr_expect_not(ask(1, when - 1, &when));
  cr_expect(ask(1, when, &when));
}

Test(budget, first_come_first_served) {
  uint64_t when = 0, later = 0;
  begin(0, 1);
  cr_expect(ask(0, SECOND, &when));
  um_budget_leave(&b, &turns[0]);
  cr_expect_not(ask(1, SECOND, &when));
  cr_expect_not(ask(2, SECOND, &later));
  cr_expect_eq(later - when, SECOND, "one place further back");
  cr_expect_not(ask(2, 2 * SECOND, &later));
  cr_expect_eq(um_budget_foremost(&b), &turns[1]);
  cr_expect(ask(1, 2 * SECOND, &when));
  cr_expect_eq(um_budget_foremost(&b), &turns[2]);
}

Test(budget, who_leaves_the_line_is_not_waited_for) {
  uint64_t when = 0;
  begin(0, 1);
  cr_expect(ask(0, SECOND, &when));
  cr_expect_not(ask(1, SECOND, &when));
  cr_expect_not(ask(2, SECOND, &when));
  um_budget_leave(&b, &turns[1]);
  um_budget_leave(&b, &turns[1]);
  cr_expect(ask(2, 2 * SECOND, &when));
}

Test(budget, handshakes_are_bounded_and_slow_ones_forgotten) {
  uint64_t when = 0;
  begin(2, 1000);
  cr_expect(ask(0, SECOND, &when));
  cr_expect(ask(1, SECOND + 10, &when));
  cr_expect_not(ask(2, SECOND + 20, &when));
  cr_expect_eq(when, SECOND + UM_SEAT_MS * 1000);
  um_budget_leave(&b, &turns[1]);
  cr_expect(ask(2, SECOND + 30, &when));
  cr_expect_not(ask(3, SECOND + 40, &when));
  cr_expect(ask(3, SECOND + UM_SEAT_MS * 1000, &when));
  um_budget_leave(&b, &turns[0]); /* has no seat any more */
  cr_expect_eq(b.n_seats, 2);
}

Test(budget, none_is_no_bound) {
  uint64_t when = 0;
  begin(UVMQTT_FOREVER, UVMQTT_FOREVER);
  for (size_t i = 0; i < CROWD; i++)
    cr_expect(ask(i, SECOND, &when));
}

/* Clients. */

static struct rig r;

static void limit(uint32_t handshakes, uint32_t reconnects) {
  uvmqtt_loop_limits_t l = {UVMQTT_LOOP_LIMITS_INIT, .handshakes = handshakes,
                            .reconnects = reconnects};
  cr_assert_eq(uvmqtt_loop_limits(&r.loop, &l), 0);
}

enum { GUESTS = 6 };
static struct guest guests[GUESTS];

static void open_guests(uint32_t handshakes, uint32_t reconnects) {
  rig_open(&r);
  r.crowded = true;
  for (size_t i = 0; i < GUESTS; i++)
    guest_open(&r, &guests[i], NULL);
  limit(handshakes, reconnects);
  for (size_t i = 0; i < GUESTS; i++)
    guest_connect(&guests[i]);
}

static void close_guests(void) {
  for (size_t i = 0; i < GUESTS; i++)
    guest_close(&guests[i]);
  for (size_t i = 0; i < GUESTS; i++)
    UNTIL(&r, guests[i].m == NULL);
  rig_close(&r);
}

static unsigned online(void) {
  unsigned n = 0;
  for (size_t i = 0; i < GUESTS; i++)
    n += guests[i].n[CONNECTED];
  return n;
}

Test(budget, limits_need_a_client_and_sense) {
  uvmqtt_loop_limits_t l = {UVMQTT_LOOP_LIMITS_INIT};
  rig_open(&r);
  cr_expect_eq(uvmqtt_loop_limits(&r.loop, &l), UV_ENOENT);
  guest_open(&r, &r.g, NULL);
  cr_expect_eq(uvmqtt_loop_limits(&r.loop, &l), 0);
  cr_expect_eq(uvmqtt_loop_limits(NULL, &l), UV_EINVAL);
  cr_expect_eq(uvmqtt_loop_limits(&r.loop, NULL), UV_EINVAL);
  l.size = 0;
  cr_expect_eq(uvmqtt_loop_limits(&r.loop, &l), UV_EINVAL);
  rig_close(&r);
}

/* By older and newer headers. */
Test(budget, shorter_and_longer_limits_are_read_as_far_as_they_are_known) {
  struct {
    uvmqtt_loop_limits_t known;
    uint64_t more;
  } l = {{.size = sizeof l, .handshakes = 7, .reconnects = 1}, 0};
  rig_open(&r);
  guest_open(&r, &r.g, NULL);
  const struct um_budget *own = &r.g.m->loop->budget;
  cr_expect_eq(uvmqtt_loop_limits(&r.loop, &l.known), 0);
  cr_expect_eq(own->handshakes, 7);
  uint64_t slow = own->pace;
  l.more = UINT64_C(1) << 56;
  l.known.handshakes = 8;
  cr_expect_eq(uvmqtt_loop_limits(&r.loop, &l.known), UV_EINVAL);
  cr_expect_eq(own->handshakes, 7);
  l.known.size = offsetof(uvmqtt_loop_limits_t, reconnects);
  cr_expect_eq(uvmqtt_loop_limits(&r.loop, &l.known), 0);
  cr_expect_eq(own->handshakes, 8);
  cr_expect_lt(own->pace, slow, "the default");
  rig_close(&r);
}

Test(budget, clients_wait_in_line_and_all_come_online) {
  uint64_t before = rig_clock();
  open_guests(0, 20); /* two at once, then one each 53 ms */
  r.b.polite = true;
  UNTIL(&r, guests[GUESTS - 1].n[STATE] > 0);
  cr_expect_eq(uvmqtt_state(guests[GUESTS - 1].m), UVMQTT_STATE_WAITING);
  cr_expect_gt(guests[GUESTS - 1].retry_in, guests[2].retry_in);
  UNTIL(&r, online() == GUESTS);
  cr_expect_geq(rig_clock() - before, (GUESTS - 2) * 52);
  cr_expect_str_eq(guests[0].states, "connecting online");
  cr_expect_str_eq(guests[GUESTS - 1].states, "waiting connecting online");
  for (size_t i = 0; i < GUESTS; i++)
    cr_expect_eq(guest_stats(&guests[i]).attempts, 1);
  close_guests();
}

Test(budget, a_handshake_that_ends_lets_the_next_begin) {
  open_guests(1, UVMQTT_FOREVER);
  r.b.in_turn = true;
  UNTIL(&r, r.b.accepted == 1);
  rig_rest(&r, 50);
  cr_expect_eq(r.b.accepted, 1);
  HEARS(&r, "CONNECT ...");
  SAYS(&r, "CONNACK");
  UNTIL(&r, r.b.accepted == 2);
  cr_expect_eq(online(), 1);
  close_guests();
}

/* No seat is lost with them. */
Test(budget, closing_and_leaving_in_line) {
  open_guests(1, UVMQTT_FOREVER);
  UNTIL(&r, r.b.accepted == 1);
  UNTIL(&r, uvmqtt_state(guests[5].m) == UVMQTT_STATE_WAITING);
  guest_close(&guests[1]);
  guest_leave(&guests[2], UVMQTT_DISCONNECT_FLUSH, 0);
  UNTIL(&r, guests[1].m == NULL && guests[2].n[LEFT] == 1);
  cr_expect_eq(uvmqtt_state(guests[2].m), UVMQTT_STATE_OFFLINE);
  cr_expect_str_eq(guests[2].states, "waiting offline");
  guest_close(&guests[0]);
  UNTIL(&r, r.b.accepted == 2);
  cr_expect_eq(uvmqtt_state(guests[3].m), UVMQTT_STATE_CONNECTING);
  close_guests();
}

/* uvmqtt_connect while waiting does not jump the line. */
Test(budget, asking_again_keeps_the_place) {
  open_guests(1, UVMQTT_FOREVER);
  UNTIL(&r, r.b.accepted == 1);
  UNTIL(&r, uvmqtt_state(guests[5].m) == UVMQTT_STATE_WAITING);
  guest_connect(&guests[5]);
  rig_rest(&r, 20);
  cr_expect_eq(r.b.accepted, 1);
  guest_close(&guests[0]);
  UNTIL(&r, r.b.accepted == 2);
  cr_expect_eq(uvmqtt_state(guests[1].m), UVMQTT_STATE_CONNECTING);
  close_guests();
}

Test(budget, a_wider_limit_takes_effect_at_once) {
  open_guests(1, UVMQTT_FOREVER);
  UNTIL(&r, r.b.accepted == 1);
  limit(UVMQTT_FOREVER, UVMQTT_FOREVER);
  UNTIL(&r, r.b.accepted == GUESTS);
  close_guests();
}

/* What is refused again and again keeps to the budget. */
Test(budget, retries_count) {
  enum { RATE = 50 };
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .reconnect_min = 1,
                        .reconnect_max = 1};
  rig_open(&r);
  guest_open(&r, &r.g, &o);
  limit(0, RATE);
  broker_refuses(&r.b);
  guest_connect(&r.g);
  rig_rest(&r, 1000);
  cr_expect_leq(guest_stats(&r.g).attempts, RATE + 1);
  cr_expect_geq(guest_stats(&r.g).attempts, RATE / 2);
  rig_close(&r);
}

static void close_any(uv_handle_t *h, void *arg) {
  if (!rig_owns(arg, h) && !uv_is_closing(h))
    uv_close(h, NULL);
}

Test(budget, a_host_that_closes_all_handles_of_those_in_line) {
  open_guests(1, UVMQTT_FOREVER);
  UNTIL(&r, r.b.accepted == 1);
  uv_walk(&r.loop, close_any, &r);
  close_guests();
}
