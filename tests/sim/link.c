#include "sim/link.h"

#include "sim/world.h"

#define POISON_AFTER 5u
#define POISON_WITHIN 10000u
#define LINGER 1000u
#define ROUNDS_MAX 16u
#define HIGH_WATER (1024u * 1024)
#define LOW_WATER (256u * 1024)

static void service(struct world *w);
static void open_link(struct world *w);

static uint64_t now_of(const struct world *w) {
  return w->clock.now;
}

static struct conn *stream_of(struct world *w) {
  return w->driver.has_stream ? net_find(w, w->driver.conn) : NULL;
}

/* The loop: client/loop.c for one client. */

void link_enter_loop(struct driver *d) {
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

void link_exit_loop(struct world *w) {
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
  link_enter_loop(&w->driver);
  link_exit_loop(w);
}

void link_mark(struct world *w) {
  w->driver.dirty = true;
  if (w->driver.depth == 0)
    ask_for_turn(w);
}

/* client/link.c */

static void enter(struct world *w, enum link_state next) {
  struct driver *d = &w->driver;
  note(w, "link: %llu -> %llu", d->state, next, 0);
  d->state = next;
  d->deadline = UM_NEVER;
  d->overdue = false;
}

static void finish_leave(struct world *w) {
  memset(&w->driver.leave, 0, sizeof w->driver.leave);
  w->driver.leave.deadline = UM_NEVER;
}

static void link_closed(struct world *w, void *arg, uint64_t life);

static void close_stream(struct world *w) {
  struct driver *d = &w->driver;
  struct conn *c = stream_of(w);
  judge_closed(w, d->conn);
  d->stream_closing = true;
  d->throttled = d->not_reading = false;
  d->write_error = 0;
  d->busy = false;
  bytes_clear(&d->kept);
  if (c != NULL)
    net_close(w, c);
  at(w, now_of(w), link_closed, NULL, d->life);
}

static void open_link(struct world *w) {
  struct driver *d = &w->driver;
  d->kicked = false;
  d->heard_connack = false;
  d->attempt = d->was_stable ? 1 : d->attempt + 1;
  d->was_stable = false;
  judge_attempt(w);
  d->has_stream = true;
  d->stream_closing = false;
  d->busy = false;
  d->conn = net_connect(w);
  enter(w, CONNECTING);
  d->deadline = now_of(w) + w->climate.connect_timeout;
}

static void link_connected(struct world *w) {
  struct driver *d = &w->driver;
  judge_opened(w, d->conn);
  int r = um_session_up(&d->session, now_of(w));
  if (r)
    link_failed(w, r);
  else
    net_read(w, stream_of(w), true);
}

void link_online(struct world *w) {
  struct driver *d = &w->driver;
  d->heard_connack = true;
  d->online_since = now_of(w);
  w->reconnects++;
  enter(w, ONLINE);
}

static bool is_violation(int code) {
  return code <= UVMQTT_EMALFORMED && code > UVMQTT_EREFUSED;
}

static bool was_stable(struct world *w) {
  struct driver *d = &w->driver;
  return d->heard_connack &&
         now_of(w) - d->online_since >= w->climate.reconnect_stable;
}

static bool is_poison(struct world *w, int code) {
  struct driver *d = &w->driver;
  bool soon = d->heard_connack && now_of(w) - d->online_since < POISON_WITHIN;
  bool silent_loss = !d->heard_connack && !is_violation(code);
  if (is_violation(code) && soon)
    d->poisoned++;
  else if (!silent_loss)
    d->poisoned = 0;
  return d->poisoned >= POISON_AFTER;
}

static int64_t next_delay(struct world *w, int code) {
  struct driver *d = &w->driver;
  if (was_stable(w)) {
    um_backoff_reset(&d->backoff);
    d->was_stable = true;
  }
  bool poison = is_poison(w, code);
  if (d->wanted && d->kicked)
    return 1;
  if (!d->wanted)
    return UVMQTT_OFF;
  if (d->session.ending.retry_now && !poison)
    return 1;
  enum um_backoff_class c =
      poison ? UM_BACKOFF_POISON
             : um_backoff_class_of(code, d->session.ending.reason);
  int64_t delay = (int64_t)um_backoff_next(&d->backoff, c, prng_next(&w->prng));
  judge_delay(w, delay);
  return delay;
}

/* Bytes out: pump.c and the writer below it. */

/* What the kernel takes of the stream's own bytes. */
static size_t flush_kept(struct world *w) {
  struct driver *d = &w->driver;
  struct conn *c = stream_of(w);
  size_t n = 0;
  if (c != NULL)
    n = net_send(w, c, bytes_head(&d->kept), d->kept.len);
  bytes_drop(&d->kept, n);
  d->busy = d->kept.len != 0;
  return n;
}

static int pump_write(struct world *w) {
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

static void cut(struct world *w, int code) {
  struct driver *d = &w->driver;
  if (d->session.state == UM_SESSION_FAILED)
    pump_write(w);
  um_session_down(&d->session, now_of(w), code);
  if (!d->stream_closing)
    close_stream(w);
}

static void decide(struct world *w, int code) {
  w->driver.retry_in = next_delay(w, code);
  if (w->driver.retry_in == UVMQTT_OFF)
    w->driver.wanted = false;
}

void link_failed(struct world *w, int code) {
  struct driver *d = &w->driver;
  if (d->closing || !d->has_stream || d->stream_closing)
    return;
  note(w, "link: failed with -%llu, server's reason %llu", (uint64_t)-code,
       d->session.ending.reason, 0);
  bool left = d->session.state == UM_SESSION_LEAVING ||
              (d->leave.asked && code == UM_ECANCELED);
  d->error_code = left ? 0 : code;
  d->error_reason = d->session.ending.reason;
  judge_failed(w, code);
  if (left)
    judge_kicked(w);
  cut(w, code);
  decide(w, code);
  enter(w, DISCONNECTING);
}

static void choose_delay(struct world *w) {
  struct driver *d = &w->driver;
  enum um_backoff_class c = um_backoff_class_of(d->error_code, d->error_reason);
  if (d->retry_in != UVMQTT_OFF)
    return;
  d->retry_in = (int64_t)um_backoff_next(&d->backoff, c, prng_next(&w->prng));
  judge_delay(w, d->retry_in);
}

static void wait_or_rest(struct world *w) {
  struct driver *d = &w->driver;
  if (d->wanted && (d->kicked || d->error_code == 0)) {
    open_link(w);
    return;
  }
  if (!d->wanted) {
    enter(w, OFFLINE);
    return;
  }
  choose_delay(w);
  enter(w, WAITING);
  d->deadline = now_of(w) + (uint64_t)d->retry_in;
}

static void link_closed(struct world *w, void *arg, uint64_t life) {
  struct driver *d = &w->driver;
  (void)arg;
  if (life != d->life || !d->stream_closing)
    return;
  link_enter_loop(d);
  d->has_stream = d->stream_closing = false;
  if (!d->torn_down) {
    finish_leave(w);
    if (!d->closing)
      wait_or_rest(w);
  }
  link_mark(w);
  link_exit_loop(w);
}

static void leave_now(struct world *w) {
  struct driver *d = &w->driver;
  um_session_leave(&d->session, now_of(w), d->leave.reason, NULL, 0);
  if (now_of(w) + LINGER < d->leave.deadline)
    d->leave.deadline = now_of(w) + LINGER;
  link_mark(w);
}

static bool may_leave(struct world *w) {
  struct driver *d = &w->driver;
  return d->session.state == UM_SESSION_UP &&
         (!d->leave.flush || (um_session_flushed(&d->session) && !d->busy));
}

static bool has_left(struct world *w) {
  struct driver *d = &w->driver;
  return d->session.state == UM_SESSION_LEAVING && d->session.out.len == 0 &&
         !d->busy;
}

static bool wants_step(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->leave.asked || d->state != ONLINE || d->stream_closing)
    return false;
  return may_leave(w) || has_left(w);
}

static void step_online(struct world *w) {
  struct conn *c = stream_of(w);
  if (may_leave(w))
    leave_now(w);
  else if (has_left(w) && c != NULL)
    net_finish(w, c);
}

static void step_leave(struct world *w) {
  switch (w->driver.state) {
  case OFFLINE:
    finish_leave(w);
    break;
  case WAITING:
    enter(w, OFFLINE);
    finish_leave(w);
    break;
  case CONNECTING:
    link_failed(w, UM_ECANCELED);
    break;
  case ONLINE:
    step_online(w);
    break;
  default:
    break;
  }
}

static void link_step(struct world *w) {
  struct driver *d = &w->driver;
  if (d->write_error && d->has_stream && !d->stream_closing)
    link_failed(w, d->write_error);
  if (d->leave.asked)
    step_leave(w);
  if (d->closing || d->leave.asked || !d->wanted)
    return;
  if (d->state == OFFLINE || (d->state == WAITING && d->kicked))
    open_link(w);
}

/* Time. */

static bool is_overdue(struct world *w) {
  struct driver *d = &w->driver;
  if (d->deadline > now_of(w))
    return false;
  if (d->overdue)
    return true;
  d->overdue = true;
  d->deadline = now_of(w) + 1;
  return false;
}

static void tick_stream(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->has_stream || d->stream_closing)
    return;
  int r = um_session_tick(&d->session, now_of(w));
  if (r)
    link_failed(w, r);
}

