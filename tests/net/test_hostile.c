/* The host closes every handle of its loop, ours among them, and gives us no
 * callback for it. */
#include "base/alloc.h"
#include "orders.h"
#include "resolver.h"
#include "rig.h"
#include "support/suite.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

SUITE(hostile);

enum { CLOG = 4 };
static int clogged[CLOG];

static void opened(struct rig *r) {
  r->port = 1;
  rig_open(r, "127.0.0.1", false);
}

static void resolving(struct rig *r) {
  r->port = 1;
  rig_open(r, "slow.test", false);
  rig_connect(r);
  while (resolver_started() == 0)
    poll(NULL, 0, 1);
  resolver_let_go(1);
}

static void connecting(struct rig *r) {
  rig_listen(r, "127.0.0.1", 0);
  rig_clog(r->listener, clogged, CLOG);
  rig_open(r, "127.0.0.1", false);
  rig_connect(r);
}

static void judging(struct rig *r) {
  r->address_timeout = 20;
  connecting(r);
  rig_expire(r);
}

static void doomed(struct rig *r) {
  r->port = 1;
  rig_open(r, "fe80::1", false);
  rig_connect(r);
}

static void connected(struct rig *r) {
  rig_up(r);
}

static void connected_unread(struct rig *r) {
  rig_up(r);
  send(r->peer, "abc", 3, 0);
}

static void pending(struct rig *r) {
  size_t len = 8 << 20;
  void *zero = calloc(1, len);
  rig_up(r);
  cr_assert_eq(rig_write(r, zero, len), 0);
  cr_assert(r->s->busy);
  free(zero);
}

static void ended(struct rig *r) {
  rig_up(r);
  shutdown(r->peer, SHUT_WR);
  rig_wait(r, ENDED, 1);
}

static void second_address(struct rig *r) {
  rig_listen(r, "127.0.0.1", 0);
  rig_open(r, "mixed.test", false);
  rig_connect(r);
  rig_wait(r, PROGRESS, 2);
}

static void (*const states[])(struct rig *) = {
    opened,           resolving, connecting, judging,   doomed,
    connected_unread, pending,   ended,      connected, second_address,
};

static void unclog(void) {
  for (size_t i = 0; i < CLOG; ++i)
    if (clogged[i] > 0)
      close(clogged[i]);
  memset(clogged, 0, sizeof clogged);
}

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

static void check(size_t state) {
  for (size_t order = 0; order < ORDERS; ++order) {
    struct rig r;
    rig_init(&r);
    states[state](&r);
    orders[order](&r);
    unclog();
    rig_done(&r);
  }
}

Test(hostile, in_every_order_before_connect) {
  check(0);
}

Test(hostile, in_every_order_while_resolving) {
  check(1);
}

Test(hostile, in_every_order_while_connecting) {
  check(2);
}

Test(hostile, in_every_order_before_a_verdict) {
  check(3);
}

Test(hostile, in_every_order_before_a_known_error_is_told) {
  check(4);
}

Test(hostile, in_every_order_with_input_waiting) {
  check(5);
}

Test(hostile, in_every_order_with_bytes_pending) {
  check(6);
}

Test(hostile, in_every_order_after_ended) {
  check(7);
}

Test(hostile, in_every_order_when_connected) {
  check(8);
}

Test(hostile, in_every_order_on_the_second_address) {
  check(9);
}

static void walk_here(struct rig *r) {
  rig_walk(r);
}

static void walk_and_close_here(struct rig *r) {
  rig_walk(r);
  rig_close(r);
}

static void close_and_walk_here(struct rig *r) {
  rig_close(r);
  rig_walk(r);
}

static void (*const deeds[])(struct rig *) = {walk_here, walk_and_close_here,
                                              close_and_walk_here};

