/* libuv 1.44 cuts long paths short without a word and knows no abstract names,
 * so the socket is connected here and given to libuv then. */
#include "net/pipe.h"

#include "base/alloc.h"
#include "net/uvstream.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uvmqtt/error.h>
#include <uvmqtt/message.h>

#define RETRY 50u /* ms */

struct pipe {
  struct um_uvstream u; /* first */
  struct sockaddr_un to;
  socklen_t to_len;
  uint32_t address_timeout;
  uint64_t give_up; /* when, ms */
  uv_pipe_t *io;    /* connected, the owner does not know yet */
};

static struct pipe *of(struct um_stream *s) {
  return (struct pipe *)s;
}

static uint64_t now_of(const uv_loop_t *loop) {
  uint64_t now = uv_now(loop), clock = uv_hrtime() / 1000000;
  return clock > now ? clock : now;
}

int um_pipe_check(const char *path) {
  struct sockaddr_un a;
  bool named = *path == '/' || (*path == '@' && path[1] != '\0');
  return named && um_pipe_address(path, &a) != 0 ? 0 : UVMQTT_EPATH;
}

/* Connecting. On a unix socket it is done at once or not at all. */

static int connect_socket(const struct pipe *p, int fd) {
  int r;
  do
    r = connect(fd, (const struct sockaddr *)&p->to, p->to_len);
  while (r < 0 && errno == EINTR);
  return r < 0 ? uv_translate_sys_error(errno) : 0;
}

/* The descriptor is libuv's when this worked. */
static int hand_over(struct pipe *p, int fd) {
  uv_pipe_t *io = um_handle_alloc(sizeof *io);
  if (io == NULL)
    return UV_ENOMEM;
  int r = uv_pipe_init(p->u.handles.turns->loop, io, 0);
  if (r) {
    um_handle_free(io);
    return r;
  }
  um_handles_add(&p->u.handles, io);
  r = uv_pipe_open(io, fd);
  if (r)
    um_handle_close(io);
  else
    p->io = io;
  return r;
}

static int open_socket(struct pipe *p) {
  int fd = um_pipe_socket();
  if (fd < 0)
    return uv_translate_sys_error(errno);
  int r = connect_socket(p, fd);
  if (r == 0)
    r = hand_over(p, fd);
  if (r)
    close(fd);
  return r;
}

/* The server's backlog is full: libuv has no event for its getting room. */
static int attempt(struct pipe *p) {
  uint64_t now = now_of(p->u.handles.turns->loop);
  int r = open_socket(p);
  if (r != UV_EAGAIN)
    return r;
  p->u.stream.deadline = now + RETRY;
  return now < p->give_up ? 0 : UV_ETIMEDOUT;
}

static void tell(struct pipe *p) {
  uv_pipe_t *io = p->io;
  if (io == NULL)
    return; /* the next tick tries again */
  p->io = NULL;
  if (!um_handle_open(io)) {
    um_uvstream_end(&p->u, UV_ECANCELED); /* closed by the host */
    return;
  }
  p->u.stream.loopback = true;
  um_uvstream_connected(&p->u, (uv_stream_t *)io);
}

static void on_connected(void *arg) {
  tell(arg);
}

static void on_retry(void *arg) {
  struct pipe *p = arg;
  int r = attempt(p);
  if (r)
    um_uvstream_end(&p->u, r);
  else if (p->io != NULL)
    tell(p);
  else
    p->u.stream.up->progress(p->u.stream.up_arg);
}

static void pipe_connect(struct um_stream *s) {
  struct pipe *p = of(s);
  assert(p->u.state == UM_UVSTREAM_OPENING);
  s->phase = UVMQTT_PHASE_CONNECT;
  p->give_up = now_of(p->u.handles.turns->loop) + p->address_timeout;
  int r = attempt(p);
  if (r)
    um_uvstream_end_later(&p->u, r);
  else if (p->io != NULL)
    um_handles_turn(&p->u.handles, on_connected);
}

static void pipe_tick(struct um_stream *s) {
  struct pipe *p = of(s);
  if (p->u.state != UM_UVSTREAM_OPENING ||
      uv_now(p->u.handles.turns->loop) < s->deadline)
    return;
  s->deadline = UINT64_MAX;
  um_handles_turn(&p->u.handles, on_retry);
}

static const struct um_stream_ops pipe_ops = {
    .connect = pipe_connect,
    .write = um_uvstream_write,
    .read = um_uvstream_read,
    .finish = um_uvstream_finish,
    .close = um_uvstream_close,
    .tick = pipe_tick,
    .ref = um_uvstream_ref,
    .owns = um_uvstream_owns,
};

static bool is_continuation(char c) { /* of a character of UTF-8 */
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* Of a long path the end, by which people know it. */
static void print_path(const char *path, char *ret, size_t size) {
  size_t len = strlen(path), room = size - sizeof "unix:...";
  if (len < size - strlen("unix:")) {
    snprintf(ret, size, "unix:%s", path);
    return;
  }
  path += len - room;
  while (is_continuation(*path))
    path++;
  snprintf(ret, size, "unix:...%s", path);
}

int um_pipe_new(const struct um_route *route, const struct um_chain *below,
                const struct um_stream_up *up, void *up_arg,
                struct um_stream **ret) {
  const char *path = route->servers[0].host;
  (void)below; /* the lowest */
  if (um_pipe_check(path))
    return UVMQTT_EPATH;
  struct pipe *p = um_calloc(1, sizeof *p);
  if (p == NULL)
    return UV_ENOMEM;
  um_uvstream_init(&p->u, route->turns, route->read_buffer, route->unref);
  p->u.stream.ops = &pipe_ops;
  p->u.stream.up = up;
  p->u.stream.up_arg = up_arg;
  p->to_len = um_pipe_address(path, &p->to);
  p->address_timeout = route->address_timeout;
  print_path(path, p->u.stream.address, sizeof p->u.stream.address);
  *ret = &p->u.stream;
  return 0;
}
