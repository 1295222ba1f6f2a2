#include "sim/pump.h"

#include "sim/link.h"
#include "sim/world.h"

#define ROUNDS_MAX 16u
#define HIGH_WATER (1024u * 1024)
#define LOW_WATER (256u * 1024)

static void service(struct world *w);

static uint64_t now_of(const struct world *w) {
  return w->clock.now;
}

/* client/loop.c */

void pump_enter_loop(struct driver *d) {
  d->depth++;
}

static void on_turn(struct world *w, void *arg, uint64_t n);

static void ask_for_turn(struct world *w) {
  struct driver *d = &w->driver;
  if (d->turning || !d->dirty)
    return;
  d->turning = true;
  at(w, now_of(w), on_turn, NULL, d->life);
}

void pump_exit_loop(struct world *w) {
  struct driver *d = &w->driver;
  if (d->depth == 1 && d->dirty) {
    d->dirty = false;
    service(w);
  }
  if (--d->depth == 0)
    ask_for_turn(w);
}

static void on_turn(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life != w->driver.life)
    return;
  w->driver.turning = false;
  pump_enter_loop(&w->driver);
  pump_exit_loop(w);
}

void pump_mark(struct world *w) {
  w->driver.dirty = true;
  if (w->driver.depth == 0)
    ask_for_turn(w);
}

/* The stream. */

struct conn *pump_stream(struct world *w) {
  return w->driver.has_stream ? net_find(w, w->driver.conn) : NULL;
}

static void on_closed(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life != w->driver.life || !w->driver.stream_closing)
    return;
  pump_enter_loop(&w->driver);
  link_closed(w);
  pump_exit_loop(w);
}

void pump_close_stream(struct world *w) {
  struct driver *d = &w->driver;
  struct conn *c = pump_stream(w);
  judge_closed(w, d->conn);
  d->stream_closing = true;
  d->throttled = d->not_reading = false;
  d->write_error = 0;
  d->busy = false;
  bytes_clear(&d->kept);
  if (c != NULL)
    net_close(w, c);
  at(w, now_of(w), on_closed, NULL, d->life);
}

/* What the kernel takes of the stream's own bytes. */
static size_t flush_kept(struct world *w) {
  struct driver *d = &w->driver;
  struct conn *c = pump_stream(w);
  size_t n = 0;
  if (c != NULL)
    n = net_send(w, c, bytes_head(&d->kept), d->kept.len);
  bytes_drop(&d->kept, n);
  d->busy = d->kept.len != 0;
  return n;
}

/* client/pump.c: the timer. */

