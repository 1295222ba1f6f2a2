#include "base/alloc.h"
#include "resolver.h"
#include "rig.h"
#include "support/suite.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <uvmqtt/message.h>

SUITE(race);

enum { CLOG = 4, SHORT = 60 }; /* ms */

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

/* Addresses of this machine at one port: those that listen, and those that do
 * but whose backlog is full. */
struct scene {
  struct rig r;
  int listeners[8], clogs[8][CLOG];
  size_t n, n_clogs;
};

static void scene_init(struct scene *s) {
  memset(s, 0, sizeof *s);
  rig_init(&s->r);
}

static int listen_at(struct scene *s, const char *ip) {
  int fd;
  if (s->r.port == 0) {
    rig_listen(&s->r, ip, 0);
    return s->r.listener;
  }
  fd = rig_listen_extra(ip, s->r.port);
  s->listeners[s->n++] = fd;
  return fd;
}

static void black_hole_at(struct scene *s, const char *ip) {
  rig_clog(listen_at(s, ip), s->clogs[s->n_clogs++], CLOG);
}

static void scene_done(struct scene *s) {
  for (size_t i = 0; i < s->n; ++i)
    close(s->listeners[i]);
  for (size_t i = 0; i < s->n_clogs; ++i)
    for (size_t k = 0; k < CLOG; ++k)
      close(s->clogs[i][k]);
  rig_done(&s->r);
}

static void race(struct scene *s, const char *const *hosts, size_t n) {
  rig_open_list(&s->r, hosts, n);
  rig_connect(&s->r);
}

static void expect_address(const struct rig *r, const char *host) {
  char text[64];
  snprintf(text, sizeof text, "%s:%u", host, (unsigned)r->port);
  cr_assert_str_eq(r->s->address, text);
}

/* Closes the stream; another may follow on the same loop. */
static void begin_again(struct scene *s) {
  rig_accept(&s->r);
  rig_reset_peer(&s->r);
  rig_close(&s->r);
  rig_wait(&s->r, CLOSED, 1);
  s->r.closing = false;
  memset(s->r.count, 0, sizeof s->r.count);
}

static void count_tcp(uv_handle_t *h, void *arg) {
  *(unsigned *)arg += h->type == UV_TCP && !uv_is_closing(h);
}

static unsigned sockets(struct rig *r) {
  unsigned n = 0;
  uv_walk(&r->loop, count_tcp, &n);
  return n;
}

/* Plays the owner's timer until then. */
static void drive(struct rig *r, enum moment m, unsigned n) {
  uint64_t until = uv_hrtime() + UINT64_C(10000000000);
  while (r->count[m] < n) {
    cr_assert_lt(uv_hrtime(), until, "moment %d did not come", (int)m);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    if (r->s == NULL || r->count[m] >= n)
      continue;
    if (r->s->deadline <= uv_now(&r->loop))
      r->s->ops->tick(r->s);
    poll(NULL, 0, 1);
  }
}

Test(race, the_next_server_is_tried_beside_one_that_does_not_answer) {
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
  struct scene s;
  uint64_t before;
  scene_init(&s);
  black_hole_at(&s, "127.0.0.1");
  listen_at(&s, "127.0.0.2");
  s.r.attempt_delay = SHORT;
  before = uv_hrtime();
  race(&s, hosts, 2);
  rig_turn(&s.r, 5);
  cr_assert_eq(sockets(&s.r), 1);
  drive(&s.r, PROGRESS, 1);
  cr_assert_eq(sockets(&s.r), 2, "the first goes on");
  drive(&s.r, CONNECTED, 1);
  cr_assert_geq(uv_hrtime() - before, (SHORT - 1) * UINT64_C(1000000));
  expect_address(&s.r, "127.0.0.2");
  cr_assert_eq(s.r.s->server, 1);
  cr_assert_eq(sockets(&s.r), 1, "the loser is closed");
  scene_done(&s);
}

/* The kernel sends its SYN again after a second. */
Test(race, an_earlier_attempt_may_still_win) {
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
  struct scene s;
  scene_init(&s);
  black_hole_at(&s, "127.0.0.1");
  black_hole_at(&s, "127.0.0.2");
  s.r.attempt_delay = SHORT;
  race(&s, hosts, 2);
  drive(&s.r, PROGRESS, 1);
  expect_address(&s.r, "127.0.0.2");
  for (size_t i = 0; i < CLOG; ++i)
    close(s.clogs[0][i]);
  for (size_t i = 0; i < 2; ++i)
    close(accept(s.r.listener, NULL, NULL));
  drive(&s.r, CONNECTED, 1);
  expect_address(&s.r, "127.0.0.1");
  cr_assert_eq(s.r.s->server, 0);
  memset(s.clogs[0], -1, sizeof s.clogs[0]);
  scene_done(&s);
}

