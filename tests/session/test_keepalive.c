#include "session/keepalive.h"

#include "support/clock.h"
#include "support/suite.h"

SUITE(keepalive);

#define T CLOCK_START

static void expect(struct um_keepalive *k, uint64_t at,
                   enum um_keepalive_action action) {
  cr_assert_eq(um_keepalive_tick(k, T + at), action, "at +%d", (int)at);
}

Test(keepalive, off_has_no_deadline) {
  struct um_keepalive k = {0};
  um_keepalive_start(&k, T, 0);
  cr_assert_eq(um_keepalive_deadline(&k), UM_NEVER);
  expect(&k, UINT64_C(1) << 50, UM_KEEPALIVE_NONE);
  um_keepalive_pinged(&k, T); /* the user's ping: no verdict without K */
  cr_assert_eq(um_keepalive_deadline(&k), UM_NEVER);
  expect(&k, UINT64_C(1) << 50, UM_KEEPALIVE_NONE);
}

/* [MQTT-3.1.2-20/5], [MQTT-3.1.2-23/311] */
Test(keepalive, pings_before_the_interval_is_over) {
  static const uint16_t seconds[] = {1, 2, 10, 60, 65535};
  for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
    struct um_keepalive k;
    um_keepalive_start(&k, T, seconds[i]);
    uint64_t due = um_keepalive_deadline(&k);
    cr_assert_lt(due, T + seconds[i] * UINT64_C(1000));
    cr_assert_geq(due, T + seconds[i] * UINT64_C(900));
    cr_assert_eq(um_keepalive_tick(&k, due - 1), UM_KEEPALIVE_NONE);
    cr_assert_eq(um_keepalive_tick(&k, due), UM_KEEPALIVE_PING);
  }
}

static void pinged(struct um_keepalive *k) {
  um_keepalive_start(k, T, 60);
  expect(k, 59000, UM_KEEPALIVE_PING);
  um_keepalive_pinged(k, T + 59000);
}

Test(keepalive, gives_up_half_an_interval_after_the_ping_and_one_chance) {
  struct um_keepalive k = {0};
  pinged(&k);
  cr_assert_eq(um_keepalive_deadline(&k), T + 89000);
  expect(&k, 88999, UM_KEEPALIVE_NONE);
  expect(&k, 89000, UM_KEEPALIVE_NONE);
  cr_assert_eq(um_keepalive_deadline(&k), T + 89001);
  expect(&k, 89000, UM_KEEPALIVE_NONE);
  expect(&k, 89001, UM_KEEPALIVE_DEAD);
}

Test(keepalive, the_answer_ends_the_wait) {
  struct um_keepalive k = {0};
  pinged(&k);
  expect(&k, 89000, UM_KEEPALIVE_NONE);
  um_keepalive_received(&k, T + 89000);
  um_keepalive_answered(&k, T);
  expect(&k, 89001, UM_KEEPALIVE_NONE);
  expect(&k, 117999, UM_KEEPALIVE_NONE);
  expect(&k, 118000, UM_KEEPALIVE_PING);
}

Test(keepalive, any_byte_moves_the_verdict) {
  struct um_keepalive k = {0};
  pinged(&k);
  um_keepalive_received(&k, T + 80000);
  cr_assert_eq(um_keepalive_deadline(&k), T + 110000);
  expect(&k, 109999, UM_KEEPALIVE_NONE);
  expect(&k, 110000, UM_KEEPALIVE_NONE);
  expect(&k, 110001, UM_KEEPALIVE_DEAD);
}

/* N75 */
Test(keepalive, two_intervals_without_an_answer_are_enough_whatever_comes) {
  struct um_keepalive k = {0};
  pinged(&k);
  bool dead = false;
  uint64_t at = 59000;
  for (; at < 400000 && !dead; at++) {
    um_keepalive_received(&k, T + at);
    enum um_keepalive_action a = um_keepalive_tick(&k, T + at);
    if (a == UM_KEEPALIVE_PING)
      um_keepalive_pinged(&k, T + at);
    dead = a == UM_KEEPALIVE_DEAD;
  }
  cr_assert(dead);
  cr_assert_geq(at, 59000 + 120000);
  cr_assert_leq(at, 59000 + 120000 + 3);
}

/* "never before the owner had a chance to read" */
Test(keepalive, a_late_tick_does_not_kill) {
  struct um_keepalive k = {0};
  pinged(&k);
  cr_assert_neq(um_keepalive_tick(&k, T + 10000000), UM_KEEPALIVE_DEAD);
  um_keepalive_received(&k, T + 10000000);
  um_keepalive_answered(&k, T);
  cr_assert_neq(um_keepalive_tick(&k, T + 10000001), UM_KEEPALIVE_DEAD);
}

Test(keepalive, the_older_of_two_pings_decides) {
  struct um_keepalive k = {0};
  um_keepalive_start(&k, T, 60);
  um_keepalive_pinged(&k, T);
  um_keepalive_pinged(&k, T + 20000);
  cr_assert_eq(um_keepalive_deadline(&k), T + 30000);
}

