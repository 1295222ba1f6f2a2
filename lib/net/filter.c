#include "net/filter.h"

#include "base/alloc.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define IN_MAX (16u << 20)   /* one delivery of below, in truth */
#define OWN_MAX (1u << 20)   /* the layer's own words that wait for below */
#define KEEP_MAX (16u << 10) /* memory that an empty buffer keeps */

static struct um_filter *of(struct um_stream *s) {
  return (struct um_filter *)s;
}

/* What the owner may see of below. */
static void mirror(struct um_filter *f) {
  const struct um_stream *b = f->below;
  f->stream.deadline = b->deadline;
  f->stream.loopback = b->loopback;
  memcpy(f->stream.address, b->address, sizeof f->stream.address);
}

/* Below is read while the layer wants it and what it left is used up. */
static void steer(struct um_filter *f) {
  bool on = um_filter_reading(f) && f->in.len == 0 && f->doom == 0;
  f->below->ops->read(f->below, on);
}

/* Writing. */

static void slim(struct um_buf *b) {
  if (b->len == 0 && b->cap > KEEP_MAX)
    um_buf_release(b);
}

static int send_down(struct um_filter *f) {
  size_t taken = 0, len = f->out.len;
  if (f->below->busy || len == 0)
    return 0;
  int r = f->below->ops->write(f->below, &f->out, &taken);
  slim(&f->out);
  f->waiting += len - taken;
  return r;
}

/* Of the owner's bytes, those that are with the kernel by now. None is less
 * than a byte below, so what waits there bounds what can be missing of his; a
 * slow peer must not look like one that is gone. */
static size_t settle(struct um_filter *f) {
  size_t left = f->waiting + f->out.len;
  size_t n = left < f->owed ? f->owed - left : 0;
  f->stream.busy = f->below->busy;
  f->owed -= n;
  if (f->finishing && !f->below->busy && f->out.len == 0)
    f->below->ops->finish(f->below);
  return n;
}

int um_filter_flush(struct um_filter *f) {
  int r = f->state < UM_FILTER_ENDED ? send_down(f) : 0;
  if (f->state == UM_FILTER_UP)
    f->stream.busy = f->below->busy;
  return r;
}

/* Something of the layer's own may still wait for below. */
static int pass_down(struct um_filter *f, struct um_buf *bytes) {
  if (f->out.len == 0) {
    um_buf_swap(&f->out, bytes);
    return 0;
  }
  f->out.secret |= bytes->secret;
  return um_buf_append(&f->out, um_buf_head(bytes), bytes->len);
}

static int write_in_vain(struct um_filter *f, struct um_buf *bytes) {
  um_buf_consume(bytes, bytes->len);
  if (f->state != UM_FILTER_UP)
    return UV_ENOTCONN;
  f->stream.busy = true; /* until the end is told */
  return 0;
}

static int filter_write(struct um_stream *s, struct um_buf *bytes,
                        size_t *ret_taken) {
  struct um_filter *f = of(s);
  *ret_taken = 0;
  assert(f->state == UM_FILTER_UP || f->state == UM_FILTER_ENDED);
  if (f->state != UM_FILTER_UP || f->doom != 0)
    return write_in_vain(f, bytes);
  f->owed += bytes->len;
  int r = f->own->write == NULL ? pass_down(f, bytes) : f->own->write(f, bytes);
  um_buf_consume(bytes, bytes->len);
  if (r == 0)
    r = send_down(f);
  if (r) {
    f->below->ops->read(f->below, false);
    f->state = UM_FILTER_ENDED;
    return r;
  }
  *ret_taken = settle(f);
  return 0;
}

static void on_written(void *up, size_t n) {
  struct um_filter *f = up;
  f->waiting -= n;
  if (f->state >= UM_FILTER_ENDED)
    return;
  int r = send_down(f);
  if (r) {
    um_filter_end(f, r);
    return;
  }
  n = settle(f);
  if (f->state == UM_FILTER_UP && (n > 0 || !f->stream.busy))
    f->stream.up->written(f->stream.up_arg, n);
}