static void tick_leave(struct world *w) {
  struct driver *d = &w->driver;
  if (d->leave.asked && now_of(w) >= d->leave.deadline && d->has_stream)
    link_failed(w, UM_ETIMEDOUT);
}

static void tick_state(struct world *w) {
  struct driver *d = &w->driver;
  if (d->state == CONNECTING && is_overdue(w))
    link_failed(w, UM_ETIMEDOUT);
  else if (d->state == WAITING && d->deadline <= now_of(w))
    open_link(w);
}

static void link_tick(struct world *w) {
  tick_stream(w);
  if (!w->driver.closing)
    tick_leave(w);
  if (!w->driver.closing)
    tick_state(w);
}

static void on_timer(struct world *w, void *arg, uint64_t n) {
  struct driver *d = &w->driver;
  (void)arg;
  if (n != d->timer_life || !d->alive)
    return;
  link_enter_loop(d);
  d->armed = UM_NEVER;
  link_tick(w);
  link_mark(w);
  link_exit_loop(w);
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static void arm(struct world *w) {
  struct driver *d = &w->driver;
  uint64_t when = d->deadline;
  if (d->leave.asked)
    when = least(when, d->leave.deadline);
  if (d->has_stream && !d->stream_closing)
    when = least(when, um_session_deadline(&d->session));
  if (when == UM_NEVER || when >= d->armed)
    return;
  d->armed = when > now_of(w) ? when : now_of(w) + 1;
  at(w, d->armed, on_timer, NULL, ++d->timer_life);
}

/* client/pump.c */

static bool may_write(struct world *w) {
  struct driver *d = &w->driver;
  return d->has_stream && !d->stream_closing && d->write_error == 0 &&
         d->session.state != UM_SESSION_DOWN;
}

void link_relieve(struct world *w) {
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
    link_mark(w);
}

static void throttle(struct world *w) {
  struct driver *d = &w->driver;
  if (!may_write(w) || d->session.state == UM_SESSION_GREETING)
    return;
  uint64_t backlog = d->session.appended - d->session.taken;
  d->throttled = d->throttled ? backlog > LOW_WATER : backlog > HIGH_WATER;
}

void link_steer(struct world *w) {
  struct driver *d = &w->driver;
  bool stop = d->throttled || um_session_paused(&d->session);
  struct conn *c = stream_of(w);
  if (stop == d->not_reading || !may_write(w) || c == NULL)
    return;
  d->not_reading = stop;
  net_read(w, c, !stop);
}

static void read_on(struct world *w) {
  int r = um_session_read_on(&w->driver.session, now_of(w));
  if (r && !w->driver.closing)
    link_failed(w, r);
}

static void tear_down(struct world *w) {
  struct driver *d = &w->driver;
  if (d->torn_down)
    return;
  d->torn_down = true;
  d->state = CLOSED;
  if (d->has_stream && !d->stream_closing)
    close_stream(w);
  um_session_cancel_all(&d->session, UM_ECANCELED);
  um_session_down(&d->session, now_of(w), 0);
  um_session_settle(&d->session);
  um_session_done(&d->session);
  d->alive = false;
  app_closed(w);
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
    link_steer(w);
    um_session_settle(&d->session);
  }
  if (!d->closing && wants_step(w))
    link_step(w);
}

