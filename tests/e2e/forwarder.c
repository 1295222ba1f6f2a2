#include "e2e/forwarder.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct pair {
  struct forwarder *owner;
  struct pair *next;
  uv_tcp_t side[2]; /* client, broker */
  uv_connect_t connect;
  unsigned open; /* handles */
  unsigned ends; /* sides that said FIN */
  bool started, linked, cut;
  long budget;
};

struct parcel {
  uv_write_t write;
  struct pair *pair;
  bool last; /* then comes the cut */
  char bytes[];
};

static void unlink_pair(struct pair *pair) {
  struct pair **at = &pair->owner->pairs;
  while (*at != pair)
    at = &(*at)->next;
  *at = pair->next;
}

static void on_side_closed(uv_handle_t *handle) {
  struct pair *pair = handle->data;
  if (--pair->open > 0)
    return;
  unlink_pair(pair);
  free(pair);
}

static void close_side(uv_tcp_t *side) {
  if (!uv_is_closing((uv_handle_t *)side))
    uv_close((uv_handle_t *)side, on_side_closed);
}

static void on_shut(uv_shutdown_t *shutdown, int status) {
  (void)status;
  free(shutdown);
}

static int shut(uv_tcp_t *side) {
  uv_shutdown_t *shutdown = malloc(sizeof *shutdown);
  int r = uv_shutdown(shutdown, (uv_stream_t *)side, on_shut);
  if (r)
    free(shutdown);
  return r;
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
  static char room[65536];
  (void)handle;
  (void)suggested;
  *ret = uv_buf_init(room, sizeof room);
}

static void on_rest(uv_stream_t *broker, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  if (n < 0)
    close_side((uv_tcp_t *)broker);
}

/* The client sees the end at once. The broker may write what it has: a
 * mosquitto 2.0.11 that cannot write a PUBREL forgets having sent it before
 * and sends the PUBLISH again. */
static void cut(struct pair *pair) {
  if (pair->cut)
    return;
  pair->cut = true;
  uv_read_stop((uv_stream_t *)&pair->side[1]);
  close_side(&pair->side[0]);
  if (!pair->linked || shut(&pair->side[1]))
    close_side(&pair->side[1]);
  else
    uv_read_start((uv_stream_t *)&pair->side[1], give_room, on_rest);
}

static void on_written(uv_write_t *write, int status) {
  struct parcel *parcel = write->data;
  if (parcel->last && status != UV_ECANCELED) {
    parcel->pair->owner->cuts++;
    cut(parcel->pair);
  }
  free(parcel);
}

static void pass_later(struct pair *pair, uv_tcp_t *to, const char *data,
                       size_t n) {
  struct parcel *parcel = malloc(sizeof *parcel + n);
  uv_buf_t buf = uv_buf_init(parcel->bytes, (unsigned)n);
  parcel->write.data = parcel;
  parcel->pair = pair;
  parcel->last = pair->budget == 0;
  memcpy(parcel->bytes, data, n);
  uv_write(&parcel->write, (uv_stream_t *)to, &buf, 1, on_written);
}

/* libuv's write to a peer that is gone raises SIGPIPE, which the tests leave
 * at its default since the client has to live with that. */
