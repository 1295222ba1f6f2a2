#include "sim/link.h"

#include "sim/pump.h"
#include "sim/world.h"

#define POISON_AFTER 5u
#define POISON_WITHIN 10000u
#define LINGER 1000u
#define FOLLOW_MAX 5u

static uint64_t now_of(const struct world *w) {
  return w->clock.now;
}

static void enter(struct world *w, enum link_state next) {
  struct driver *d = &w->driver;
  note(w, "link: %llu -> %llu", d->state, next, 0);
  d->state = next;
  d->deadline = UM_NEVER;
  d->overdue = false;
}

static void finish_leave(struct world *w, int status) {
  struct driver *d = &w->driver;
  struct leave leave = d->leave;
  if (!leave.asked)
    return;
  memset(&d->leave, 0, sizeof d->leave);
  d->leave.deadline = UM_NEVER;
  app_left(w, &leave, leave.status ? leave.status : status,
           um_session_left(&d->session));
}

static void end_drain(struct driver *d, int status) {
  d->leave.draining = false;
  d->leave.status = status;
  d->wanted = d->kicked = d->leave.again;
}

/* client/redirect.c */

unsigned link_target(const struct driver *d) {
  const struct redirect *r = &d->redirect;
  return r->detour ? r->detour_to : r->moved ? r->moved_to : 0;
}

bool link_knows_secrets(const struct driver *d) {
  const struct redirect *r = &d->redirect;
  return r->detour ? r->detour_secrets : !r->moved || r->moved_secrets;
}

static void end_detour(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->redirect.detour || d->session.ending.retry_now)
    return;
  d->redirect.detour = false;
}

static bool is_redirected(const struct driver *d, int code) {
  const struct um_ending *e = &d->session.ending;
  bool goes_on = d->wanted && !link_is_leaving(d);
  return goes_on && !d->closing && code == e->code &&
         e->server_reference != NULL;
}

static bool is_loop(struct world *w) {
  struct driver *d = &w->driver;
  if (d->redirect.in_a_row < FOLLOW_MAX)
    return false;
  memset(&d->redirect, 0, sizeof d->redirect);
  return true;
}

static void follow(struct world *w, bool permanent, bool secrets) {
  struct redirect *r = &w->driver.redirect;
  unsigned to = (unsigned)roll(w, SERVERS);
  if (permanent) {
    r->moved = true;
    r->moved_to = to;
    r->moved_secrets = secrets;
  } else {
    r->detour = true;
    r->detour_to = to;
    r->detour_secrets = secrets;
  }
  r->in_a_row++;
}

static bool redirect_ended(struct world *w, int code) {
  struct driver *d = &w->driver;
  end_detour(w);
  if (!is_redirected(d, code) || is_loop(w))
    return false;
  uvmqtt_redirect_verdict_t verdict = app_redirected(w);
  if (d->closing || !d->wanted || verdict == UVMQTT_REDIRECT_IGNORE)
    return false;
  follow(w, d->session.ending.reason == UVMQTT_REASON_SERVER_MOVED,
         verdict == UVMQTT_REDIRECT_FOLLOW_WITH_CREDENTIALS);
  return true;
}

/* Opening. */

static void open_link(struct world *w) {
  struct driver *d = &w->driver;
  d->kicked = false;
  d->heard_connack = false;
  d->attempt = d->was_stable ? 1 : d->attempt + 1;
  d->was_stable = false;
  d->error_code = 0;
  d->error_reason = 0;
  um_session_opening(&d->session);
  w->driver.who.withheld = !link_knows_secrets(&w->driver);
  judge_attempt(w);
  d->has_stream = true;
  d->stream_closing = false;
  d->busy = false;
  enter(w, CONNECTING);
  d->connect_by = now_of(w) + w->climate.connect_timeout;
  d->deadline = d->connect_by;
  d->conn = net_connect(w);
}

