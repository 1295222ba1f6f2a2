/* The public calls: arguments checked, wishes noted, nothing called back. */
#include "client/client.h"

#include "base/alloc.h"
#include "client/check.h"
#include "client/link.h"
#include "client/pump.h"
#include "client/report.h"
#include "session/pending.h"
#include <stddef.h>
#include <string.h>

/* Making. */

static void init(uvmqtt_t *m, void *data) {
  const struct um_shared *o = m->options.shared;
  um_list_init(&m->in_loop);
  um_list_init(&m->in_dirty);
  um_list_init(&m->remotes);
  m->backoff.min = o->reconnect_min;
  m->backoff.max = o->reconnect_max;
  m->data = data;
  m->armed = m->deadline = m->leave.deadline = UM_NEVER;
  m->retry_in = UVMQTT_OFF;
  um_turn_init(&m->turn);
  um_report_clear(m);
}

int uvmqtt_new(uv_loop_t *loop, const uvmqtt_options_t *options,
               uvmqtt_t **ret) {
  if (loop == NULL || options == NULL || ret == NULL)
    return UV_EINVAL;
  uvmqtt_t *m = um_calloc(1, sizeof *m);
  if (m == NULL)
    return UV_ENOMEM;
  int r = um_options_read(options, &m->options);
  if (r) {
    um_free(m);
    return r;
  }
  bool has_data =
      options->size >= offsetof(uvmqtt_options_t, data) + sizeof(void *);
  init(m, has_data ? options->data : NULL);
  r = um_lookups_make(m);
  if (r == 0)
    r = um_loop_join(loop, m, &m->loop);
  if (r) {
    um_lookups_done(m->lookups);
    um_options_done(&m->options);
    um_free(m);
    return r;
  }
  um_handles_init(&m->handles, &m->loop->turns, false, m);
  m->options.shared = um_shared_unite(&m->loop->shared, m->options.shared);
  um_session_init(&m->session, &m->options.shared->config, &m->options.who,
                  &um_pump_events, m, &m->loop->commons);
  *ret = m;
  return 0;
}

/* Going online and offline. */

int uvmqtt_connect(uvmqtt_t *m) {
  int r = um_may_ask(m, 0);
  if (r)
    return r;
  m->leave.again = m->leave.draining;
  m->wanted = true;
  m->kicked = m->state == UVMQTT_STATE_WAITING || um_is_leaving(m);
  return 0;
}

void uvmqtt_close(uvmqtt_t *m, uvmqtt_close_cb cb, void *arg) {
  if (m == NULL)
    return;
  if (m->close_cb == NULL) { /* nobody is to be told yet */
    m->close_cb = cb;
    m->close_arg = arg;
  }
  if (m->closing)
    return;
  m->closing = true;
  um_session_halt(&m->session);
  um_loop_mark(m->loop, m);
}

/* Requests. */

int uvmqtt_publish(uvmqtt_t *m, const uvmqtt_message_t *message,
                   uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  int r = um_may_ask(m, um_check_publish(message));
  if (r)
    return r;
  r = um_session_publish(&m->session, uv_now(m->loop->uv), message, cb, arg,
                         ret_id);
  return um_asked(m, r);
}

int uvmqtt_subscribe(uvmqtt_t *m, const uvmqtt_subscription_t *filters,
                     size_t n, const uvmqtt_property_t *properties,
                     size_t n_properties, uvmqtt_request_cb cb, void *arg,
                     uint64_t *ret_id) {
  int r = um_may_ask(
      m, um_check_subscriptions(filters, n, properties, n_properties));
  if (r)
    return r;
  r = um_session_subscribe(&m->session, uv_now(m->loop->uv), filters, n,
                           properties, n_properties, cb, arg, ret_id);
  return um_asked(m, r);
}

