#include "client/link.h"

#include "base/alloc.h"
#include "client/log.h"
#include "client/pump.h"
#include "client/remote.h"
#include "client/report.h"
#include "client/secure.h"
#include "client/stay.h"
#include "client/verdict.h"
#include "net/route.h"
#include "net/security.h"
#include <assert.h>
#include <string.h>

static void enter(uvmqtt_t *m, uvmqtt_state_t next) {
  static const uint8_t successors[] = {
#define TO(state) (1u << UVMQTT_STATE_##state)
      [UVMQTT_STATE_CONNECTING] = TO(ONLINE) | TO(DISCONNECTING) | TO(WAITING) |
                                  TO(OFFLINE) | TO(CLOSED),
      [UVMQTT_STATE_OFFLINE] = TO(CONNECTING) | TO(WAITING) | TO(CLOSED),
      [UVMQTT_STATE_ONLINE] = TO(DISCONNECTING) | TO(CLOSED),
      [UVMQTT_STATE_DISCONNECTING] =
          TO(WAITING) | TO(CONNECTING) | TO(OFFLINE) | TO(CLOSED),
      [UVMQTT_STATE_WAITING] = TO(CONNECTING) | TO(OFFLINE) | TO(CLOSED),
#undef TO
  };
  uvmqtt_state_t from = m->state;
  assert(successors[from] >> next & 1);
  (void)successors;
  m->state = next;
  um_timings_look(m);
  m->deadline = UM_NEVER;
  m->overdue = false;
  if (next != UVMQTT_STATE_CONNECTING && next != UVMQTT_STATE_WAITING)
    um_loop_done_asking(m->loop, m);
  um_report_state(m, from);
}

static uint64_t random64(void) {
  uint64_t r = 0;
  if (uv_random(NULL, NULL, &r, sizeof r, 0, NULL))
    r = uv_hrtime();
  return r;
}

static void close_stream(uvmqtt_t *m) {
  m->stream_closing = true;
  m->throttled = m->not_reading = m->ws_asked = false;
  m->write_error = 0;
  m->stream->ops->close(m->stream);
}

/* Opening. */

static size_t servers_of(const uvmqtt_t *m,
                         struct um_server ret[UM_SERVERS_MAX]) {
  static const struct um_servers none = {.n = 0};
  const struct um_url *first = um_redirect_target(m);
  bool redirected = first != &m->options.url;
  return um_servers_list(first, redirected ? &none : &m->options.servers, ret);
}

static int make_stream(uvmqtt_t *m) {
  struct um_server servers[UM_SERVERS_MAX];
  struct um_way_route way;
  struct um_route route = {
      .turns = &m->loop->turns,
      .servers = servers,
      .n_servers = servers_of(m, servers),
      .address_timeout = m->options.shared->address_timeout,
      .attempt_delay = m->options.shared->attempt_delay,
      .resolve_timeout = m->options.shared->resolve_timeout,
      .names =
          m->lookups != NULL ? &m->lookups->names : &m->loop->resolver.names,
      .grudges = &m->loop->grudges,
      .socket = um_socket_wishes_of(m),
      .unref = m->handles.unref,
      .read_buffer = uv_buf_init((char *)m->loop->read_buffer, UM_READ_BUFFER),
  };
  um_way_fill(m, um_redirect_target(m), &route, &way);
  int r = um_secure_fill(m, &route);
  return r ? r : um_route_open(&route, &um_pump_up, m, &m->stream);
}

static void wait_again(uvmqtt_t *m, int code);

/* The user had his word. */
static void open_stream(uvmqtt_t *m) {
  int r;
  if (m->closing || !um_prepare_answered(m, &r))
    return;
  if (r == 0)
    r = make_stream(m);
  if (r) {
    wait_again(m, r);
    return;
  }
  m->stream_closing = false;
  m->stream->ops->connect(m->stream);
  um_timings_look(m); /* only now it has a phase */
}

/* When is only known about: those before it may leave or take their time. */
static void stand_in_line(uvmqtt_t *m, uint64_t when) {
  uint64_t now = um_pump_now(m);
  m->kicked = false;
  if (m->state != UVMQTT_STATE_WAITING) {
    m->retry_in = when > now ? (int64_t)(when - now) : 1;
    enter(m, UVMQTT_STATE_WAITING);
  }
  m->deadline = when;
}

