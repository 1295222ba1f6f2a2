#include "net/tcp.h"
#include "resolver.h"
#include "rig.h"
#include "support/suite.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <uvmqtt/message.h>

SUITE(tcp);

static void open_and_connect(struct rig *r, const char *host) {
  rig_open(r, host, false);
  rig_connect(r);
}

/* A port of 127.0.0.1 where nobody listens. */
static void use_dead_port(struct rig *r) {
  rig_listen(r, "127.0.0.1", 0);
  close(r->listener);
  r->listener = -1;
}

static void expect_address(const struct rig *r, const char *host) {
  char text[64];
  snprintf(text, sizeof text, "%s:%u", host, (unsigned)r->port);
  cr_assert_str_eq(r->s->address, text);
}

Test(tcp, opens_no_handle_before_connect_and_closes_without) {
  struct rig r;
  rig_init(&r);
  rig_open(&r, "127.0.0.1", false);
  cr_assert_not(uv_loop_alive(&r.loop));
  cr_assert_str_eq(r.s->address, "");
  cr_assert_eq(r.s->deadline, UINT64_MAX);
  rig_close(&r);
  cr_assert_eq(r.count[CLOSED], 0);
  rig_done(&r);
}

Test(tcp, connects_to_a_numeric_host_and_talks) {
  struct rig r;
  uint8_t heard[8];
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  open_and_connect(&r, "127.0.0.1");
  cr_assert_eq(r.s->phase, UVMQTT_PHASE_CONNECT);
  cr_assert_neq(r.s->deadline, UINT64_MAX);
  cr_assert_not(r.s->loopback);
  expect_address(&r, "127.0.0.1");
  rig_wait(&r, CONNECTED, 1);
  cr_assert_eq(r.s->deadline, UINT64_MAX);
  cr_assert(r.s->loopback);
  rig_accept(&r);
  rig_read(&r, true);
  cr_assert_eq(rig_write(&r, "hello", 5), 0);
  cr_assert_eq(rig_drain(&r, heard, sizeof heard), 5);
  cr_assert_eq(send(r.peer, "world", 5, 0), 5);
  rig_wait(&r, BYTES, 1);
  cr_assert_eq(memcmp(r.got.data, "world", 5), 0);
  cr_assert_eq(r.taken, 5);
  cr_assert_eq(r.count[PROGRESS], 0);
  rig_done(&r);
}

/* As much as the kernel holds for the reader. */
static size_t pour(int fd) {
  static uint8_t chunk[65536];
  size_t poured = 0;
  ssize_t n;
  while ((n = send(fd, chunk, sizeof chunk, MSG_DONTWAIT)) > 0)
    poured += (size_t)n;
  return poured;
}

/* N76: others on the loop have their turn. */
Test(tcp, reads_no_more_than_128_kib_in_a_turn) {
  struct rig r;
  rig_init(&r);
  rig_up(&r);
  size_t poured = pour(r.peer), seen = 0;
  cr_assert_gt(poured, 4 * 65536);
  for (unsigned turns = 0; r.got.len < poured; turns++) {
    cr_assert_lt(turns, 10000);
    rig_turn(&r, 1);
    cr_assert_leq(r.got.len - seen, 2 * 65536);
    seen = r.got.len;
  }
  cr_assert_eq(r.count[ENDED], 0);
  rig_done(&r);
}

Test(tcp, connects_over_ipv6) {
  struct rig r;
  rig_init(&r);
  rig_listen(&r, "::1", 0);
  open_and_connect(&r, "::1");
  expect_address(&r, "[::1]");
  rig_wait(&r, CONNECTED, 1);
  cr_assert(r.s->loopback);
  rig_done(&r);
}

static void check_nodelay(uv_handle_t *h, void *arg) {
  int on = 0;
  socklen_t size = sizeof on;
  uv_os_fd_t fd;
  if (h->type != UV_TCP)
    return;
  cr_assert_eq(uv_fileno(h, &fd), 0);
  cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
  cr_assert_neq(on, 0);
  ++*(unsigned *)arg;
}

Test(tcp, does_not_wait_to_fill_segments) {
  struct rig r;
  unsigned seen = 0;
  rig_init(&r);
  rig_up(&r);
  uv_walk(&r.loop, check_nodelay, &seen);
  cr_assert_eq(seen, 1);
  rig_done(&r);
}