static void on_timer(struct world *w, void *arg, uint64_t n) {
  struct driver *d = &w->driver;
  (void)arg;
  if (n != d->timer_life || !d->alive)
    return;
  pump_enter_loop(d);
  d->armed = UM_NEVER;
  link_tick(w);
  pump_mark(w);
  pump_exit_loop(w);
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static void arm(struct world *w) {
  struct driver *d = &w->driver;
  uint64_t when = least(link_deadline(d), um_session_deadline(&d->session));
  if (when == UM_NEVER && d->armed != UM_NEVER) {
    d->timer_life++; /* stopped */
    d->armed = UM_NEVER;
  }
  bool later = d->session.rearm && when != UM_NEVER;
  d->session.rearm = false;
  if (when == d->armed || (when > d->armed && !later))
    return;
  d->armed = when > now_of(w) ? when : now_of(w) + 1;
  at(w, d->armed, on_timer, NULL, ++d->timer_life);
}

/* Bytes out. */

int pump_write(struct world *w) {
  struct driver *d = &w->driver;
  struct um_buf *out = &d->session.out;
  if (out->len == 0 || d->busy)
    return 0;
  judge_write(w, um_buf_head(out), out->len);
  bytes_add(&d->kept, um_buf_head(out), out->len);
  um_buf_consume(out, out->len);
  um_session_written(&d->session, flush_kept(w));
  return 0;
}

static bool may_write(struct world *w) {
  struct driver *d = &w->driver;
  return d->has_stream && !d->stream_closing && d->write_error == 0 &&
         d->session.state != UM_SESSION_DOWN;
}

void pump_relieve(struct world *w) {
  if (w->driver.session.out.len >= UM_OUT_ENOUGH && may_write(w))
    w->driver.write_error = pump_write(w);
}

static bool has_more(struct world *w) {
  return may_write(w) && w->driver.session.out.len != 0 && !w->driver.busy;
}

static void write_out(struct world *w) {
  struct driver *d = &w->driver;
  unsigned i;
  for (i = 0; i < ROUNDS_MAX && may_write(w); i++) {
    d->write_error = um_session_drain(&d->session, now_of(w));
    if (!has_more(w))
      break;
    d->write_error = pump_write(w);
  }
  if (d->session.out.len == 0)
    um_buf_release(&d->session.out);
  if (d->write_error)
    link_failed(w, d->write_error);
  else if (i == ROUNDS_MAX || has_more(w))
    pump_mark(w);
}

static void throttle(struct world *w) {
  struct driver *d = &w->driver;
  if (!may_write(w) || d->session.state == UM_SESSION_GREETING)
    return;
  uint64_t backlog = d->session.appended - d->session.taken;
  d->throttled = d->throttled ? backlog > LOW_WATER : backlog > HIGH_WATER;
}

void pump_steer(struct world *w) {
  struct driver *d = &w->driver;
  bool stop = d->throttled || um_session_paused(&d->session);
  struct conn *c = pump_stream(w);
  if (stop == d->not_reading || !may_write(w) || c == NULL)
    return;
  d->not_reading = stop;
  net_read(w, c, !stop);
}

static void read_on(struct world *w) {
  int r = um_session_read_on(&w->driver.session, now_of(w));
  if (r && !w->driver.closing)
    link_failed(w, r);
  judge_feed_done(w);
}

static void serve_open(struct world *w) {
  struct driver *d = &w->driver;
  um_session_settle(&d->session);
  if (!d->closing)
    link_step(w);
  if (!d->closing)
    read_on(w);
  if (!d->closing && may_write(w)) {
    write_out(w);
    throttle(w);
    pump_steer(w);
    um_session_settle(&d->session);
  }
  if (!d->closing && link_wants_step(d))
    link_step(w);
}

static void service(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->alive)
    return;
  if (!d->closing)
    serve_open(w);
  if (d->closing) {
    link_tear_down(w);
    return;
  }
  if (um_session_unsettled(&d->session))
    pump_mark(w);
  arm(w);
}

/* What the stream says. */

void driver_connected(struct world *w) {
  pump_enter_loop(&w->driver);
  link_connected(w);
  pump_mark(w);
  pump_exit_loop(w);
}

void driver_bytes(struct world *w, uint8_t *data, size_t len) {
  struct driver *d = &w->driver;
  pump_enter_loop(d);
  judge_fed(w);
  int r = um_session_feed(&d->session, now_of(w), data, len);
  if (r && !d->closing)
    link_failed(w, r);
  judge_feed_done(w);
  pump_mark(w);
  pump_exit_loop(w);
}

void driver_writable(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->busy || d->stream_closing || !d->alive)
    return;
  pump_enter_loop(d);
  size_t n = flush_kept(w);
  if (n != 0 && d->session.taken < d->session.ping_end)
    judge_moved(w);
  if (d->session.state != UM_SESSION_DOWN)
    um_session_wrote(&d->session, now_of(w), n);
  pump_mark(w);
  pump_exit_loop(w);
}

void driver_ended(struct world *w, int status) {
  pump_enter_loop(&w->driver);
  link_failed(w, status);
  pump_mark(w);
  pump_exit_loop(w);
}

void driver_stored(struct world *w, uint64_t batch, int status) {
  struct driver *d = &w->driver;
  if (!d->alive)
    return;
  um_session_stored(&d->session, batch, status);
  pump_mark(w);
}