/* Each phase has its own time, within that of all. */
static void begin_phase(struct world *w, uint32_t ms) {
  struct driver *d = &w->driver;
  uint64_t until = now_of(w) + ms;
  d->deadline = ms != 0 && until < d->connect_by ? until : d->connect_by;
  d->overdue = false;
}

static int greet(struct world *w) {
  struct driver *d = &w->driver;
  um_session_reached(&d->session, link_target(d));
  if (d->closing || link_is_leaving(d))
    return 0;
  int r = um_session_ask(&d->session);
  if (r || d->closing || link_is_leaving(d))
    return d->closing ? 0 : r;
  return um_session_up(&d->session, now_of(w));
}

void link_connected(struct world *w) {
  struct driver *d = &w->driver;
  judge_opened(w, d->conn);
  begin_phase(w, w->climate.connack_timeout);
  int r = greet(w);
  if (r)
    link_failed(w, r);
  else
    net_read(w, pump_stream(w), true);
}

void link_online(struct world *w) {
  struct driver *d = &w->driver;
  d->heard_connack = true;
  d->online_since = now_of(w);
  w->reconnects++;
  enter(w, ONLINE);
}

/* Ending. */

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
    d->redirect.in_a_row = 0;
  }
  bool poison = is_poison(w, code);
  bool redirected = redirect_ended(w, code);
  bool over = code == UVMQTT_ESTORE;
  if (d->wanted && d->kicked && !over)
    return 1;
  if (!d->wanted || over)
    return UVMQTT_OFF;
  if (redirected || (d->session.ending.retry_now && !poison))
    return 1;
  enum um_backoff_class c =
      poison ? UM_BACKOFF_POISON
             : um_backoff_class_of(code, d->session.ending.reason);
  int64_t delay = (int64_t)um_backoff_next(&d->backoff, c, prng_next(&w->prng));
  judge_delay(w, delay);
  return delay;
}

static void cut(struct world *w, int code) {
  struct driver *d = &w->driver;
  if (d->session.state == UM_SESSION_FAILED)
    pump_write(w);
  um_session_down(&d->session, now_of(w), code);
  if (!d->stream_closing)
    pump_close_stream(w);
}

static void decide(struct world *w, int code) {
  w->driver.retry_in = next_delay(w, code);
  if (w->driver.retry_in == UVMQTT_OFF)
    w->driver.wanted = false;
}

/* um_report_error */
static void note_error(struct driver *d, int code) {
  d->error_code = code;
  d->error_reason =
      d->session.ending.code == code ? d->session.ending.reason : 0;
}