static void open_link(uvmqtt_t *m) {
  uint64_t when;
  if (!um_loop_ask(m->loop, m, &when)) {
    stand_in_line(m, when);
    return;
  }
  m->kicked = false;
  m->heard_connack = false;
  m->attempt = m->was_stable ? 1 : m->attempt + 1;
  m->was_stable = false;
  m->stats.attempts++;
  m->n_first = 0;
  um_session_opening(&m->session);
  um_redirect_open(m);
  um_timings_begin(m);
  enter(m, UVMQTT_STATE_CONNECTING);
  um_log_attempt(m);
  if (m->closing)
    return;
  m->connect_by = um_pump_now(m) + m->options.shared->connect_timeout;
  m->deadline = m->connect_by;
  m->phase = UVMQTT_PHASE_CONNECT;
  um_prepare_ask(m);
  open_stream(m);
}

/* Each phase from the handshakes on has its own time, within that of all. */
static void begin_phase(uvmqtt_t *m, int phase, uint32_t ms) {
  uint64_t until = um_pump_now(m) + ms;
  m->phase = phase;
  m->deadline = ms != 0 && until < m->connect_by ? until : m->connect_by;
  m->overdue = false;
}

void um_link_progress(uvmqtt_t *m) {
  um_timings_look(m);
  int phase = m->stream->phase;
  if (m->state == UVMQTT_STATE_CONNECTING && phase != m->phase &&
      phase > UVMQTT_PHASE_CONNECT && m->phase != UVMQTT_PHASE_HANDSHAKE)
    begin_phase(m, phase, m->options.shared->handshake_timeout);
}

/* Of the servers that could have been reached, this one. */
static uint64_t server_reached(const uvmqtt_t *m) {
  struct um_server servers[UM_SERVERS_MAX];
  servers_of(m, servers);
  return um_servers_number(um_redirect_target(m)->transport,
                           &servers[m->stream->server], m->options.who.seed);
}

/* The user may close or leave where he is asked; both go on from service. */
static int greet(uvmqtt_t *m) {
  um_session_reached(&m->session, server_reached(m));
  if (!um_secure_enough(m))
    return UVMQTT_EINSECURE;
  um_secure_warn(m);
  if (m->closing || um_is_leaving(m))
    return 0;
  int r = um_session_ask(&m->session);
  if (r || m->closing || um_is_leaving(m))
    return m->closing ? 0 : r;
  return um_session_up(&m->session, um_pump_now(m));
}

void um_link_connected(uvmqtt_t *m) {
  um_link_progress(m);
  begin_phase(m, UVMQTT_PHASE_HANDSHAKE, m->options.shared->connack_timeout);
  int r = greet(m);
  um_timings_look(m);
  if (r)
    um_link_failed(m, r);
  else
    m->stream->ops->read(m->stream, true);
}

void um_link_online(uvmqtt_t *m) {
  m->heard_connack = true;
  um_grudge_forget(&m->loop->grudges, m->stream->address);
  m->online_since = um_pump_now(m);
  m->stats.connects++;
  um_report_clear(m);
  enter(m, UVMQTT_STATE_ONLINE);
  um_timings_end(m, &m->stats.timings);
  const struct um_security *tls = m->stream->security;
  m->stats.tls_resumed += tls != NULL && tls->resumed;
}

/* Ending. */

static bool was_stable(const uvmqtt_t *m, uint64_t now) {
  return m->heard_connack &&
         now - m->online_since >= m->options.shared->reconnect_stable;
}

static int64_t next_delay(uvmqtt_t *m, int code) {
  uint64_t now = um_pump_now(m);
  if (was_stable(m, now)) {
    um_backoff_reset(&m->backoff);
    m->was_stable = true;
    um_redirect_stable(m);
  }
  um_verdict_count(m, code, now);
  bool redirected = um_redirect_ended(m, code);
  if (!redirected && !m->was_stable && m->stream != NULL)
    um_way_failed(m);
  bool over = code == UVMQTT_ESTORE; /* it will not be better next time */
  if (m->wanted && m->kicked && !over)
    return 1; /* left and asked for again */
  if (!m->wanted || !m->options.shared->reconnect || over)
    return UVMQTT_OFF;
  if (redirected || (m->session.ending.retry_now && !um_verdict_is_poison(m)))
    return 1;
  enum um_backoff_class c = um_verdict(m, code);
  if (c == UM_BACKOFF_STOP)
    return UVMQTT_OFF;
  return (int64_t)um_backoff_next(&m->backoff, c, random64());
}

