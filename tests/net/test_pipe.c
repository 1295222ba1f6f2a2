#include "base/alloc.h"
#include "net/pipe.h"
#include "orders.h"
#include "rig.h"
#include "support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uvmqtt/error.h>

SUITE(pipe);

static char path[64];

static void make_path(void) {
  char directory[] = "/tmp/uvmqtt-pipe-XXXXXX";
  cr_assert_not_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/s", directory);
}

static void drop_path(void) {
  unlink(path);
  *strrchr(path, '/') = '\0';
  rmdir(path);
}

static const char *abstract_name(void) {
  static char name[64];
  snprintf(name, sizeof name, "@uvmqtt/test/%d", (int)getpid());
  return name;
}

static void up(struct rig *r, const char *name) {
  rig_init(r);
  rig_listen_unix(r, name);
  rig_open(r, name, false);
  rig_connect(r);
  rig_wait(r, CONNECTED, 1);
  rig_accept(r);
  rig_read(r, true);
}

static void talks(const char *name) {
  struct rig r;
  char address[80];
  uint8_t heard[8];
  up(&r, name);
  snprintf(address, sizeof address, "unix:%s", name);
  cr_assert_str_eq(r.s->address, address);
  cr_assert(r.s->loopback);
  cr_assert_eq(r.s->deadline, UINT64_MAX);
  cr_assert_eq(rig_write(&r, "hello", 5), 0);
  cr_assert_eq(rig_drain(&r, heard, sizeof heard), 5);
  cr_assert_eq(send(r.peer, "world", 5, 0), 5);
  rig_wait(&r, BYTES, 1);
  cr_assert_eq(memcmp(r.got.data, "world", 5), 0);
  shutdown(r.peer, SHUT_WR);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_EOF);
  rig_done(&r);
}

Test(pipe, connects_to_a_path_and_talks) {
  make_path();
  talks(path);
  drop_path();
}

Test(pipe, connects_to_an_abstract_name_and_talks) {
  talks(abstract_name());
}

static void is_called(const char *name, const char *address) {
  struct rig r;
  rig_init(&r);
  r.transport = UM_TRANSPORT_UNIX;
  rig_open(&r, name, false);
  cr_expect_str_eq(r.s->address, address);
  rig_close(&r);
  rig_done(&r);
}

Test(pipe, a_long_path_is_called_by_its_end) {
  char name[100] = "/", text[120];
  memset(name + 1, 'x', 57);
  snprintf(text, sizeof text, "unix:%s", name);
  is_called(name, text); /* just fits */
  strcat(name, "/y");
  snprintf(text, sizeof text, "unix:...%s", name + strlen(name) - 55);
  is_called(name, text);
  memset(name, 0, sizeof name);
  for (size_t i = 0; i < 40; i++)
    strcat(name, i == 0 ? "/" : "\xC3\xA9"); /* no half of a character */
  snprintf(text, sizeof text, "unix:...%s", name + strlen(name) - 54);
  is_called(name, text);
}

/* libuv 1.44 would connect to the first 107 bytes of it. */
Test(pipe, a_path_is_as_long_as_the_system_lets_it_be) {
  char name[200] = "/";
  memset(name + 1, 'x', sizeof name - 2);
  name[107] = '\0';
  cr_assert_eq(um_pipe_check(name), 0);
  name[107] = 'x';
  name[108] = '\0';
  cr_assert_eq(um_pipe_check(name), UVMQTT_EPATH);
  name[0] = '@'; /* an abstract one has no NUL at its end */
  cr_assert_eq(um_pipe_check(name), 0);
  name[108] = 'x';
  cr_assert_eq(um_pipe_check(name), UVMQTT_EPATH);
  cr_assert_eq(um_pipe_check(""), UVMQTT_EPATH);
  cr_assert_eq(um_pipe_check("@"), UVMQTT_EPATH);
  cr_assert_eq(um_pipe_check("run/x"), UVMQTT_EPATH);
}

Test(pipe, the_longest_abstract_name_works) {
  char name[109];
  memset(name, 'x', sizeof name - 1);
  name[108] = '\0';
  snprintf(name, 24, "@uvmqtt/%d", (int)getpid());
  name[strlen(name)] = 'y';
  struct rig r;
  rig_init(&r);
  rig_listen_unix(&r, name);
  rig_open(&r, name, false);
  rig_connect(&r);
  rig_wait(&r, CONNECTED, 1);
  rig_done(&r);
}

static void fails(const char *name, int code) {
  struct rig r;
  rig_init(&r);
  r.transport = UM_TRANSPORT_UNIX;
  rig_open(&r, name, false);
  rig_connect(&r);
  cr_assert_eq(r.count[ENDED], 0);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, code, "%s: %s", name, uv_strerror(r.status));
  rig_done(&r);
}