static void filter_finish(struct um_stream *s) {
  struct um_filter *f = of(s);
  if (f->state != UM_FILTER_UP || f->finishing || f->doom != 0)
    return;
  if (f->own->finish != NULL)
    f->own->finish(f);
  f->finishing = true;
  int r = send_down(f);
  if (r)
    um_filter_end_later(f, r);
  else
    settle(f); /* 0: he asks only when not busy */
}

/* Reading. */

/* Gives the layer its bytes; keeps what it does not take. */
static size_t give(struct um_filter *f, uint8_t *data, size_t len) {
  f->giving = true;
  size_t n = f->own->bytes(f, data, len);
  f->giving = false;
  assert(n <= len);
  return n;
}

size_t um_filter_pass(struct um_filter *f, uint8_t *data, size_t len) {
  if (len == 0 || f->state != UM_FILTER_UP || !um_filter_reading(f))
    return 0;
  f->stream.up->bytes(f->stream.up_arg, data, len);
  return len;
}

/* A peer that asks and does not listen. What the owner writes is as large as he
 * likes. */
static bool is_flooded(const struct um_filter *f) {
  return f->out.len > OWN_MAX && f->out.len - OWN_MAX > f->owed;
}

static void after_giving(struct um_filter *f, int r) {
  if (f->state >= UM_FILTER_ENDED)
    return;
  if (r == 0)
    r = um_filter_flush(f);
  if (r == 0 && is_flooded(f))
    r = UV_ENOMEM;
  if (r)
    um_filter_end(f, r);
  else
    steer(f);
}

static void on_bytes(void *up, uint8_t *data, size_t len) {
  struct um_filter *f = up;
  size_t n = give(f, data, len);
  int r = 0;
  if (f->state < UM_FILTER_ENDED && n < len)
    r = um_buf_append(&f->in, data + n, len - n);
  after_giving(f, r);
}

static void tell_doom(struct um_filter *f) {
  int status = f->doom;
  f->doom = 0;
  um_filter_end(f, status);
}

static void on_turn(void *arg) {
  struct um_filter *f = arg;
  if (f->doom != 0) {
    tell_doom(f);
    return;
  }
  if (!um_filter_reading(f) || f->giving)
    return;
  um_buf_consume(&f->in, give(f, um_buf_head(&f->in), f->in.len));
  slim(&f->in);
  after_giving(f, 0);
}

static void filter_read(struct um_stream *s, bool on) {
  struct um_filter *f = of(s);
  bool was_paused = f->paused;
  if (f->state != UM_FILTER_UP)
    return;
  f->paused = !on;
  if (on && was_paused)
    um_handles_turn(&f->handles, on_turn);
  steer(f);
}

/* Opening. */

static void on_progress(void *up) {
  struct um_filter *f = up;
  mirror(f);
  f->stream.phase = f->below->phase;
  f->stream.up->progress(f->stream.up_arg);
}

static void on_connected(void *up) {
  struct um_filter *f = up;
  mirror(f);
  f->stream.phase = f->phase;
  f->stream.server = f->below->server;
  f->stream.security = f->below->security;
  f->stream.up->progress(f->stream.up_arg);
  if (f->state == UM_FILTER_OPENING)
    f->own->opened(f);
  after_giving(f, 0);
}

void um_filter_connected(struct um_filter *f) {
  assert(f->state == UM_FILTER_OPENING);
  f->state = UM_FILTER_UP;
  f->paused = true; /* until the owner asks */
  f->stream.busy = f->below->busy;
  f->stream.up->connected(f->stream.up_arg);
}

/* Ending. */

void um_filter_end(struct um_filter *f, int status) {
  assert(status < 0);
  if (f->state >= UM_FILTER_ENDED)
    return;
  send_down(f); /* the layer's reason, such as an alert, if it goes at once */
  f->below->ops->read(f->below, false);
  f->stream.deadline = UINT64_MAX;
  f->state = UM_FILTER_ENDED;
  f->stream.up->ended(f->stream.up_arg, status);
}

void um_filter_end_later(struct um_filter *f, int status) {
  if (f->state >= UM_FILTER_ENDED || f->doom != 0)
    return;
  f->doom = status;
  f->below->ops->read(f->below, false);
  um_handles_turn(&f->handles, on_turn);
}