Test(hostile, inside_connected_bytes_and_ended) {
  static const enum moment moments[] = {CONNECTED, BYTES, ENDED};
  for (size_t m = 0; m < LENGTH(moments); ++m)
    for (size_t d = 0; d < LENGTH(deeds); ++d) {
      struct rig r;
      rig_init(&r);
      rig_listen(&r, "127.0.0.1", 0);
      rig_open(&r, "127.0.0.1", false);
      rig_connect(&r);
      r.on[moments[m]] = deeds[d];
      rig_wait(&r, CONNECTED, 1);
      rig_accept(&r);
      if (!r.closing)
        rig_read(&r, true);
      send(r.peer, "abc", 3, 0);
      shutdown(r.peer, SHUT_WR);
      for (int i = 0; i < 5; ++i)
        rig_turn(&r, 1);
      rig_done(&r);
    }
}

Test(hostile, inside_written) {
  for (size_t d = 0; d < LENGTH(deeds); ++d) {
    struct rig r;
    static uint8_t heard[1 << 20];
    rig_init(&r);
    r.on[WRITTEN] = deeds[d];
    pending(&r);
    while (r.count[WRITTEN] == 0) {
      rig_drain(&r, heard, sizeof heard);
      rig_turn(&r, 1);
    }
    rig_turn(&r, 3);
    rig_done(&r);
  }
}

Test(hostile, a_connection_taken_away_while_connecting_is_cancelled) {
  struct rig r;
  rig_init(&r);
  connecting(&r);
  rig_walk(&r);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ECANCELED);
  unclog();
  rig_done(&r);
}

Test(hostile, a_connection_taken_away_is_no_reason_for_another_address) {
  struct rig r;
  int second;
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  second = rig_listen_extra("127.0.0.2", r.port);
  rig_clog(r.listener, clogged, CLOG);
  rig_open(&r, "pair.test", false);
  rig_connect(&r);
  rig_wait(&r, PROGRESS, 1);
  rig_walk(&r);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ECANCELED);
  unclog();
  close(second);
  rig_done(&r);
}

Test(hostile, a_write_to_a_handle_taken_away_is_cancelled) {
  struct rig r;
  rig_init(&r);
  rig_up(&r);
  rig_walk(&r);
  cr_assert_eq(rig_write(&r, "x", 1), UV_ECANCELED);
  rig_turn(&r, 5);
  cr_assert_eq(r.count[ENDED], 0);
  rig_done(&r);
}

Test(hostile, a_read_from_a_handle_taken_away_is_cancelled_later) {
  struct rig r;
  rig_init(&r);
  rig_up(&r);
  rig_read(&r, false);
  rig_walk(&r);
  rig_read(&r, true);
  cr_assert_eq(r.count[ENDED], 0);
  cr_assert_eq(rig_write(&r, "x", 1), 0, "the owner cannot know yet");
  cr_assert(r.s->busy);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ECANCELED);
  rig_done(&r);
}

/* Every allocation fails once, in every state: an error or success, nothing
 * left. */
static unsigned run_short_of_memory(uint64_t nth) {
  struct rig r;
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  rig_open(&r, "mixed.test", false);
  um_alloc_fail_at(nth, false);
  rig_connect(&r);
  while (r.count[CONNECTED] + r.count[ENDED] == 0)
    rig_turn(&r, 1);
  um_alloc_fail_at(0, false);
  rig_close(&r);
  rig_done(&r);
  return r.count[ENDED];
}

Test(hostile, without_memory_connecting_fails_and_leaves_nothing) {
  unsigned failed = 0;
  for (uint64_t nth = 1; nth < 8; ++nth)
    failed += run_short_of_memory(nth);
  cr_assert_gt(failed, 1);
}

Test(hostile, without_memory_a_long_write_fails_and_leaves_nothing) {
  struct rig r;
  size_t len = 8 << 20, taken;
  struct um_buf b;
  rig_init(&r);
  rig_up(&r);
  um_buf_init(&b, SIZE_MAX, NULL);
  cr_assert_not_null(um_buf_reserve(&b, len));
  memset(b.data, 0, len);
  um_buf_commit(&b, len);
  um_alloc_fail_at(1, false);
  cr_assert_eq(r.s->ops->write(r.s, &b, &taken), UV_ENOMEM);
  um_alloc_fail_at(0, false);
  cr_assert_eq(b.len, 0);
  um_buf_done(&b);
  rig_turn(&r, 3);
  cr_assert_eq(r.count[ENDED], 0);
  rig_done(&r);
}