int uvmqtt_unsubscribe(uvmqtt_t *m, const char *const *filters, size_t n,
                       const uvmqtt_property_t *properties, size_t n_properties,
                       uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  int r = um_may_ask(m, um_check_filters(filters, n, properties, n_properties));
  if (r)
    return r;
  r = um_session_unsubscribe(&m->session, uv_now(m->loop->uv), filters, n,
                             properties, n_properties, cb, arg, ret_id);
  return um_asked(m, r);
}

/* Method and data are ours; the packet decides whether Reason String may be.
 * An answer to START goes into CONNECT. */
static int check_auth(const uvmqtt_t *m, uvmqtt_bytes_t data,
                      const uvmqtt_property_t *properties,
                      size_t n_properties) {
  if (m == NULL)
    return UV_EINVAL;
  bool starting = m->session.auth.turn == UM_AUTH_START;
  if (m->options.who.auth_method == NULL)
    return UVMQTT_ENOTSUP;
  if (data.data == NULL && data.len != 0)
    return UV_EINVAL;
  if (data.len > UM_STRING_MAX)
    return UVMQTT_ETOOBIG;
  if (n_properties != 0 && properties == NULL)
    return UV_EINVAL;
  for (size_t i = 0; i < n_properties; i++)
    if (properties[i].id != UVMQTT_PROPERTY_USER_PROPERTY &&
        properties[i].id != UVMQTT_PROPERTY_REASON_STRING)
      return UVMQTT_EPROPERTY;
  return um_check_properties(properties, n_properties,
                             starting ? UVMQTT_CONNECT : UVMQTT_AUTH);
}

int uvmqtt_auth(uvmqtt_t *m, uvmqtt_bytes_t data,
                const uvmqtt_property_t *properties, size_t n_properties) {
  int r = um_may_ask(m, check_auth(m, data, properties, n_properties));
  if (r)
    return r;
  r = um_session_auth(&m->session, uv_now(m->loop->uv), data, properties,
                      n_properties);
  return um_asked(m, r);
}

int uvmqtt_reauthenticate(uvmqtt_t *m, uvmqtt_bytes_t data,
                          const uvmqtt_property_t *properties,
                          size_t n_properties, uvmqtt_request_cb cb, void *arg,
                          uint64_t *ret_id) {
  int r = um_may_ask(m, check_auth(m, data, properties, n_properties));
  if (r)
    return r;
  r = um_session_reauthenticate(&m->session, uv_now(m->loop->uv), data,
                                properties, n_properties, cb, arg, ret_id);
  return um_asked(m, r);
}

int uvmqtt_cancel(uvmqtt_t *m, uint64_t id) {
  int r = um_usable(m);
  if (r == 0)
    r = um_session_cancel(&m->session, uv_now(m->loop->uv), id);
  if (r == 0)
    um_loop_mark(m->loop, m); /* what was accepted has opened the timer */
  return r;
}

int uvmqtt_ack(uvmqtt_t *m, uint64_t token, uint8_t reason) {
  int r = um_usable(m);
  if (r == 0)
    r = um_session_ack(&m->session, uv_now(m->loop->uv), token, reason);
  if (r == 0)
    um_loop_mark(m->loop, m);
  return um_asked(m, r);
}

int uvmqtt_ping(uvmqtt_t *m) {
  int r = um_may_ask(m, 0);
  return r ? r : um_session_ping(&m->session, uv_now(m->loop->uv));
}

int uvmqtt_poke(uvmqtt_t *m) {
  int r = um_usable(m);
  bool matters = r == 0 && (m->state == UVMQTT_STATE_ONLINE ||
                            m->state == UVMQTT_STATE_WAITING);
  if (!matters)
    return r;
  m->stay.poked = true;
  um_loop_mark(m->loop, m);
  return 0;
}

int uvmqtt_read_stop(uvmqtt_t *m) {
  int r = um_usable(m);
  if (r)
    return r;
  um_session_pause(&m->session, uv_now(m->loop->uv));
  um_pump_steer(m);
  return 0;
}

