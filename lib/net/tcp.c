#include "net/tcp.h"

#include "base/alloc.h"
#include "net/race.h"
#include "net/uvstream.h"
#include <assert.h>

struct tcp {
  struct um_uvstream u; /* first */
  struct um_race *race; /* NULL when it is over */
};

static struct tcp *of(struct um_stream *s) {
  return (struct tcp *)s;
}

/* The race. */

static void leave_race(struct tcp *t) {
  um_race_free(t->race);
  t->race = NULL;
}

static void turn(void *arg) {
  struct tcp *t = arg;
  if (t->race != NULL)
    um_race_judge(t->race);
}

static void won(void *arg, uv_tcp_t *tcp) {
  struct tcp *t = arg;
  leave_race(t);
  um_uvstream_connected(&t->u, (uv_stream_t *)tcp);
}

static void lost(void *arg, int status) {
  struct tcp *t = arg;
  leave_race(t);
  um_uvstream_end(&t->u, status);
}

static const struct um_race_up race_up = {turn, won, lost};

/* Operations. */

static void tcp_connect(struct um_stream *s) {
  struct tcp *t = of(s);
  int r;
  assert(t->race != NULL && t->u.state == UM_UVSTREAM_OPENING);
  r = um_race_start(t->race);
  if (r == 0)
    return;
  leave_race(t);
  um_uvstream_end_later(&t->u, r);
}

static void tcp_tick(struct um_stream *s) {
  struct tcp *t = of(s);
  if (t->race != NULL)
    um_race_tick(t->race);
}

static void tcp_close(struct um_stream *s) {
  leave_race(of(s));
  um_uvstream_close(s);
}

static const struct um_stream_ops tcp_ops = {
    .connect = tcp_connect,
    .write = um_uvstream_write,
    .read = um_uvstream_read,
    .finish = um_uvstream_finish,
    .close = tcp_close,
    .tick = tcp_tick,
    .ref = um_uvstream_ref,
    .owns = um_uvstream_owns,
};

int um_tcp_new(const struct um_route *route, const struct um_chain *below,
               const struct um_stream_up *up, void *up_arg,
               struct um_stream **ret) {
  struct tcp *t = um_calloc(1, sizeof *t);
  int r;
  (void)below; /* the lowest */
  if (t == NULL)
    return UV_ENOMEM;
  um_uvstream_init(&t->u, route->turns, route->read_buffer, route->unref);
  t->u.stream.ops = &tcp_ops;
  t->u.stream.up = up;
  t->u.stream.up_arg = up_arg;
  r = um_race_new(route, &t->u.handles, &t->u.stream, &race_up, t, &t->race);
  if (r) {
    um_free(t);
    return r;
  }
  *ret = &t->u.stream;
  return 0;
}