static void on_ended(void *up, int status) {
  struct um_filter *f = up;
  if (f->state >= UM_FILTER_ENDED)
    return;
  if (f->stream.fault == NULL)
    f->stream.fault = f->below->fault;
  if (f->doom != 0)
    status = f->doom; /* what was wrong before is the reason */
  else if (f->own->ended != NULL)
    status = f->own->ended(f, status);
  um_filter_end(f, status);
}

struct um_fault *um_filter_fault(struct um_filter *f) {
  if (f->fault == NULL)
    f->fault = um_calloc(1, sizeof *f->fault);
  if (f->fault != NULL)
    f->fault->alert = -1;
  f->stream.fault = f->fault;
  return f->fault;
}

void um_filter_explain(struct um_filter *f, int status, const char *text,
                       const char *more) {
  struct um_fault *fault = um_filter_fault(f);
  if (fault == NULL)
    return;
  fault->status = status;
  snprintf(fault->text, sizeof fault->text, "%s%s%s", text,
           *more == '\0' ? "" : ": ", more);
}

/* Closing: below first, then our turns, whichever takes longer. */
static void finish_closing(struct um_filter *f) {
  if (f->below != NULL || !f->handles_gone)
    return;
  if (f->own->done != NULL)
    f->own->done(f); /* what it has borrowed may end with the owner's word */
  f->stream.up->closed(f->stream.up_arg);
  um_buf_done(&f->out);
  um_buf_done(&f->in);
  um_free(f->fault);
  um_free(f);
}

static void on_closed(void *up) {
  struct um_filter *f = up;
  f->below = NULL; /* it frees itself */
  finish_closing(f);
}

static void on_handles_closed(void *arg) {
  struct um_filter *f = arg;
  f->handles_gone = true;
  finish_closing(f);
}

static void filter_close(struct um_stream *s) {
  struct um_filter *f = of(s);
  assert(f->state != UM_FILTER_CLOSING);
  f->state = UM_FILTER_CLOSING;
  um_handles_close(&f->handles, on_handles_closed);
  f->below->ops->close(f->below);
}

static void filter_connect(struct um_stream *s) {
  struct um_filter *f = of(s);
  f->below->ops->connect(f->below);
  mirror(f);
  s->phase = f->below->phase;
}

static void filter_tick(struct um_stream *s) {
  struct um_filter *f = of(s);
  f->below->ops->tick(f->below);
  s->deadline = f->below->deadline;
}

static void filter_ref(struct um_stream *s, bool on) {
  struct um_filter *f = of(s);
  um_handles_ref(&f->handles, on);
  f->below->ops->ref(f->below, on);
}

static bool filter_owns(const struct um_stream *s, const uv_handle_t *h) {
  const struct um_filter *f = (const struct um_filter *)s;
  return um_handles_own(&f->handles, h) ||
         (f->below != NULL && f->below->ops->owns(f->below, h));
}

static const struct um_stream_ops filter_ops = {
    .connect = filter_connect,
    .write = filter_write,
    .read = filter_read,
    .finish = filter_finish,
    .close = filter_close,
    .tick = filter_tick,
    .ref = filter_ref,
    .owns = filter_owns,
};

static const struct um_stream_up filter_up = {
    .progress = on_progress,
    .connected = on_connected,
    .bytes = on_bytes,
    .written = on_written,
    .ended = on_ended,
    .closed = on_closed,
};

int um_filter_init(struct um_filter *f, const struct um_filter_ops *own,
                   int phase, const struct um_route *route,
                   const struct um_chain *below, const struct um_stream_up *up,
                   void *up_arg) {
  f->stream.ops = &filter_ops;
  f->stream.up = up;
  f->stream.up_arg = up_arg;
  f->stream.deadline = UINT64_MAX;
  f->own = own;
  f->phase = phase;
  um_handles_init(&f->handles, route->turns, route->unref, f);
  um_buf_init(&f->out, SIZE_MAX, NULL);
  um_buf_init(&f->in, IN_MAX, NULL);
  return um_chain_below(route, below, &filter_up, f, &f->below);
}
