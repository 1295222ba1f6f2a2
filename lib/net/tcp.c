#include "net/tcp.h"
#include "base/alloc.h"
#include "net/address.h"
#include "net/uvstream.h"
#include <assert.h>
#include <stdio.h>
#include <uvmqtt/message.h>

enum { MAX_ADDRESSES = 16 };

/* One address being tried; the handle is first and owns the memory. */
struct attempt {
  uv_tcp_t tcp;
  uv_connect_t req;
};

struct tcp;

/* A running look-up cannot be called back: whoever is left frees it. */
struct lookup {
  uv_getaddrinfo_t req;
  struct tcp *owner;
  bool held; /* the owner's handles wait for it */
};

struct tcp {
  struct um_uvstream u; /* first */
  const char *host;     /* NULL after connect */
  uint16_t port;
  uint32_t address_timeout;
  struct lookup *lookup;
  struct um_address *addresses; /* NULL when none are left to try */
  size_t next, count;
  struct attempt *attempt;
};

static struct tcp *of(struct um_stream *s) {
  return (struct tcp *)s;
}

/* The loop's idea of now is as old as the host's slowest callback. */
static uint64_t now_of(const uv_loop_t *loop) {
  uint64_t now = uv_now(loop), clock = uv_hrtime() / 1000000;
  return clock > now ? clock : now;
}

static void set_phase(struct tcp *t, int phase, uint64_t deadline) {
  t->u.stream.phase = phase;
  t->u.stream.deadline = deadline;
}

static void progress(struct tcp *t) {
  t->u.stream.up->progress(t->u.stream.up_arg);
}

/* Addresses. */

static void drop_attempt(struct tcp *t) {
  struct attempt *a = t->attempt;
  t->attempt = NULL;
  if (a != NULL)
    um_handle_close(&a->tcp);
}

static void drop_addresses(struct tcp *t) {
  um_free(t->addresses);
  t->addresses = NULL;
  t->next = t->count = 0;
}

static int peer_of(const uv_tcp_t *tcp, struct um_address *ret) {
  int size = sizeof *ret;
  return uv_tcp_getpeername(tcp, &ret->u.any, &size);
}

static int greet(struct tcp *t, uv_tcp_t *tcp) {
  struct um_address peer;
  int r = peer_of(tcp, &peer);
  if (r)
    return r;
  t->u.stream.loopback = um_address_is_loopback(&peer);
  uv_tcp_nodelay(tcp, 1); /* we batch by ourselves; a refusal costs time only */
  return 0;
}

static void try_on(struct tcp *t, int status);

static void on_connect(uv_connect_t *req, int status) {
  struct tcp *t = req->data;
  struct attempt *a = t->attempt;
  if (a == NULL || req != &a->req)
    return; /* given up already */
  if (!um_handle_open(&a->tcp)) {
    um_uvstream_end(&t->u, UV_ECANCELED); /* closed by the host */
    return;
  }
  if (status == 0)
    status = greet(t, &a->tcp);
  if (status < 0) {
    try_on(t, status);
    return;
  }
  t->attempt = NULL; /* uvstream's now */
  drop_addresses(t);
  um_uvstream_connected(&t->u, (uv_stream_t *)&a->tcp);
}

static int open_attempt(struct tcp *t, const struct um_address *to) {
  struct attempt *a = um_handle_alloc(sizeof *a);
  int r = a == NULL ? UV_ENOMEM : uv_tcp_init(t->u.handles.loop, &a->tcp);
  if (r) {
    um_handle_free(a);
    return r;
  }
  um_handles_add(&t->u.handles, &a->tcp);
  a->req.data = t;
  t->attempt = a;
  r = uv_tcp_connect(&a->req, &a->tcp, &to->u.any, on_connect);
  if (r)
    drop_attempt(t);
  return r;
}

/* 0 when one is under way; else the last one's error, after which none is
 * left. Calls nobody up. */
static int try_next(struct tcp *t, int status) {
  while (t->next < t->count) {
    const struct um_address *a = &t->addresses[t->next++];
    um_address_print(a, t->u.stream.address, sizeof t->u.stream.address);
    status = open_attempt(t, a);
    if (status == 0) {
      set_phase(t, UVMQTT_PHASE_CONNECT,
                now_of(t->u.handles.loop) + t->address_timeout);
      return 0;
    }
  }
  drop_addresses(t);
  return status;
}

/* In a callback of the loop: the attempt came to nothing. */
static void try_on(struct tcp *t, int status) {
  int r;
  drop_attempt(t);
  r = try_next(t, status);
  if (r)
    um_uvstream_end(&t->u, r);
  else
    progress(t);
}