/* It connected and then was no good: others first, next time. */
static void remember_failure(uvmqtt_t *m, bool left) {
  bool reached = m->stream->phase > UVMQTT_PHASE_CONNECT ||
                 m->session.state != UM_SESSION_DOWN;
  if (reached && !left && !m->session.ending.retry_now &&
      m->state == UVMQTT_STATE_CONNECTING)
    um_grudge_bear(&m->loop->grudges, m->stream->address, um_pump_now(m));
}

/* Says the last word, if there is one, and cuts. */
static void cut(uvmqtt_t *m, int code) {
  if (m->session.state == UM_SESSION_FAILED)
    um_pump_write(m); /* DISCONNECT with the reason, best effort */
  um_session_down(&m->session, um_pump_now(m), code);
  if (!m->stream_closing)
    close_stream(m);
}

/* After this the wish to be online is over when there are no more attempts. */
static void decide(uvmqtt_t *m, int code) {
  m->retry_in = next_delay(m, code);
  if (m->retry_in == UVMQTT_OFF)
    m->wanted = false;
  um_leave_unwanted(m);
}

/* Wanted again by a uvmqtt_connect that came while it ended: not at speed
 * either. */
static void choose_delay(uvmqtt_t *m) {
  enum um_backoff_class c = um_backoff_class_of(m->last.code, m->last.reason);
  if (m->retry_in == UVMQTT_OFF)
    m->retry_in = (int64_t)um_backoff_next(&m->backoff, c, random64());
}

static void pause_or_rest(uvmqtt_t *m) {
  if (!m->wanted) {
    enter(m, UVMQTT_STATE_OFFLINE);
    return;
  }
  choose_delay(m);
  enter(m, UVMQTT_STATE_WAITING);
  m->deadline = um_pump_now(m) + (uint64_t)m->retry_in;
}

/* The attempt ended before there was a stream that had to be closed. Who is
 * told so is told before it waits, so that connecting again there means no
 * more than after any other end. */
static void wait_again(uvmqtt_t *m, int code) {
  bool left = m->leave.asked && code == UV_ECANCELED;
  um_loop_done_asking(m->loop, m);
  um_report_error(m, left ? 0 : code, um_report_phase(m));
  um_prepare_forget(m);
  decide(m, code);
  um_report_disconnect(m, false);
  if (!m->closing)
    pause_or_rest(m);
  um_loop_mark(m->loop, m); /* to leave */
}

void um_link_failed(uvmqtt_t *m, int code) {
  bool was_online = m->state == UVMQTT_STATE_ONLINE;
  bool left = m->session.state == UM_SESSION_LEAVING ||
              (m->leave.asked && code == UV_ECANCELED);
  if (m->closing || m->stream_closing)
    return;
  if (m->stream == NULL) {
    if (m->state == UVMQTT_STATE_CONNECTING)
      wait_again(m, code);
    return;
  }
  um_link_progress(m);
  um_report_error(m, left ? 0 : code, um_report_phase(m));
  remember_failure(m, left);
  cut(m, code);
  decide(m, code);
  if (um_is_leaving(m) && !left && m->leave.status == 0 && was_online)
    m->leave.status = code;
  enter(m, UVMQTT_STATE_DISCONNECTING);
  um_report_disconnect(m, was_online);
}

void um_link_rest(uvmqtt_t *m) {
  assert(m->state == UVMQTT_STATE_WAITING);
  enter(m, UVMQTT_STATE_OFFLINE);
}

static void wait_or_rest(uvmqtt_t *m) {
  bool at_once = m->kicked || m->last.code == 0; /* we left: no back-off */
  if (m->wanted && at_once)
    open_link(m);
  else
    pause_or_rest(m);
}