Test(tcp, refused_is_reported_once_and_later) {
  struct rig r;
  rig_init(&r);
  use_dead_port(&r);
  open_and_connect(&r, "127.0.0.1");
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ECONNREFUSED);
  expect_address(&r, "127.0.0.1");
  rig_done(&r);
}

/* connect(2) itself says EINVAL: a link-local address without a zone. */
Test(tcp, an_error_known_at_once_is_reported_later) {
  struct rig r;
  rig_init(&r);
  r.port = 1;
  open_and_connect(&r, "fe80::1");
  cr_assert_eq(r.count[ENDED], 0);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_EINVAL);
  rig_done(&r);
}

Test(tcp, an_unknown_zone_is_reported_later) {
  struct rig r;
  rig_init(&r);
  r.port = 1;
  open_and_connect(&r, "fe80::1%nosuch");
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ENODEV);
  rig_done(&r);
}

Test(tcp, a_name_that_does_not_exist_ends_it) {
  struct rig r;
  rig_init(&r);
  r.port = 1;
  open_and_connect(&r, "nosuch.test");
  cr_assert_eq(r.s->phase, UVMQTT_PHASE_RESOLVE);
  cr_assert_neq(r.s->deadline, UINT64_MAX);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_EAI_NONAME);
  cr_assert_eq(r.s->phase, UVMQTT_PHASE_RESOLVE);
  rig_done(&r);
}

Test(tcp, a_name_without_addresses_ends_it) {
  struct rig r;
  rig_init(&r);
  r.port = 1;
  open_and_connect(&r, "empty.test");
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_EAI_ADDRFAMILY);
  rig_done(&r);
}

Test(tcp, a_name_no_resolver_would_take_is_reported_later) {
  struct rig r;
  char name[400];
  rig_init(&r);
  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  open_and_connect(&r, name);
  rig_wait(&r, ENDED, 1);
  rig_done(&r);
}

Test(tcp, the_host_is_not_needed_after_connect) {
  struct rig r;
  char name[] = "mixed.test";
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  open_and_connect(&r, name);
  memset(name, 'x', sizeof name - 1);
  rig_wait(&r, CONNECTED, 1);
  rig_done(&r);
}

Test(tcp, goes_on_to_the_next_address_when_the_first_refuses) {
  struct rig r;
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  open_and_connect(&r, "mixed.test");
  rig_wait(&r, PROGRESS, 1);
  expect_address(&r, "[::1]");
  cr_assert_eq(r.s->phase, UVMQTT_PHASE_CONNECT);
  rig_wait(&r, CONNECTED, 1);
  cr_assert_eq(r.count[PROGRESS], 2);
  expect_address(&r, "127.0.0.1");
  cr_assert(r.s->loopback);
  rig_done(&r);
}

Test(tcp, goes_on_when_the_first_fails_at_once) {
  struct rig r;
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  open_and_connect(&r, "sync.test");
  rig_wait(&r, CONNECTED, 1);
  expect_address(&r, "127.0.0.1");
  rig_done(&r);
}

Test(tcp, tries_at_most_sixteen_addresses) {
  struct rig r;
  rig_init(&r);
  use_dead_port(&r);
  open_and_connect(&r, "dead.test");
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ECONNREFUSED);
  cr_assert_eq(r.count[PROGRESS], 16);
  expect_address(&r, "127.0.0.16");
  rig_done(&r);
}

enum { CLOG = 4, SHORT = 60 }; /* ms */

static void let_go_of(int *fds) {
  for (size_t i = 0; i < CLOG; ++i)
    close(fds[i]);
}

/* O02 */
Test(tcp, an_address_that_does_not_answer_times_out) {
  struct rig r;
  int clog[CLOG];
  rig_init(&r);
  r.address_timeout = SHORT;
  rig_listen(&r, "127.0.0.1", 0);
  rig_clog(r.listener, clog, CLOG);
  open_and_connect(&r, "127.0.0.1");
  rig_turn(&r, 10);
  cr_assert_eq(r.count[CONNECTED], 0, "the backlog was not full");
  rig_expire(&r);
  cr_assert_eq(r.count[ENDED], 0);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ETIMEDOUT);
  let_go_of(clog);
  rig_done(&r);
}