Test(race, a_refusal_brings_the_next_at_once) {
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
  struct scene s;
  scene_init(&s);
  listen_at(&s, "127.0.0.3");
  race(&s, hosts, 3);
  rig_wait(&s.r, CONNECTED, 1);
  expect_address(&s.r, "127.0.0.3");
  cr_assert_eq(s.r.s->server, 2);
  scene_done(&s);
}

Test(race, of_two_that_connect_at_once_one_is_kept) {
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
  struct scene s;
  int fd;
  char c;
  scene_init(&s);
  listen_at(&s, "127.0.0.1");
  listen_at(&s, "127.0.0.2");
  s.r.attempt_delay = 0;
  race(&s, hosts, 2);
  cr_assert_eq(sockets(&s.r), 2);
  rig_wait(&s.r, CONNECTED, 1);
  rig_turn(&s.r, 5);
  cr_assert_eq(sockets(&s.r), 1);
  cr_assert_eq(s.r.count[CONNECTED], 1);
  fd = accept(s.r.s->server == 0 ? s.listeners[0] : s.r.listener, NULL, NULL);
  cr_assert_leq(recv(fd, &c, 1, 0), 0, "the other one is closed");
  close(fd);
  scene_done(&s);
}

/* Every address that was tried, each time. */
static char tried[400];

static void note_tried(struct rig *r) {
  size_t len = strlen(r->s->address), all = strlen(tried);
  bool same =
      all > len && strncmp(tried + all - len - 1, r->s->address, len) == 0;
  if (len != 0 && !same) /* else it was a name that was answered */
    snprintf(tried + all, sizeof tried - all, "%s ", r->s->address);
}

/* [RFC 8305, 4]: and two of a server before it is the next one's turn. An
 * address that two servers share is tried for both, the second time last. */
Test(race, families_and_servers_take_turns) {
  static const char *const hosts[] = {"four.test", "mixed.test"};
  struct scene s;
  scene_init(&s);
  s.r.port = 1;
  s.r.on[PROGRESS] = note_tried;
  race(&s, hosts, 2);
  rig_wait(&s.r, ENDED, 1);
  cr_assert_str_eq(tried, "[::1]:1 127.0.0.1:1 127.0.0.2:1 127.0.0.3:1 "
                          "[::1]:1 127.0.0.1:1 ");
  cr_assert_eq(s.r.status, UV_ECONNREFUSED);
  scene_done(&s);
}

Test(race, what_failed_recently_goes_last) {
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
  struct scene s;
  scene_init(&s);
  listen_at(&s, "127.0.0.2");
  race(&s, hosts, 2);
  expect_address(&s.r, "127.0.0.1");
  rig_wait(&s.r, CONNECTED, 1);
  begin_again(&s);
  race(&s, hosts, 2);
  expect_address(&s.r, "127.0.0.2");
  rig_wait(&s.r, CONNECTED, 1);
  scene_done(&s);
}

Test(race, the_error_that_says_most_is_told) {
  static struct um_address local;
  struct scene s;
  scene_init(&s);
  s.r.port = 1;
  cr_assert_eq(um_address_parse("127.0.0.1", 0, &local), 0);
  s.r.socket.local = &local; /* so ::1 cannot be reached */
  race(&s, (const char *const[]){"127.0.0.1", "::1", "nosuch.test"}, 3);
  rig_wait(&s.r, ENDED, 1);
  cr_assert_eq(s.r.status, UV_ECONNREFUSED);
  cr_assert_eq(s.r.s->phase, UVMQTT_PHASE_CONNECT);
  expect_address(&s.r, "127.0.0.1");
  scene_done(&s);
}

Test(race, a_name_unknown_says_more_than_no_way) {
  static struct um_address local;
  struct scene s;
  scene_init(&s);
  s.r.port = 1;
  cr_assert_eq(um_address_parse("127.0.0.1", 0, &local), 0);
  s.r.socket.local = &local;
  race(&s, (const char *const[]){"nosuch.test", "::1"}, 2);
  rig_wait(&s.r, ENDED, 1);
  cr_assert_eq(s.r.status, UV_EAI_NONAME);
  cr_assert_eq(s.r.s->phase, UVMQTT_PHASE_RESOLVE);
  cr_assert_str_eq(s.r.s->address, "");
  scene_done(&s);
}

/* O03 */
Test(race, a_name_that_takes_long_does_not_hold_the_next_server_back) {
  static const char *const hosts[] = {"slow.test", "127.0.0.2"};
  struct scene s;
  scene_init(&s);
  listen_at(&s, "127.0.0.2");
  s.r.attempt_delay = 5 * SHORT;
  race(&s, hosts, 2);
  cr_assert_eq(sockets(&s.r), 0);
  drive(&s.r, CONNECTED, 1);
  cr_assert_eq(s.r.s->server, 1);
  resolver_let_go(1);
  scene_done(&s);
}