void link_failed(struct world *w, int code) {
  struct driver *d = &w->driver;
  bool was_online = d->state == ONLINE;
  bool left = d->session.state == UM_SESSION_LEAVING ||
              (d->leave.asked && code == UM_ECANCELED);
  if (d->closing || !d->has_stream || d->stream_closing)
    return;
  note(w, "link: failed with -%llu, server's reason %llu", (uint64_t)-code,
       d->session.ending.reason, 0);
  note_error(d, left ? 0 : code);
  judge_failed(w, code);
  if (left)
    judge_kicked(w);
  cut(w, code);
  decide(w, code);
  if (d->leave.draining && !d->wanted)
    end_drain(d, 0);
  if (link_is_leaving(d) && !left && d->leave.status == 0 && was_online)
    d->leave.status = code;
  enter(w, DISCONNECTING);
  app_disconnected(w, d->error_code);
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

void link_closed(struct world *w) {
  struct driver *d = &w->driver;
  d->has_stream = d->stream_closing = false;
  if (!d->torn_down) {
    if (!d->leave.draining)
      finish_leave(w, 0);
    if (!d->closing)
      wait_or_rest(w);
  }
  pump_mark(w);
}

/* Leaving. */

static void leave_now(struct world *w) {
  struct driver *d = &w->driver;
  um_session_leave(&d->session, now_of(w), d->leave.reason, NULL, 0);
  if (now_of(w) + LINGER < d->leave.deadline)
    d->leave.deadline = now_of(w) + LINGER;
  pump_mark(w);
}

static bool may_leave(const struct driver *d) {
  return d->session.state == UM_SESSION_UP &&
         (d->leave.mode == UVMQTT_DISCONNECT_NOW || d->leave.status != 0 ||
          (um_session_flushed(&d->session) && !d->busy));
}

static bool has_left(const struct driver *d) {
  return d->session.state == UM_SESSION_LEAVING && d->session.out.len == 0 &&
         !d->busy;
}

bool link_wants_step(const struct driver *d) {
  if (!d->leave.asked || d->state != ONLINE || d->stream_closing)
    return false;
  if (d->leave.draining)
    return um_session_drained(&d->session);
  return may_leave(d) || has_left(d);
}

static void step_drain(struct driver *d) {
  if (um_session_drained(&d->session) || !d->wanted)
    end_drain(d, 0);
}

static void step_online(struct world *w) {
  struct conn *c = pump_stream(w);
  if (may_leave(&w->driver))
    leave_now(w);
  else if (has_left(&w->driver) && c != NULL)
    net_finish(w, c);
}

static void step_leave(struct world *w) {
  switch (w->driver.state) {
  case OFFLINE:
    finish_leave(w, 0);
    break;
  case WAITING:
    enter(w, OFFLINE);
    if (!w->driver.closing)
      finish_leave(w, 0);
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

static void step_connect(struct world *w) {
  struct driver *d = &w->driver;
  if (d->state == OFFLINE || (d->state == WAITING && d->kicked))
    open_link(w);
}

void link_step(struct world *w) {
  struct driver *d = &w->driver;
  if (d->write_error && d->has_stream && !d->stream_closing)
    link_failed(w, d->write_error);
  if (d->leave.draining)
    step_drain(d);
  if (link_is_leaving(d))
    step_leave(w);
  if (!d->closing && !link_is_leaving(d) && d->wanted)
    step_connect(w);
}

/* Time. */

uint64_t link_deadline(const struct driver *d) {
  uint64_t when = d->deadline;
  if (d->leave.asked && d->leave.deadline < when)
    when = d->leave.deadline;
  return when;
}

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

static void tick_session(struct world *w) {
  int r = um_session_tick(&w->driver.session, now_of(w));
  if (r)
    link_failed(w, r);
}

static void tick_drain(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->leave.draining || now_of(w) < d->leave.deadline)
    return;
  end_drain(d, UM_ETIMEDOUT);
  d->leave.deadline = now_of(w) + LINGER;
}

static void tick_leave(struct world *w) {
  struct driver *d = &w->driver;
  if (!d->leave.asked || now_of(w) < d->leave.deadline || !d->has_stream)
    return;
  if (d->session.state != UM_SESSION_LEAVING)
    d->leave.status = UM_ETIMEDOUT;
  link_failed(w, UM_ETIMEDOUT);
}

static void tick_state(struct world *w) {
  struct driver *d = &w->driver;
  if (d->state == CONNECTING && is_overdue(w))
    link_failed(w, UM_ETIMEDOUT);
  else if (d->state == WAITING && d->deadline <= now_of(w))
    open_link(w);
}

void link_tick(struct world *w) {
  static void (*const parts[])(struct world *) = {tick_session, tick_drain,
                                                  tick_leave, tick_state};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (!w->driver.closing)
      parts[i](w);
}

/* Closing. */

void link_tear_down(struct world *w) {
  struct driver *d = &w->driver;
  if (d->torn_down)
    return;
  d->torn_down = true;
  d->state = CLOSED;
  if (d->has_stream && !d->stream_closing)
    pump_close_stream(w);
  um_session_cancel_all(&d->session, UM_ECANCELED);
  um_session_down(&d->session, now_of(w), 0);
  um_session_settle(&d->session);
  finish_leave(w, UM_ECANCELED);
  um_session_done(&d->session);
  um_commons_done(&d->commons);
  d->alive = false;
  app_closed(w);
}