int uvmqtt_read_start(uvmqtt_t *m) {
  int r = um_usable(m);
  if (r)
    return r;
  um_session_resume(&m->session, uv_now(m->loop->uv));
  um_loop_mark(m->loop, m); /* it goes on there: nothing is called back here */
  return 0;
}

/* The host. */

int uvmqtt_walk_close(struct uv_handle_s *handle) {
  uvmqtt_t *m;
  if (handle == NULL || !um_loop_owns(handle, &m))
    return 0;
  uvmqtt_close(m, NULL, NULL); /* NULL: a shared handle, which goes with all */
  return 1;
}

static void set_ref(uvmqtt_t *m, bool on) {
  um_handles_ref(&m->handles, on);
  if (m->stream != NULL && !m->stream_closing)
    m->stream->ops->ref(m->stream, on);
}

void uvmqtt_ref(uvmqtt_t *m) {
  set_ref(m, true);
}

void uvmqtt_unref(uvmqtt_t *m) {
  set_ref(m, false);
}

/* Looking. */

uvmqtt_state_t uvmqtt_state(const uvmqtt_t *m) {
  return m->closing ? UVMQTT_STATE_CLOSED : m->state;
}

const uvmqtt_error_t *uvmqtt_last_error(const uvmqtt_t *m) {
  return m->last.code == 0 ? &um_report_none
                           : um_report_last(m, &m->loop->error);
}

void *uvmqtt_get_data(const uvmqtt_t *m) {
  return m->data;
}

void uvmqtt_set_data(uvmqtt_t *m, void *data) {
  m->data = data;
}

uv_loop_t *uvmqtt_get_loop(const uvmqtt_t *m) {
  return m->loop->uv;
}

size_t uvmqtt_get_pending(const uvmqtt_t *m, uvmqtt_pending_t *list, size_t n) {
  if (m == NULL || m->torn_down)
    return 0;
  if (list != NULL)
    um_pending_list(m->session.outbox, list, n);
  return um_pending_count(m->session.outbox);
}

static void add_link(const struct um_tally *t, uvmqtt_stats_t *ret) {
  ret->bytes_sent = t->bytes_sent;
  ret->bytes_received = t->bytes_received;
  ret->writes = t->writes;
  ret->reads = t->reads;
  ret->attempts = t->attempts;
  ret->connects = t->connects;
  ret->losses = t->losses;
  ret->failures = t->failures;
  ret->tls_resumed = t->tls_resumed;
  ret->probes = t->probes;
  ret->timings = t->timings;
}

static void add_session(const struct um_session *s, uvmqtt_stats_t *ret) {
  const struct um_counters *c = &s->counters;
  um_counters_list(c, UM_SENT, ret->sent);
  um_counters_list(c, UM_RECEIVED, ret->received);
  ret->ping_rtt = c->ping_rtt;
  ret->packets_sent = um_counters_total(c, UM_SENT);
  ret->packets_received = um_counters_total(c, UM_RECEIVED);
  ret->unknown_acks = um_counters_get(c, UM_COUNTED_UNKNOWN_ACKS);
  ret->duplicates = um_counters_get(c, UM_COUNTED_DUPLICATES);
  ret->late_replies = um_counters_get(c, UM_COUNTED_LATE_REPLIES);
  ret->queued = s->outbox->n_waiting;
  ret->inflight = s->outbox->n_inflight;
  ret->queued_bytes = s->outbox->n_bytes;
}

int uvmqtt_get_stats(const uvmqtt_t *m, uvmqtt_stats_t *ret) {
  if (m == NULL || ret == NULL || ret->size == 0)
    return UV_EINVAL;
  if (um_loop_is_elsewhere(m->loop))
    return UVMQTT_ETHREAD;
  uvmqtt_stats_t stats = {.size = ret->size};
  add_link(&m->stats, &stats);
  add_session(&m->session, &stats);
  size_t n = ret->size < sizeof stats ? ret->size : sizeof stats;
  memcpy(ret, &stats, n);
  return 0;
}