Test(tcp, goes_on_to_the_next_address_after_a_time_out) {
  struct rig r;
  int clog[CLOG], second;
  rig_init(&r);
  r.address_timeout = SHORT;
  rig_listen(&r, "127.0.0.1", 0);
  second = rig_listen_extra("127.0.0.2", r.port);
  rig_clog(r.listener, clog, CLOG);
  open_and_connect(&r, "pair.test");
  rig_wait(&r, PROGRESS, 1);
  rig_turn(&r, 10);
  rig_expire(&r);
  rig_wait(&r, CONNECTED, 1);
  expect_address(&r, "127.0.0.2");
  let_go_of(clog);
  close(second);
  rig_done(&r);
}

/* libuv reports the connect that was given up while the second one waits. */
Test(tcp, the_end_of_an_address_given_up_does_not_hit_the_next) {
  struct rig r;
  int first[CLOG], second[CLOG], listener;
  rig_init(&r);
  r.address_timeout = SHORT;
  rig_listen(&r, "127.0.0.1", 0);
  listener = rig_listen_extra("127.0.0.2", r.port);
  rig_clog(r.listener, first, CLOG);
  rig_clog(listener, second, CLOG);
  open_and_connect(&r, "pair.test");
  rig_wait(&r, PROGRESS, 1);
  rig_expire(&r);
  rig_turn(&r, 10);
  expect_address(&r, "127.0.0.2");
  cr_assert_eq(r.count[PROGRESS], 2);
  cr_assert_eq(r.count[ENDED], 0);
  rig_expire(&r);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ETIMEDOUT);
  let_go_of(first);
  let_go_of(second);
  close(listener);
  rig_done(&r);
}

/* The kernel has connected, the loop has not looked yet. */
Test(tcp, no_time_out_before_the_socket_was_looked_at) {
  struct rig r;
  rig_init(&r);
  r.address_timeout = SHORT;
  rig_listen(&r, "127.0.0.1", 0);
  open_and_connect(&r, "127.0.0.1");
  rig_expire(&r);
  rig_wait(&r, CONNECTED, 1);
  rig_turn(&r, 5);
  cr_assert_eq(r.count[ENDED], 0);
  rig_done(&r);
}

/* The first address refuses after its time is up but before the verdict: the
 * second has its full time. */
Test(tcp, a_verdict_does_not_hit_the_next_address) {
  struct rig r;
  int clog[CLOG];
  rig_init(&r);
  r.address_timeout = SHORT;
  rig_listen(&r, "127.0.0.1", 0);
  rig_clog(r.listener, clog, CLOG);
  open_and_connect(&r, "mixed.test");
  rig_wait(&r, PROGRESS, 1);
  rig_expire(&r);
  rig_turn(&r, 10);
  expect_address(&r, "127.0.0.1");
  cr_assert_eq(r.count[ENDED], 0);
  let_go_of(clog);
  rig_done(&r);
}

Test(tcp, a_tick_too_early_or_too_late_means_nothing) {
  struct rig r;
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  rig_open(&r, "127.0.0.1", false);
  r.s->ops->tick(r.s);
  rig_connect(&r);
  r.s->ops->tick(r.s);
  rig_wait(&r, CONNECTED, 1);
  r.s->ops->tick(r.s);
  rig_turn(&r, 5);
  cr_assert_eq(r.count[ENDED], 0);
  rig_done(&r);
}

Test(tcp, close_while_the_resolver_blocks_does_not_wait_for_it) {
  struct rig r;
  rig_init(&r);
  r.port = 1;
  open_and_connect(&r, "slow.test");
  while (resolver_started() == 0)
    poll(NULL, 0, 1);
  rig_close(&r);
  rig_wait(&r, CLOSED, 1);
  cr_assert_eq(uv_loop_close(&r.loop), UV_EBUSY);
  resolver_let_go(1);
  rig_done(&r);
}