/* O03 */
Test(race, a_name_that_is_not_answered_in_time_ends_it) {
  struct scene s;
  scene_init(&s);
  s.r.port = 1;
  s.r.resolve_timeout = SHORT;
  race(&s, (const char *const[]){"slow.test"}, 1);
  drive(&s.r, ENDED, 1);
  cr_assert_eq(s.r.status, UV_ETIMEDOUT);
  cr_assert_eq(s.r.s->phase, UVMQTT_PHASE_RESOLVE);
  resolver_let_go(1);
  scene_done(&s);
}

Test(race, the_last_answer_serves_while_the_resolver_is_stuck) {
  struct scene s;
  scene_init(&s);
  listen_at(&s, "127.0.0.1");
  s.r.resolve_timeout = SHORT;
  resolver_let_go(1);
  race(&s, (const char *const[]){"slow.test"}, 1);
  drive(&s.r, CONNECTED, 1);
  begin_again(&s);
  race(&s, (const char *const[]){"slow.test"}, 1);
  drive(&s.r, CONNECTED, 1);
  cr_assert_eq(resolver_started(), 2);
  resolver_let_go(1);
  scene_done(&s);
}

/* O03: SERVFAIL */
Test(race, the_last_answer_serves_while_the_resolver_cannot) {
  struct scene s;
  scene_init(&s);
  listen_at(&s, "127.0.0.1");
  race(&s, (const char *const[]){"once.test"}, 1);
  drive(&s.r, CONNECTED, 1);
  begin_again(&s);
  race(&s, (const char *const[]){"once.test"}, 1);
  drive(&s.r, CONNECTED, 1);
  scene_done(&s);
}

Test(race, no_more_than_sixteen_are_under_way) {
  const char *hosts[2] = {"dead.test", "127.0.0.30"};
  struct scene s;
  int extra[16], clogs[16][CLOG];
  scene_init(&s);
  listen_at(&s, "127.0.0.30");
  for (int i = 0; i < 16; ++i) {
    char ip[24];
    snprintf(ip, sizeof ip, "127.0.0.%d", i + 1);
    extra[i] = rig_listen_extra(ip, s.r.port);
    rig_clog(extra[i], clogs[i], CLOG);
  }
  s.r.attempt_delay = 0;
  race(&s, &hosts[0], 1);
  while (s.r.count[PROGRESS] == 0)
    uv_run(&s.r.loop, UV_RUN_ONCE);
  cr_assert_eq(sockets(&s.r), 16);
  for (int i = 0; i < 16; ++i) {
    close(extra[i]);
    for (size_t k = 0; k < CLOG; ++k)
      close(clogs[i][k]);
  }
  scene_done(&s);
}

/* Sockets. */

static int seen_family;
static unsigned hooked;

static int on_socket(void *arg, uv_os_sock_t fd, int family) {
  struct sockaddr_storage a;
  socklen_t len = sizeof a;
  cr_assert_eq(getpeername(fd, (struct sockaddr *)&a, &len), -1);
  hooked++;
  seen_family = family;
  return *(int *)arg;
}

Test(race, the_hook_sees_each_socket_before_it_connects) {
  struct scene s;
  int verdict = 0;
  scene_init(&s);
  listen_at(&s, "127.0.0.1");
  s.r.socket.hook = on_socket;
  s.r.socket.hook_arg = &verdict;
  race(&s, (const char *const[]){"mixed.test"}, 1);
  rig_wait(&s.r, CONNECTED, 1);
  cr_assert_eq(hooked, 2);
  cr_assert_eq(seen_family, AF_INET);
  scene_done(&s);
}

Test(race, a_hook_that_refuses_has_failed_the_address) {
  struct scene s;
  int verdict = UV_EPERM;
  scene_init(&s);
  listen_at(&s, "127.0.0.1");
  s.r.socket.hook = on_socket;
  s.r.socket.hook_arg = &verdict;
  race(&s, (const char *const[]){"127.0.0.1"}, 1);
  rig_wait(&s.r, ENDED, 1);
  cr_assert_eq(s.r.status, UV_EPERM);
  scene_done(&s);
}

static int on_socket_walk(void *arg, uv_os_sock_t fd, int family) {
  (void)fd;
  (void)family;
  rig_walk(arg);
  return 0;
}

Test(race, a_hook_that_closes_all_handles) {
  struct scene s;
  scene_init(&s);
  listen_at(&s, "127.0.0.1");
  s.r.socket.hook = on_socket_walk;
  s.r.socket.hook_arg = &s.r;
  race(&s, (const char *const[]){"127.0.0.1"}, 1);
  rig_wait(&s.r, ENDED, 1);
  cr_assert_eq(s.r.status, UV_ECANCELED);
  scene_done(&s);
}

