#include "client/pump.h"

#include "base/alloc.h"
#include "client/link.h"
#include "client/log.h"
#include "client/remote.h"
#include "client/stay.h"
#include <assert.h>
#include <string.h>

#define ROUNDS_MAX 16u /* writes of 64 KiB in one turn of the loop */
#define HIGH_WATER (1024u * 1024)
#define LOW_WATER (256u * 1024)

uint64_t um_pump_now(const uvmqtt_t *m) {
  uint64_t now = uv_now(m->loop->uv), clock = uv_hrtime() / 1000000;
  return clock > now ? clock : now;
}

static uint64_t now_of(const uvmqtt_t *m) {
  return uv_now(m->loop->uv);
}

/* The timer. */

static void on_timer(uv_timer_t *timer) {
  uvmqtt_t *m = timer->data;
  um_loop_enter(m->loop);
  m->armed = UM_NEVER;
  um_link_tick(m);
  um_loop_mark(m->loop, m);
  um_loop_exit(m->loop);
}

static int open_timer(uvmqtt_t *m) {
  if (m->timer != NULL)
    return 0;
  uv_timer_t *timer = um_handle_alloc(sizeof *timer);
  if (timer == NULL)
    return UV_ENOMEM;
  uv_timer_init(m->loop->uv, timer); /* cannot fail */
  timer->data = m;
  um_handles_add(&m->handles, timer);
  m->timer = timer;
  return 0;
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t deadline(const uvmqtt_t *m) {
  uint64_t d = least(um_link_deadline(m), um_session_deadline(&m->session));
  d = least(d, um_stay_deadline(m));
  if (m->stream != NULL && !m->stream_closing)
    d = least(d, m->stream->deadline);
  return d;
}

/* Lazily: a timer that fires too early costs one look, one that is set anew
 * for every packet costs more; only CONNACK and PINGRESP move it to a later
 * time. Never 0 ms: libuv 1.44 would spin. */
static void arm(uvmqtt_t *m) {
  if (m->timer == NULL || !um_handle_open(m->timer))
    return; /* not opened yet, or the host has closed it */
  uint64_t at = deadline(m), now = um_pump_now(m);
  if (at == UM_NEVER && m->armed != UM_NEVER) {
    uv_timer_stop(m->timer);
    m->armed = UM_NEVER;
  }
  bool later = m->session.rearm && at != UM_NEVER;
  m->session.rearm = false;
  if (at == m->armed || (at > m->armed && !later))
    return;
  uint64_t base = uv_now(m->loop->uv);
  uint64_t due = at > now ? at : now + 1;
  uv_timer_start(m->timer, on_timer, due - base, 0);
  m->armed = due;
}

int um_pump_want(uvmqtt_t *m) {
  int r = open_timer(m);
  if (r)
    return r;
  um_loop_mark(m->loop, m);
  return 0;
}

/* Bytes out. */

int um_pump_write(uvmqtt_t *m) {
  struct um_buf *out = &m->session.out;
  size_t taken = 0;
  if (out->len == 0 || m->stream->busy)
    return 0;
  int r = m->stream->ops->write(m->stream, out, &taken);
  if (r)
    return r;
  m->stats.writes++;
  m->stats.bytes_sent += taken;
  um_session_written(&m->session, taken);
  um_stay_wrote(m);
  return 0;
}

/* Online or on the way there, with a stream that may be written to. */
static bool may_write(const uvmqtt_t *m) {
  return m->stream != NULL && !m->stream_closing && m->write_error == 0 &&
         m->session.state != UM_SESSION_DOWN;
}

void um_pump_relieve(uvmqtt_t *m) {
  if (m->session.out.len >= UM_OUT_ENOUGH && may_write(m))
    m->write_error = um_pump_write(m);
}

static bool has_more(const uvmqtt_t *m) {
  return may_write(m) && m->session.out.len != 0 && !m->stream->busy;
}

static void write_out(uvmqtt_t *m) {
  unsigned i;
  for (i = 0; i < ROUNDS_MAX && may_write(m); i++) {
    m->write_error = um_session_drain(&m->session, now_of(m));
    if (!has_more(m))
      break;
    m->write_error = um_pump_write(m);
  }
  if (m->session.out.len == 0)
    um_buf_release(&m->session.out);
  if (m->write_error)
    um_link_failed(m, m->write_error);
  else if (i == ROUNDS_MAX || has_more(m)) /* there may be more queued */
    um_loop_mark(m->loop, m);
}

/* A peer that does not read our acknowledgements gets no more to acknowledge
 * ([MQTT-4.5.0-2/both] would fill our memory). */
static void throttle(uvmqtt_t *m) {
  if (!may_write(m) || m->session.state == UM_SESSION_GREETING)
    return;
  uint64_t backlog = m->session.appended - m->session.taken;
  bool on = m->throttled ? backlog > LOW_WATER : backlog > HIGH_WATER;
  m->throttled = on;
}

void um_pump_steer(uvmqtt_t *m) {
  bool stop = m->throttled || um_session_paused(&m->session);
  if (stop == m->not_reading || !may_write(m))
    return;
  m->not_reading = stop;
  m->stream->ops->read(m->stream, !stop);
}

/* What came before the user paused reading, now that he goes on. */
static void read_on(uvmqtt_t *m) {
  int r = um_session_read_on(&m->session, now_of(m));
  if (r && !m->closing)
    um_link_failed(m, r);
}

void um_pump_service(uvmqtt_t *m) {
  if (m->closing) {
    um_link_tear_down(m);
    return;
  }
  um_session_settle(&m->session);
  um_stay_step(m);
  if (!m->closing)
    um_link_step(m);
  um_lookups_serve(m);
  if (!m->closing)
    read_on(m);
  if (!m->closing && may_write(m)) {
    write_out(m);
    throttle(m);
    um_pump_steer(m);
    um_session_settle(&m->session);
  }
  if (!m->closing && um_leave_wants_step(m))
    um_link_step(m);
  if (!m->closing && m->remotes_wait)
    um_remote_go_on(m);
  if (m->closing) {
    um_link_tear_down(m);
    return;
  }
  if (um_session_unsettled(&m->session))
    um_loop_mark(m->loop, m);
  arm(m);
}

/* What the stream says. */

static void on_progress(void *up) {
  uvmqtt_t *m = up;
  um_loop_enter(m->loop);
  um_link_progress(m);
  um_loop_mark(m->loop, m);
  um_loop_exit(m->loop);
}

static void on_connected(void *up) {
  uvmqtt_t *m = up;
  um_loop_enter(m->loop);
  um_link_connected(m);
  um_loop_mark(m->loop, m);
  um_loop_exit(m->loop);
}

/* What a server says first tells what it is. */
static void keep_first(uvmqtt_t *m, const uint8_t *data, size_t len) {
  size_t room = sizeof m->first - m->n_first, n = len < room ? len : room;
  memcpy(m->first + m->n_first, data, n);
  m->n_first = (uint8_t)(m->n_first + n);
}

static void on_bytes(void *up, uint8_t *data, size_t len) {
  uvmqtt_t *m = up;
  um_loop_enter(m->loop);
  m->stats.reads++;
  m->stats.bytes_received += len;
  if (m->n_first < sizeof m->first)
    keep_first(m, data, len);
  int r = um_session_feed(&m->session, now_of(m), data, len);
  if (r && !m->closing)
    um_link_failed(m, r);
  um_loop_mark(m->loop, m);
  um_loop_exit(m->loop);
}

static void on_written(void *up, size_t n) {
  uvmqtt_t *m = up;
  um_loop_enter(m->loop);
  m->stats.writes++;
  m->stats.bytes_sent += n;
  um_stay_wrote(m);
  if (m->session.state != UM_SESSION_DOWN)
    um_session_wrote(&m->session, now_of(m), n);
  um_loop_mark(m->loop, m);
  um_loop_exit(m->loop);
}

static void on_ended(void *up, int status) {
  uvmqtt_t *m = up;
  um_loop_enter(m->loop);
  um_link_failed(m, status);
  um_loop_mark(m->loop, m);
  um_loop_exit(m->loop);
}

static void on_closed(void *up) {
  uvmqtt_t *m = up;
  struct um_loop *l = m->loop;
  um_loop_enter(l);
  um_link_closed(m);
  um_loop_exit(l);
}

const struct um_stream_up um_pump_up = {
    .progress = on_progress,
    .connected = on_connected,
    .bytes = on_bytes,
    .written = on_written,
    .ended = on_ended,
    .closed = on_closed,
};

/* What the session says. */

static void connected(void *up, const uvmqtt_connack_t *connack) {
  uvmqtt_t *m = up;
  uvmqtt_connack_t c = *connack;
  um_link_online(m);
  c.timings = &m->stats.timings;
  um_log_online(m, &c);
  if (m->options.shared->on_connect != NULL && !m->closing)
    m->options.shared->on_connect(m, &c);
}

static void message(void *up, const uvmqtt_message_t *message) {
  uvmqtt_t *m = up;
  if (m->closing)
    return;
  if (m->options.shared->on_message != NULL)
    m->options.shared->on_message(m, message);
  else if (message->token != 0) /* nobody is there to say it */
    um_session_ack(&m->session, now_of(m), message->token, 0);
}

static void chunk(void *up, const uvmqtt_chunk_t *chunk) {
  uvmqtt_t *m = up;
  if (!m->closing) /* um_options_read saw to it that there is one */
    m->options.shared->on_chunk(m, chunk);
}

static void completed(void *up, uvmqtt_request_cb cb, void *arg,
                      const uvmqtt_result_t *result) {
  cb(up, result, arg);
}

static void notice(void *up, const uvmqtt_notice_t *from) {
  static const char *const texts[] = {
#define X(name, text) [UVMQTT_NOTICE_##name] = text,
      UVMQTT_NOTICE_MAP(X)
#undef X
  };
  uvmqtt_t *m = up;
  uvmqtt_notice_t notice = *from;
  notice.text = texts[from->kind];
  um_log_notice(m, &notice);
  if (m->options.shared->on_notice != NULL && !m->closing)
    m->options.shared->on_notice(m, &notice);
}

/* Leaving before CONNACK took effect: nothing further of it counts. */
static void auth(void *up, const uvmqtt_auth_t *auth) {
  uvmqtt_t *m = up;
  if (!m->closing)
    m->options.shared->on_auth(m, auth);
  if (um_is_leaving(m) && m->state == UVMQTT_STATE_CONNECTING)
    um_session_halt(&m->session);
}

static void water(void *up, bool high) {
  uvmqtt_t *m = up;
  if (m->options.shared->on_water != NULL && !m->closing)
    m->options.shared->on_water(m, high);
}

static void trace(void *up, const uvmqtt_trace_t *trace) {
  uvmqtt_t *m = up;
  if (!m->closing)
    m->options.shared->on_trace(m, trace);
}

const struct um_session_events um_pump_events = {
    .connected = connected,
    .message = message,
    .chunk = chunk,
    .completed = completed,
    .notice = notice,
    .auth = auth,
    .water = water,
    .trace = trace,
    .commit = NULL, /* memory store: nothing waits */
};