/* libuv lets look-ups have half of its threads; the others are queued. */
Test(tcp, close_while_the_look_up_is_queued_takes_it_back) {
  enum { BUSY = 4 };
  struct rig r, other[BUSY];
  rig_init(&r);
  for (size_t i = 0; i < BUSY; ++i) {
    rig_init(&other[i]);
    open_and_connect(&other[i], "slow.test");
  }
  while (resolver_started() < 2)
    poll(NULL, 0, 1);
  open_and_connect(&r, "slow.test");
  rig_close(&r);
  rig_wait(&r, CLOSED, 1);
  rig_leave(&r);
  cr_assert_eq(uv_run(&r.loop, UV_RUN_DEFAULT), 0);
  cr_assert_eq(uv_loop_close(&r.loop), 0);
  cr_assert_eq(uv_loop_init(&r.loop), 0);
  resolver_let_go(BUSY);
  for (size_t i = BUSY; i-- > 0;) {
    rig_wait(&other[i], ENDED, 1);
    other[i].fds = rig_open_fds() - 1; /* they opened theirs in between */
    rig_close(&other[i]);
    rig_leave(&other[i]);
    cr_assert_eq(uv_run(&other[i].loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&other[i].loop), 0);
  }
  rig_done(&r);
}

Test(tcp, close_while_connecting) {
  struct rig r;
  int clog[CLOG];
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  rig_clog(r.listener, clog, CLOG);
  open_and_connect(&r, "127.0.0.1");
  rig_close(&r);
  let_go_of(clog);
  rig_done(&r);
}

Test(tcp, close_before_a_known_error_is_told) {
  struct rig r;
  rig_init(&r);
  open_and_connect(&r, "fe80::1");
  rig_close(&r);
  rig_done(&r);
  cr_assert_eq(r.count[ENDED], 0);
}

Test(tcp, close_before_a_verdict_is_told) {
  struct rig r;
  rig_init(&r);
  r.address_timeout = SHORT;
  rig_listen(&r, "127.0.0.1", 0);
  open_and_connect(&r, "127.0.0.1");
  rig_expire(&r);
  rig_close(&r);
  rig_done(&r);
}

static void close_here(struct rig *r) {
  rig_close(r);
}

Test(tcp, close_in_progress) {
  struct rig r;
  rig_init(&r);
  use_dead_port(&r);
  r.on[PROGRESS] = close_here;
  open_and_connect(&r, "dead.test");
  rig_wait(&r, CLOSED, 1);
  cr_assert_eq(r.count[PROGRESS], 1);
  rig_done(&r);
}

Test(tcp, close_in_connected) {
  struct rig r;
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  r.on[CONNECTED] = close_here;
  open_and_connect(&r, "127.0.0.1");
  rig_wait(&r, CLOSED, 1);
  rig_done(&r);
}

Test(tcp, close_in_ended) {
  struct rig r;
  rig_init(&r);
  use_dead_port(&r);
  r.on[ENDED] = close_here;
  open_and_connect(&r, "127.0.0.1");
  rig_wait(&r, CLOSED, 1);
  rig_done(&r);
}

Test(tcp, an_unrefd_stream_does_not_hold_the_loop) {
  struct rig r;
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  rig_open(&r, "127.0.0.1", true);
  rig_connect(&r);
  rig_wait(&r, CONNECTED, 1);
  rig_read(&r, true);
  cr_assert_not(uv_loop_alive(&r.loop));
  cr_assert_eq(uv_run(&r.loop, UV_RUN_DEFAULT), 0);
  r.s->ops->ref(r.s, true);
  cr_assert(uv_loop_alive(&r.loop));
  rig_done(&r);
}

Test(tcp, unref_reaches_handles_of_later_addresses) {
  struct rig r;
  rig_init(&r);
  rig_listen(&r, "127.0.0.1", 0);
  open_and_connect(&r, "mixed.test");
  r.s->ops->ref(r.s, false);
  rig_wait(&r, CONNECTED, 1);
  rig_read(&r, true);
  rig_turn(&r, 3);
  cr_assert_not(uv_loop_alive(&r.loop));
  rig_done(&r);
}

static void count_owned(uv_handle_t *h, void *arg) {
  struct rig *r = arg;
  r->fds += r->s->ops->owns(r->s, h) ? 100 : 0;
}

Test(tcp, owns_its_handles_and_no_other) {
  struct rig r;
  uv_idle_t other;
  unsigned fds;
  rig_init(&r);
  rig_up(&r);
  fds = r.fds;
  uv_idle_init(&r.loop, &other);
  cr_assert_not(r.s->ops->owns(r.s, (uv_handle_t *)&other));
  uv_walk(&r.loop, count_owned, &r);
  cr_assert_eq(r.fds, fds + 100);
  r.fds = fds;
  uv_close((uv_handle_t *)&other, NULL);
  rig_done(&r);
}
