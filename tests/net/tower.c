#include "tower.h"

#include "base/alloc.h"
#include "support/planted.h"
#include <criterion/criterion.h>
#include <string.h>

/* The layer below all others; tests have one tower at a time. */
static struct tower *builder;

static int lowest(const struct um_route *route, const struct um_chain *below,
                  const struct um_stream_up *up, void *up_arg,
                  struct um_stream **ret) {
  (void)below;
  memstream_new(route->turns, up, up_arg, !route->unref, &builder->m);
  strcpy(builder->m->stream.address, "192.0.2.1:1080");
  *ret = &builder->m->stream;
  return 0;
}

static uint64_t planned; /* failure, in allocations from now */
static bool failed;

static void guard(bool on) {
  static uint64_t left;
  if (planned == 0)
    return;
  if (on) {
    uint64_t calls = um_alloc_calls();
    left = planned > calls ? planned - calls : 0;
    um_alloc_fail_at(0, false);
    return;
  }
  planned = left;
  failed = failed || left == 0;
  um_alloc_fail_at(left, false);
}

void tower_fail_at(uint64_t n) {
  memstream_guard = guard;
  planned = n;
  failed = false;
  um_alloc_fail_at(n, false);
}

bool tower_failed(void) {
  guard(true);
  guard(false);
  return failed;
}

static void hear(struct tower *t, enum heard h) {
  cr_assert(!t->in_call, "called up inside a call down");
  cr_assert(!t->closing || h == CLOSED, "called up after close");
  cr_assert(h == CLOSED || t->count[ENDED] == 0, "called up after ended");
  cr_assert_eq(t->count[CLOSED], 0);
  ++t->count[h];
  if (t->on[h] != NULL)
    t->on[h](t);
}

static void on_progress(void *up) {
  hear(up, PROGRESS);
}

static void on_connected(void *up) {
  hear(up, CONNECTED);
}

static void on_bytes(void *up, uint8_t *data, size_t len) {
  struct tower *t = up;
  cr_assert_gt(len, 0);
  guard(true);
  cr_assert_eq(um_buf_append(&t->got, data, len), 0);
  guard(false);
  memset(data, 0xee, len);
  hear(t, BYTES);
}

static void on_written(void *up, size_t n) {
  struct tower *t = up;
  t->taken += n;
  hear(t, WRITTEN);
}

static void on_ended(void *up, int status) {
  struct tower *t = up;
  cr_assert_lt(status, 0);
  t->status = status;
  if (t->s->fault != NULL) {
    t->fault = *t->s->fault;
    planted_look("the fault", t->fault.text);
    planted_look("the fault's subject", t->fault.subject);
    planted_look("the fault's names", t->fault.names);
  }
  hear(t, ENDED);
}

static void on_closed(void *up) {
  struct tower *t = up;
  cr_assert(t->closing);
  hear(t, CLOSED);
  t->s = NULL;
}

static const struct um_stream_up tower_up_calls = {
    on_progress, on_connected, on_bytes, on_written, on_ended, on_closed,
};

void tower_init(struct tower *t) {
  memset(t, 0, sizeof *t);
  cr_assert_eq(uv_loop_init(&t->loop), 0);
  um_turns_init(&t->turns, &t->loop);
  um_buf_init(&t->got, SIZE_MAX, NULL);
  t->server = (struct um_server){"broker.example", 1883, "/mqtt"};
  t->ws = (struct um_ws_options){.usual_port = 80, .subprotocol = "mqtt"};
  t->proxy = (struct um_proxy){.host = "proxy.example", .port = 1080};
  t->route = (struct um_route){.turns = &t->turns,
                               .servers = &t->server,
                               .n_servers = 1,
                               .proxy = &t->proxy,
                               .ws = &t->ws};
}

int tower_open(struct tower *t, um_layer *const *layers, size_t n) {
  um_layer *all[UM_LAYERS_MAX] = {lowest};
  memcpy(all + 1, layers, n * sizeof *layers);
  builder = t;
  return um_route_open_layers(&t->route, all, n + 1, &tower_up_calls, t, &t->s);
}

void tower_up(struct tower *t, um_layer *const *layers, size_t n) {
  cr_assert_eq(tower_open(t, layers, n), 0);
  tower_connect(t);
  tower_connected(t);
}

void tower_done(struct tower *t) {
  if (t->s != NULL && !t->closing)
    tower_close(t);
  cr_assert_eq(uv_run(&t->loop, UV_RUN_DEFAULT), 0);
  cr_assert(t->closing == (t->count[CLOSED] == 1));
  cr_assert_null(t->m);
  cr_assert_leq(t->count[ENDED], 1);
  cr_assert_eq(uv_loop_close(&t->loop), 0);
  um_buf_done(&t->got);
}

void tower_connect(struct tower *t) {
  t->in_call = true;
  t->s->ops->connect(t->s);
  t->in_call = false;
}

void tower_connected(struct tower *t) {
  memstream_connected(t->m);
}

void tower_read(struct tower *t, bool on) {
  bool outer = t->in_call;
  t->in_call = true;
  t->s->ops->read(t->s, on);
  t->in_call = outer;
}

int tower_write(struct tower *t, const void *data, size_t len) {
  struct um_buf b;
  size_t taken = 0;
  um_buf_init(&b, SIZE_MAX, NULL);
  guard(true);
  cr_assert_eq(um_buf_append(&b, data, len), 0);
  guard(false);
  t->in_call = true;
  int r = t->s->ops->write(t->s, &b, &taken);
  t->in_call = false;
  cr_assert_eq(b.len, 0, "write leaves nothing behind");
  um_buf_done(&b);
  cr_assert(r != 0 || taken == len || t->s->busy);
  t->taken += taken;
  return r;
}

void tower_finish(struct tower *t) {
  t->in_call = true;
  t->s->ops->finish(t->s);
  t->in_call = false;
}

void tower_close(struct tower *t) {
  bool outer = t->in_call;
  t->closing = t->in_call = true;
  t->s->ops->close(t->s);
  t->in_call = outer;
}

void tower_turn(struct tower *t) {
  uv_run(&t->loop, UV_RUN_NOWAIT);
  uv_run(&t->loop, UV_RUN_NOWAIT);
}

static void close_any(uv_handle_t *h, void *arg) {
  (void)arg;
  if (!uv_is_closing(h))
    uv_close(h, NULL);
}

void tower_walk(struct tower *t) {
  uv_walk(&t->loop, close_any, NULL);
}

void tower_feed(struct tower *t, const void *data, size_t len) {
  memstream_feed(t->m, data, len);
}

void tower_feed_text(struct tower *t, const char *text) {
  tower_feed(t, text, strlen(text));
}

static void expect(struct um_buf *b, const void *data, size_t len) {
  cr_assert_eq(b->len, len, "%u bytes instead of %zu: %.*s", b->len, len,
               (int)b->len, b->len == 0 ? "" : (char *)um_buf_head(b));
  cr_assert(len == 0 || memcmp(um_buf_head(b), data, len) == 0,
            "other bytes: %.*s", (int)len, (char *)um_buf_head(b));
  um_buf_consume(b, len);
}

void tower_hears(struct tower *t, const void *data, size_t len) {
  expect(&t->m->out, data, len);
}

void tower_got(struct tower *t, const void *data, size_t len) {
  expect(&t->got, data, len);
}

void tower_got_text(struct tower *t, const char *text) {
  tower_got(t, text, strlen(text));
}