static void find_tcp(uv_handle_t *h, void *arg) {
  uv_os_fd_t fd;
  if (h->type == UV_TCP && uv_fileno(h, &fd) == 0)
    *(int *)arg = fd;
}

static int socket_of(struct rig *r) {
  int fd = -1;
  uv_walk(&r->loop, find_tcp, &fd);
  return fd;
}

static int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t len = sizeof value;
  cr_assert_eq(getsockopt(fd, level, name, &value, &len), 0);
  return value;
}

Test(race, the_winner_gets_its_options) {
  static struct um_address local;
  struct scene s;
  struct sockaddr_in own;
  socklen_t len = sizeof own;
  int fd;
  scene_init(&s);
  listen_at(&s, "127.0.0.1");
  cr_assert_eq(um_address_parse("127.0.0.9", 0, &local), 0);
  s.r.socket = (struct um_socket_options){.local = &local,
                                          .interface = "lo",
                                          .keepalive = 77,
                                          .user_timeout = 12345,
                                          .delay = true};
  race(&s, (const char *const[]){"127.0.0.1"}, 1);
  rig_wait(&s.r, CONNECTED, 1);
  fd = socket_of(&s.r);
  cr_assert_eq(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
  cr_assert_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
  cr_assert_neq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
  cr_assert_eq(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
  cr_assert_eq(getsockname(fd, (struct sockaddr *)&own, &len), 0);
  cr_assert_eq(own.sin_addr.s_addr, local.u.in.sin_addr.s_addr);
  scene_done(&s);
}

Test(race, an_interface_that_is_not_there_is_reported) {
  struct scene s;
  scene_init(&s);
  listen_at(&s, "127.0.0.1");
  s.r.socket.interface = "nosuch0";
  race(&s, (const char *const[]){"127.0.0.1"}, 1);
  rig_wait(&s.r, ENDED, 1);
  cr_assert_eq(s.r.status, UV_ENODEV);
  scene_done(&s);
}

/* Closing. */

static void in_flight(struct scene *s) {
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "slow.test"};
  black_hole_at(s, "127.0.0.1");
  black_hole_at(s, "127.0.0.2");
  s->r.attempt_delay = 0;
  race(s, hosts, 3);
  cr_assert_eq(sockets(&s->r), 2);
}

static void before_next(struct scene *s) {
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
  black_hole_at(s, "127.0.0.1");
  listen_at(s, "127.0.0.2");
  s->r.attempt_delay = 20;
  race(s, hosts, 2);
  rig_expire(&s->r);
}

static void both_connected(struct scene *s) {
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
  listen_at(s, "127.0.0.1");
  listen_at(s, "127.0.0.2");
  s->r.attempt_delay = 0;
  race(s, hosts, 2);
}

static void won(struct scene *s) {
  both_connected(s);
  rig_wait(&s->r, CONNECTED, 1);
}

static void (*const states[])(struct scene *) = {in_flight, before_next,
                                                 both_connected, won};

static void walk_only(struct rig *r) {
  rig_walk(r);
  rig_turn(r, 5);
}

static void walk_and_close(struct rig *r) {
  rig_walk(r);
  rig_close(r);
}

static void close_and_walk(struct rig *r) {
  rig_close(r);
  rig_walk(r);
}

static void (*const ends[])(struct rig *) = {rig_close, walk_only,
                                             walk_and_close, close_and_walk};

Test(race, close_and_walk_in_every_state) {
  for (size_t i = 0; i < LENGTH(states); ++i)
    for (size_t k = 0; k < LENGTH(ends); ++k) {
      struct scene s;
      scene_init(&s);
      states[i](&s);
      ends[k](&s.r);
      resolver_let_go(i == 0);
      scene_done(&s);
    }
}

/* O12. What the loop itself needs is not counted: only um_malloc fails. */
static bool survive(uint64_t n) {
  static const char *const hosts[] = {"nosuch.test", "::1", "pair.test"};
  struct um_server servers[3];
  struct scene s;
  scene_init(&s);
  listen_at(&s, "127.0.0.2");
  for (size_t i = 0; i < 3; ++i)
    servers[i] = (struct um_server){.host = hosts[i], .port = s.r.port};
  um_alloc_fail_at(n, false);
  if (rig_try(&s.r, servers, 3) == 0) {
    rig_connect(&s.r);
    while (s.r.count[CONNECTED] + s.r.count[ENDED] == 0)
      uv_run(&s.r.loop, UV_RUN_ONCE);
  } else {
    s.r.closing = true;
    s.r.count[CLOSED] = 1;
  }
  bool all = um_alloc_calls() < n;
  um_alloc_fail_at(0, false);
  scene_done(&s);
  return all;
}

Test(race, survives_every_failed_allocation) {
  uint64_t n = 1;
  while (!survive(n))
    n++;
  cr_assert_gt(n, 10);
}
