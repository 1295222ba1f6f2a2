#include "rig.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void note(struct rig *r, enum moment m) {
  (void)r;
  (void)m;
}

static void leave(struct rig *r) {
  (void)r;
}

#define RIG struct rig
#include "net/hearing.h"

unsigned rig_open_fds(void) {
  unsigned n = 0;
  DIR *dir = opendir("/proc/self/fd");
  cr_assert_not_null(dir);
  while (readdir(dir) != NULL)
    ++n;
  closedir(dir);
  return n;
}

void rig_init(struct rig *r) {
  memset(r, 0, sizeof *r);
  r->listener = r->peer = -1;
  /* The first loop of a process opens descriptors that stay. */
  cr_assert_eq(uv_loop_init(&r->loop), 0);
  cr_assert_eq(uv_loop_close(&r->loop), 0);
  r->fds = rig_open_fds();
  um_buf_init(&r->got, SIZE_MAX, NULL);
  cr_assert_eq(uv_loop_init(&r->loop), 0);
  um_turns_init(&r->turns, &r->loop);
  um_handles_init(&r->shared, &r->turns, true, r);
  um_resolver_init(&r->resolver, &r->shared);
  r->address_timeout = r->attempt_delay = r->resolve_timeout = 60000;
}

static void on_shared_closed(void *arg) {
  struct rig *r = arg;
  r->shared_closed = true;
}

void rig_leave(struct rig *r) {
  if (r->shared_closing)
    return;
  r->shared_closing = true;
  um_resolver_close(&r->resolver);
  um_handles_close(&r->shared, on_shared_closed);
}