void um_link_closed(uvmqtt_t *m) {
  m->stream = NULL;
  m->stream_closing = false;
  if (!m->closing && !m->leave.draining)
    um_leave_finish(m, 0);
  if (!m->closing)
    wait_or_rest(m);
  um_loop_mark(m->loop, m);
}

static void step_connect(uvmqtt_t *m) {
  bool called = m->kicked || um_turn_in_line(&m->turn);
  if (m->state == UVMQTT_STATE_OFFLINE ||
      (m->state == UVMQTT_STATE_WAITING && called))
    open_link(m);
  else if (m->state == UVMQTT_STATE_CONNECTING)
    open_stream(m); /* if the user has answered */
}

void um_link_step(uvmqtt_t *m) {
  if (m->write_error && m->stream != NULL && !m->stream_closing)
    um_link_failed(m, m->write_error);
  um_leave_step(m);
  if (!m->closing && !um_is_leaving(m) && m->wanted)
    step_connect(m);
}

/* Time. */

uint64_t um_link_deadline(const uvmqtt_t *m) {
  uint64_t d = m->deadline;
  if (m->leave.asked && m->leave.deadline < d)
    d = m->leave.deadline;
  return d;
}

/* No verdict before the socket had a chance to be read: once more around. */
static bool is_overdue(uvmqtt_t *m, uint64_t now) {
  if (m->deadline > now)
    return false;
  if (m->overdue)
    return true;
  m->overdue = true;
  m->deadline = now + 1;
  return false;
}

static void tick_state(uvmqtt_t *m, uint64_t now) {
  if (m->state == UVMQTT_STATE_CONNECTING && is_overdue(m, now))
    um_link_failed(m, UV_ETIMEDOUT);
  else if (m->state == UVMQTT_STATE_WAITING && m->deadline <= now)
    open_link(m);
}

static void tick_stream(uvmqtt_t *m, uint64_t now) {
  if (m->stream == NULL || m->stream_closing)
    return;
  if (m->stream->deadline <= now)
    m->stream->ops->tick(m->stream);
}

static void tick_stay(uvmqtt_t *m, uint64_t now) {
  if (um_stay_stalled(m, now))
    um_link_failed(m, UVMQTT_ESTALLED);
}

static void tick_session(uvmqtt_t *m, uint64_t now) {
  int r = um_session_tick(&m->session, now);
  if (r)
    um_link_failed(m, r);
}

void um_link_tick(uvmqtt_t *m) {
  static void (*const parts[])(uvmqtt_t *, uint64_t) = {
      tick_stream, tick_session, tick_stay, um_leave_tick, tick_state};
  uint64_t now = um_pump_now(m);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !m->closing; i++)
    parts[i](m, now);
}

/* After uvmqtt_close. */

static void on_left(uvmqtt_t *m) {
  uvmqtt_close_cb cb = m->close_cb;
  void *arg = m->close_arg;
  um_redirect_done(m);
  um_report_clear(m);
  um_lookups_done(m->lookups);
  um_options_done(&m->options);
  um_free(m->stopwatch);
  um_free(m);
  if (cb != NULL)
    cb(arg);
}

/* The stream and the timer close side by side; the last one ends it. */
static void maybe_leave_loop(uvmqtt_t *m) {
  if (m->handles_closed && m->stream == NULL)
    um_loop_leave(m->loop, m, on_left);
}

static void on_handles_closed(void *arg) {
  uvmqtt_t *m = arg;
  m->handles_closed = true;
  maybe_leave_loop(m);
}

static void cancel_all(uvmqtt_t *m) {
  um_session_cancel_all(&m->session, UV_ECANCELED);
  um_session_down(&m->session, um_pump_now(m), 0);
  um_session_settle(&m->session);
  um_leave_finish(m, UV_ECANCELED);
  um_remote_shut(m);
  um_session_done(&m->session);
}

void um_link_tear_down(uvmqtt_t *m) {
  if (m->torn_down) {
    maybe_leave_loop(m);
    return;
  }
  m->torn_down = true;
  m->state = UVMQTT_STATE_CLOSED;
  um_loop_done_asking(m->loop, m);
  if (m->stream != NULL && !m->stream_closing)
    close_stream(m);
  cancel_all(m);
  um_handles_close(&m->handles, on_handles_closed);
}