Test(keepalive, stop_forgets_all) {
  struct um_keepalive k = {0};
  pinged(&k);
  um_keepalive_stop(&k);
  cr_assert_eq(um_keepalive_deadline(&k), UM_NEVER);
  expect(&k, 1000000, UM_KEEPALIVE_NONE);
}

/* O15 */
Test(keepalive, does_not_wrap_at_the_end_of_time) {
  struct um_keepalive k = {0};
  um_keepalive_start(&k, UINT64_MAX - 1000, 60);
  cr_assert_eq(um_keepalive_deadline(&k), UM_NEVER);
  cr_assert_eq(um_keepalive_tick(&k, UINT64_MAX - 1), UM_KEEPALIVE_NONE);
}

/* A clock that steps back must not ping in a loop nor kill. */
Test(keepalive, a_clock_that_goes_back_does_no_harm) {
  struct um_keepalive k = {0};
  pinged(&k);
  um_keepalive_received(&k, T + 58000);
  expect(&k, 50000, UM_KEEPALIVE_NONE);
}

/* A large message that takes longer than two Keep Alives. */
Test(keepalive, gives_no_verdict_while_a_large_packet_comes_in) {
  struct um_keepalive k;
  uint64_t now = 1000;
  um_keepalive_start(&k, now, 10);
  um_keepalive_pinged(&k, now);
  for (int i = 0; i < 100; i++) {
    now += 4999;
    cr_assert_neq(um_keepalive_tick(&k, now), UM_KEEPALIVE_DEAD);
    um_keepalive_received(&k, now);
    um_keepalive_busy(&k, now);
    um_keepalive_sent(&k, now);
  }
  now += 5000;
  um_keepalive_tick(&k, now);
  cr_assert_eq(um_keepalive_tick(&k, now + 1), UM_KEEPALIVE_DEAD);
}

/* After a suspend or a change of the network. */
Test(keepalive, a_probe_is_answered_by_any_byte) {
  struct um_keepalive k;
  um_keepalive_start(&k, T, 60);
  um_keepalive_pinged(&k, T + 1000);
  um_keepalive_probed(&k, T + 1000, 5000);
  cr_assert_eq(um_keepalive_deadline(&k), T + 6000);
  um_keepalive_received(&k, T + 5999);
  cr_assert_eq(um_keepalive_deadline(&k), T + 35999);
  expect(&k, 6000, UM_KEEPALIVE_NONE);
}

Test(keepalive, an_unanswered_probe_is_death_after_one_chance_to_read) {
  struct um_keepalive k;
  um_keepalive_start(&k, T, 60);
  um_keepalive_pinged(&k, T + 1000);
  um_keepalive_probed(&k, T + 1000, 5000);
  expect(&k, 5999, UM_KEEPALIVE_NONE);
  expect(&k, 6000, UM_KEEPALIVE_NONE);
  cr_assert_eq(um_keepalive_deadline(&k), T + 6001);
  expect(&k, 6001, UM_KEEPALIVE_DEAD);
}

Test(keepalive, a_probe_works_without_a_keep_alive_and_again) {
  struct um_keepalive k;
  um_keepalive_start(&k, T, 0);
  um_keepalive_pinged(&k, T);
  um_keepalive_probed(&k, T, 5000);
  expect(&k, 5000, UM_KEEPALIVE_NONE);
  um_keepalive_received(&k, T + 5000);
  cr_assert_eq(um_keepalive_deadline(&k), UM_NEVER);
  um_keepalive_answered(&k, T + 5000);
  um_keepalive_pinged(&k, T + 9000);
  um_keepalive_probed(&k, T + 9000, 5000);
  expect(&k, 14000, UM_KEEPALIVE_NONE); /* the chance to read, anew */
  expect(&k, 14001, UM_KEEPALIVE_DEAD);
}

/* A user who pokes again and again does not put the verdict off. */
Test(keepalive, the_first_of_two_probes_decides) {
  struct um_keepalive k;
  um_keepalive_start(&k, T, 60);
  um_keepalive_pinged(&k, T);
  um_keepalive_probed(&k, T, 5000);
  um_keepalive_pinged(&k, T + 4000);
  um_keepalive_probed(&k, T + 4000, 5000);
  cr_assert_eq(um_keepalive_deadline(&k), T + 5000);
}

Test(keepalive, a_probe_waits_while_nobody_reads) {
  struct um_keepalive k;
  um_keepalive_start(&k, T, 60);
  um_keepalive_deaf(&k, T, true);
  um_keepalive_pinged(&k, T + 1000);
  um_keepalive_probed(&k, T + 1000, 5000);
  expect(&k, 40000, UM_KEEPALIVE_NONE);
  um_keepalive_deaf(&k, T + 40000, false);
  cr_assert_geq(um_keepalive_deadline(&k), T + 45000);
  um_keepalive_received(&k, T + 40001);
  expect(&k, 50000, UM_KEEPALIVE_NONE);
}

Test(keepalive, the_way_there_and_back_is_measured) {
  struct um_keepalive k;
  um_keepalive_start(&k, T, 60);
  um_keepalive_pinged(&k, T + 59000);
  um_keepalive_answered(&k, T + 59042);
  cr_assert_eq(k.rtt, 42);
  um_keepalive_answered(&k, T + 70000); /* nobody asked */
  cr_assert_eq(k.rtt, 42);
}