static void service(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->alive)
    return;
  if (!d->closing)
    serve_open(w);
  if (d->closing) {
    tear_down(w);
    return;
  }
  if (um_session_unsettled(&d->session))
    link_mark(w);
  arm(w);
}

void driver_connected(struct world *w) {
  link_enter_loop(&w->driver);
  link_connected(w);
  link_mark(w);
  link_exit_loop(w);
}

void driver_bytes(struct world *w, uint8_t *data, size_t len) {
  struct driver *d = &w->driver;
  link_enter_loop(d);
  judge_fed(w, len);
  int r = um_session_feed(&d->session, now_of(w), data, len);
  if (r && !d->closing)
    link_failed(w, r);
  judge_feed_done(w);
  link_mark(w);
  link_exit_loop(w);
}

void driver_writable(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->busy || d->stream_closing || !d->alive)
    return;
  link_enter_loop(d);
  size_t n = flush_kept(w);
  if (d->session.state != UM_SESSION_DOWN)
    um_session_written(&d->session, n);
  link_mark(w);
  link_exit_loop(w);
}

void driver_ended(struct world *w, int status) {
  link_enter_loop(&w->driver);
  link_failed(w, status);
  link_mark(w);
  link_exit_loop(w);
}

void driver_stored(struct world *w, uint64_t batch) {
  struct driver *d = &w->driver;
  if (!d->alive)
    return;
  um_session_stored(&d->session, batch);
  link_mark(w);
}