/* Names. */

static void forget_lookup(struct tcp *t, struct lookup *l) {
  bool held = l->held;
  um_free(l);
  if (t != NULL)
    t->lookup = NULL;
  if (held)
    um_handles_release(&t->u.handles); /* may free t */
}

static int take_addresses(struct tcp *t, const struct addrinfo *found) {
  t->addresses = um_calloc(MAX_ADDRESSES, sizeof *t->addresses);
  if (t->addresses == NULL)
    return UV_ENOMEM;
  t->count = um_address_order(found, t->addresses, MAX_ADDRESSES);
  return t->count == 0 ? UV_EAI_ADDRFAMILY : 0;
}

static void on_resolved(uv_getaddrinfo_t *req, int status,
                        struct addrinfo *found) {
  struct lookup *l = (struct lookup *)req;
  struct tcp *t = l->owner;
  bool wanted = t != NULL && t->u.state == UM_UVSTREAM_OPENING;
  if (wanted && status == 0)
    status = take_addresses(t, found);
  uv_freeaddrinfo(found);
  forget_lookup(t, l);
  if (!wanted)
    return;
  if (status < 0)
    um_uvstream_end(&t->u, status);
  else
    try_on(t, UV_EADDRNOTAVAIL);
}

static int look_up(struct tcp *t) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC,
                           .ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_ADDRCONFIG};
  char port[8];
  int r;
  t->lookup = um_calloc(1, sizeof *t->lookup);
  if (t->lookup == NULL)
    return UV_ENOMEM;
  snprintf(port, sizeof port, "%u", (unsigned)t->port);
  t->lookup->owner = t;
  set_phase(t, UVMQTT_PHASE_RESOLVE, UINT64_MAX);
  r = uv_getaddrinfo(t->u.handles.loop, &t->lookup->req, on_resolved, t->host,
                     port, &hints);
  if (r)
    forget_lookup(t, t->lookup);
  return r;
}

/* One that is still queued is taken back and comes at once; one that runs may
 * take as long as the resolver likes, and the stream does not wait for it. */
static void cancel_lookup(struct tcp *t) {
  struct lookup *l = t->lookup;
  if (l == NULL)
    return;
  if (uv_cancel((uv_req_t *)&l->req) == 0) {
    l->held = true;
    um_handles_hold(&t->u.handles);
    return;
  }
  l->owner = NULL;
  t->lookup = NULL;
}

/* Operations. */

static int take_numeric(struct tcp *t, const struct um_address *a) {
  t->addresses = um_malloc(sizeof *a);
  if (t->addresses == NULL)
    return UV_ENOMEM;
  t->addresses[0] = *a;
  t->count = 1;
  return try_next(t, 0);
}

static void tcp_connect(struct um_stream *s) {
  struct tcp *t = of(s);
  struct um_address a;
  int r;
  assert(t->host != NULL && t->u.state == UM_UVSTREAM_OPENING);
  s->phase = UVMQTT_PHASE_CONNECT;
  r = um_address_parse(t->host, t->port, &a);
  if (r == 0)
    r = take_numeric(t, &a);
  else if (r == UV_EINVAL)
    r = look_up(t);
  t->host = NULL;
  if (r)
    um_uvstream_end_later(&t->u, r);
}

static void give_up_address(void *arg) {
  struct tcp *t = arg;
  bool renewed = t->u.stream.deadline != UINT64_MAX;
  if (t->attempt != NULL && !renewed)
    try_on(t, UV_ETIMEDOUT);
}

/* The host may have kept the loop so long that the timer ran before sockets
 * with good news were looked at: the verdict waits until they were. */
static void tcp_tick(struct um_stream *s) {
  struct tcp *t = of(s);
  if (t->u.state != UM_UVSTREAM_OPENING ||
      uv_now(t->u.handles.loop) < s->deadline)
    return;
  s->deadline = UINT64_MAX;
  um_handles_turn(&t->u.handles, give_up_address);
}

static void tcp_close(struct um_stream *s) {
  struct tcp *t = of(s);
  cancel_lookup(t);
  drop_addresses(t);
  t->attempt = NULL; /* closed with the rest */
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
  (void)below; /* the lowest */
  if (t == NULL)
    return UV_ENOMEM;
  um_uvstream_init(&t->u, route->loop, route->read_buffer, route->unref);
  t->u.stream.ops = &tcp_ops;
  t->u.stream.up = up;
  t->u.stream.up_arg = up_arg;
  t->host = route->servers[0].host;
  t->port = route->servers[0].port;
  t->address_timeout = route->address_timeout;
  *ret = &t->u.stream;
  return 0;
}