Test(pipe, what_cannot_be_reached_is_told_once_and_later) {
  make_path();
  fails(path, UV_ENOENT);
  fails("@uvmqtt/nobody/is/here", UV_ECONNREFUSED);
  fails("/dev/null", UV_ECONNREFUSED);
  fails("/dev/null/x", UV_ENOTDIR);
  drop_path();
}

static void fill(struct rig *r, int *fds, size_t n) {
  struct sockaddr_un a;
  socklen_t len = um_pipe_address(abstract_name(), &a);
  (void)r;
  for (size_t i = 0; i < n; i++) {
    fds[i] = um_pipe_socket();
    connect(fds[i], (struct sockaddr *)&a, len);
  }
}

enum { CLOG = 4 };

static void let_go_of(int *fds) {
  for (size_t i = 0; i < CLOG; i++)
    close(fds[i]);
}

static void clogged(struct rig *r, int *fds) {
  rig_init(r);
  rig_listen_unix(r, abstract_name());
  fill(r, fds, CLOG);
  rig_open(r, abstract_name(), false);
  rig_connect(r);
  cr_assert_neq(r->s->deadline, UINT64_MAX, "the backlog was not full");
}

static void accept_one(struct rig *r) {
  int fd = accept(r->listener, NULL, NULL);
  cr_assert_geq(fd, 0);
  close(fd);
}

/* connect(2) says EAGAIN, and nothing will tell when there is room. */
Test(pipe, waits_for_a_server_that_is_slow_to_accept) {
  struct rig r;
  int fds[CLOG];
  clogged(&r, fds);
  rig_expire(&r);
  rig_wait(&r, PROGRESS, 1);
  cr_assert_neq(r.s->deadline, UINT64_MAX);
  cr_assert_eq(r.count[CONNECTED], 0);
  accept_one(&r);
  rig_expire(&r);
  rig_wait(&r, CONNECTED, 1);
  let_go_of(fds);
  rig_done(&r);
}

Test(pipe, but_not_for_ever) {
  struct rig r;
  int fds[CLOG];
  rig_init(&r);
  r.address_timeout = 1;
  rig_listen_unix(&r, abstract_name());
  fill(&r, fds, CLOG);
  rig_open(&r, abstract_name(), false);
  rig_connect(&r);
  uint64_t until = uv_hrtime() + 5000000;
  while (uv_hrtime() < until)
    rig_turn(&r, 1);
  rig_expire(&r);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ETIMEDOUT);
  let_go_of(fds);
  rig_done(&r);
}

Test(pipe, close_in_every_state_in_every_way) {
  for (size_t w = 0; w < ORDERS; w++)
    for (int state = 0; state < 5; state++) {
      struct rig r;
      int fds[CLOG];
      if (state == 4) {
        clogged(&r, fds);
        rig_expire(&r);
      } else {
        rig_init(&r);
        rig_listen_unix(&r, abstract_name());
        rig_open(&r, abstract_name(), false);
      }
      if (state >= 1 && state < 4)
        rig_connect(&r);
      if (state == 2 || state == 3)
        rig_wait(&r, CONNECTED, 1);
      if (state == 3)
        rig_read(&r, true);
      orders[w](&r);
      if (state == 4)
        let_go_of(fds);
      rig_done(&r);
    }
}

Test(pipe, a_handle_the_host_closed_before_we_knew_is_the_end) {
  struct rig r;
  rig_init(&r);
  rig_listen_unix(&r, abstract_name());
  rig_open(&r, abstract_name(), false);
  rig_connect(&r);
  rig_walk(&r);
  rig_wait(&r, ENDED, 1);
  cr_assert_eq(r.status, UV_ECANCELED);
  rig_done(&r);
}

Test(pipe, every_allocation_may_fail) {
  for (uint64_t at = 1; at <= 2; at++) {
    struct rig r;
    rig_init(&r);
    rig_listen_unix(&r, abstract_name());
    struct um_server server = {.host = abstract_name()};
    um_alloc_fail_at(at, false);
    int result = rig_try(&r, &server, 1);
    if (at == 1) {
      um_alloc_fail_at(0, false);
      cr_assert_eq(result, UV_ENOMEM);
      cr_assert_eq(rig_try(&r, &server, 1), 0);
    } else {
      cr_assert_eq(result, 0);
      rig_connect(&r);
      um_alloc_fail_at(0, false);
      rig_wait(&r, ENDED, 1);
      cr_assert_eq(r.status, UV_ENOMEM);
    }
    rig_done(&r);
  }
}