static void close_fd(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

void rig_done(struct rig *r) {
  if (r->s != NULL && !r->closing)
    rig_close(r);
  rig_leave(r);
  cr_assert_eq(uv_run(&r->loop, UV_RUN_DEFAULT), 0);
  cr_assert_eq(r->count[CLOSED], 1);
  cr_assert(r->shared_closed);
  cr_assert_leq(r->count[ENDED], 1);
  cr_assert_eq(uv_loop_close(&r->loop), 0);
  close_fd(&r->listener);
  close_fd(&r->peer);
  um_buf_done(&r->got);
  cr_assert_eq(rig_open_fds(), r->fds, "a descriptor was left open");
}

static socklen_t address_of(const char *ip, uint16_t port,
                            struct sockaddr_storage *ret) {
  memset(ret, 0, sizeof *ret);
  if (uv_ip4_addr(ip, port, (struct sockaddr_in *)ret) == 0)
    return sizeof(struct sockaddr_in);
  cr_assert_eq(uv_ip6_addr(ip, port, (struct sockaddr_in6 *)ret), 0);
  return sizeof(struct sockaddr_in6);
}

int rig_listen_extra(const char *ip, uint16_t port) {
  struct sockaddr_storage a;
  socklen_t len = address_of(ip, port, &a);
  int one = 1, fd = socket(a.ss_family, SOCK_STREAM, 0);
  cr_assert_geq(fd, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  cr_assert_eq(bind(fd, (struct sockaddr *)&a, len), 0, "bind %s: %s", ip,
               strerror(errno));
  cr_assert_eq(listen(fd, 0), 0);
  return fd;
}

void rig_listen(struct rig *r, const char *ip, uint16_t port) {
  struct sockaddr_storage a;
  socklen_t len = sizeof a;
  r->listener = rig_listen_extra(ip, port);
  cr_assert_eq(getsockname(r->listener, (struct sockaddr *)&a, &len), 0);
  r->port = ntohs(((struct sockaddr_in *)&a)->sin_port); /* same place in in6 */
}

void rig_listen_unix(struct rig *r, const char *path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  size_t len = strlen(path), head = offsetof(struct sockaddr_un, sun_path);
  memcpy(a.sun_path, path, len);
  if (*path == '@')
    a.sun_path[0] = '\0';
  r->listener = socket(AF_UNIX, SOCK_STREAM, 0);
  cr_assert_eq(
      bind(r->listener, (struct sockaddr *)&a, (socklen_t)(head + len)), 0,
      "bind %s: %s", path, strerror(errno));
  cr_assert_eq(listen(r->listener, 0), 0);
  r->transport = UM_TRANSPORT_UNIX;
}

void rig_accept(struct rig *r) {
  r->peer = accept(r->listener, NULL, NULL);
  cr_assert_geq(r->peer, 0);
  cr_assert_eq(fcntl(r->peer, F_SETFL, O_NONBLOCK), 0);
}

void rig_reset_peer(struct rig *r) {
  struct linger now = {.l_onoff = 1};
  setsockopt(r->peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close_fd(&r->peer);
}

size_t rig_drain(struct rig *r, uint8_t *to, size_t size) {
  ssize_t n = recv(r->peer, to, size, MSG_DONTWAIT);
  return n < 0 ? 0 : (size_t)n;
}

void rig_clog(int listener, int *fds, size_t n) {
  struct sockaddr_storage a;
  socklen_t len = sizeof a;
  cr_assert_eq(getsockname(listener, (struct sockaddr *)&a, &len), 0);
  for (size_t i = 0; i < n; ++i) {
    fds[i] = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(fds[i], (struct sockaddr *)&a, len);
  }
}

static int try_route(struct rig *r, const struct um_server *servers, size_t n,
                     bool unref) {
  struct um_route route = {
      .turns = &r->turns,
      .transport = r->transport,
      .servers = servers,
      .n_servers = n,
      .address_timeout = r->address_timeout,
      .attempt_delay = r->attempt_delay,
      .resolve_timeout = r->resolve_timeout,
      .names = &r->resolver.names,
      .grudges = &r->grudges,
      .socket = &r->socket,
      .unref = unref,
      .proxy = r->proxy,
      .ws = r->ws,
      .tls = r->tls,
      .scratch = uv_buf_init((char *)r->scratch, sizeof r->scratch),
      .read_buffer = uv_buf_init((char *)r->read_buffer, sizeof r->read_buffer),
  };
  return um_route_open(&route, &hearing_up, r, &r->s);
}

int rig_try(struct rig *r, const struct um_server *servers, size_t n) {
  return try_route(r, servers, n, false);
}

void rig_open(struct rig *r, const char *host, bool unref) {
  struct um_server server = {.host = host, .port = r->port};
  cr_assert_eq(try_route(r, &server, 1, unref), 0);
}

void rig_open_list(struct rig *r, const char *const *hosts, size_t n) {
  struct um_server servers[16];
  for (size_t i = 0; i < n; ++i)
    servers[i] = (struct um_server){.host = hosts[i], .port = r->port};
  cr_assert_eq(rig_try(r, servers, n), 0);
}

void rig_connect(struct rig *r) {
  r->in_call = true;
  r->s->ops->connect(r->s);
  r->in_call = false;
}

void rig_read(struct rig *r, bool on) {
  r->in_call = true;
  r->s->ops->read(r->s, on);
  r->in_call = false;
}

int rig_write(struct rig *r, const void *data, size_t len) {
  struct um_buf b;
  size_t taken = 0;
  int result;
  um_buf_init(&b, SIZE_MAX, NULL);
  cr_assert_eq(um_buf_append(&b, data, len), 0);
  r->in_call = true;
  result = r->s->ops->write(r->s, &b, &taken);
  r->in_call = false;
  cr_assert_eq(b.len, 0, "write leaves nothing behind");
  um_buf_done(&b);
  cr_assert(result != 0 || taken == len || r->s->busy);
  r->taken += taken;
  return result;
}

void rig_close(struct rig *r) {
  r->closing = r->in_call = true;
  r->s->ops->close(r->s);
  r->in_call = false;
}

void rig_expire(struct rig *r) {
  cr_assert_neq(r->s->deadline, UINT64_MAX);
  cr_assert_lt(r->s->deadline, uv_now(&r->loop) + 1000);
  while (uv_hrtime() / 1000000 <= r->s->deadline)
    poll(NULL, 0, 1);
  uv_update_time(&r->loop);
  r->in_call = true;
  r->s->ops->tick(r->s);
  r->in_call = false;
}

void rig_wait(struct rig *r, enum moment m, unsigned n) {
  uint64_t until = uv_hrtime() + UINT64_C(10000000000);
  while (r->count[m] < n) {
    cr_assert_lt(uv_hrtime(), until, "moment %d did not come", (int)m);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    if (r->count[m] < n)
      poll(NULL, 0, 1);
  }
}

void rig_turn(struct rig *r, unsigned times) {
  while (times-- > 0)
    uv_run(&r->loop, UV_RUN_NOWAIT);
}

void rig_up(struct rig *r) {
  rig_listen(r, "127.0.0.1", 0);
  rig_open(r, "127.0.0.1", false);
  rig_connect(r);
  rig_wait(r, CONNECTED, 1);
  rig_accept(r);
  rig_read(r, true);
}

static void close_any(uv_handle_t *h, void *arg) {
  (void)arg;
  if (!uv_is_closing(h))
    uv_close(h, NULL);
}

void rig_walk(struct rig *r) {
  uv_walk(&r->loop, close_any, NULL);
}