static ssize_t pass_now(uv_tcp_t *to, const char *data, size_t n) {
  uv_os_fd_t fd;
  if (uv_stream_get_write_queue_size((uv_stream_t *)to) > 0 ||
      uv_fileno((uv_handle_t *)to, &fd))
    return 0;
  ssize_t r = send(fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
  return r < 0 && errno == EAGAIN ? 0 : r;
}

static void pass(struct pair *pair, uv_tcp_t *to, const char *data, size_t n) {
  ssize_t r = pass_now(to, data, n);
  if (r >= 0 && (size_t)r < n) {
    pass_later(pair, to, data + r, n - (size_t)r);
    return;
  }
  if (pair->budget == 0)
    pair->owner->cuts++;
  if (pair->budget == 0 || r < 0)
    cut(pair);
}

static void spend(struct pair *pair, uv_tcp_t *to, const char *data, size_t n) {
  if (pair->budget >= 0) {
    if ((long)n > pair->budget)
      n = (size_t)pair->budget;
    pair->budget -= (long)n;
  }
  if (pair->budget == 0) {
    uv_read_stop((uv_stream_t *)&pair->side[0]);
    uv_read_stop((uv_stream_t *)&pair->side[1]);
  }
  pass(pair, to, data, n);
}

static void on_end(struct pair *pair, uv_tcp_t *to, ssize_t why) {
  if (why != UV_EOF || ++pair->ends == 2 || shut(to))
    cut(pair);
}

static void on_bytes(uv_stream_t *from, ssize_t n, const uv_buf_t *buf) {
  struct pair *pair = from->data;
  uv_tcp_t *to = &pair->side[from == (uv_stream_t *)&pair->side[0]];
  if (n < 0)
    on_end(pair, to, n);
  else if (n > 0)
    spend(pair, to, buf->base, (size_t)n);
}

static void on_reached(uv_connect_t *connect, int status) {
  struct pair *pair = connect->data;
  if (status == UV_ECANCELED)
    return;
  if (status) {
    cut(pair);
    return;
  }
  pair->linked = true;
  for (int i = 0; i < 2; i++)
    uv_read_start((uv_stream_t *)&pair->side[i], give_room, on_bytes);
}

static void start(struct pair *pair) {
  struct sockaddr_in address;
  pair->started = true;
  uv_ip4_addr("127.0.0.1", pair->owner->target, &address);
  pair->connect.data = pair;
  if (uv_tcp_connect(&pair->connect, &pair->side[1],
                     (const struct sockaddr *)&address, on_reached))
    cut(pair);
}

static void on_caller(uv_stream_t *listener, int status) {
  struct forwarder *f = listener->data;
  struct pair *pair = calloc(1, sizeof *pair);
  cr_assert_eq(status, 0);
  pair->owner = f;
  pair->next = f->pairs;
  f->pairs = pair;
  pair->budget = f->budget == NULL ? -1 : f->budget(f->arg);
  for (int i = 0; i < 2; i++) {
    uv_tcp_init(&f->host->loop, &pair->side[i]);
    uv_tcp_nodelay(&pair->side[i], 1);
    pair->side[i].data = pair;
    pair->open++;
  }
  cr_assert_eq(uv_accept(listener, (uv_stream_t *)&pair->side[0]), 0);
  if (!f->held)
    start(pair);
}

static void name_url(struct forwarder *f) {
  struct sockaddr_in address;
  int len = sizeof address;
  uv_tcp_getsockname(&f->listener, (struct sockaddr *)&address, &len);
  snprintf(f->url, sizeof f->url, "mqtt://127.0.0.1:%d",
           ntohs(address.sin_port));
}

void forwarder_open(struct host *h, struct forwarder *f, int target) {
  struct sockaddr_in address;
  memset(f, 0, sizeof *f);
  f->host = h;
  f->target = target;
  f->listener.data = f;
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_init(&h->loop, &f->listener);
  uv_tcp_bind(&f->listener, (const struct sockaddr *)&address, 0);
  cr_assert_eq(uv_listen((uv_stream_t *)&f->listener, 128, on_caller), 0);
  name_url(f);
}

static void on_listener_closed(uv_handle_t *handle) {
  struct forwarder *f = handle->data;
  f->closed = true;
}

void forwarder_close(struct forwarder *f) {
  uv_close((uv_handle_t *)&f->listener, on_listener_closed);
  forwarder_cut(f);
  UNTIL(f->host, f->closed && f->pairs == NULL);
}

void forwarder_cut(struct forwarder *f) {
  for (struct pair *pair = f->pairs; pair != NULL; pair = pair->next)
    cut(pair);
}

void forwarder_hold(struct forwarder *f) {
  f->held = true;
}

void forwarder_release(struct forwarder *f) {
  f->held = false;
  for (struct pair *pair = f->pairs; pair != NULL; pair = pair->next)
    if (!pair->started && !pair->cut)
      start(pair);
}

void forwarder_freeze(struct forwarder *f) {
  for (struct pair *pair = f->pairs; pair != NULL; pair = pair->next)
    for (int i = 0; i < 2 && pair->linked && !pair->cut; i++)
      uv_read_stop((uv_stream_t *)&pair->side[i]);
}
