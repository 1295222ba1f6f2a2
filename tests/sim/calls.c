#include "sim/calls.h"

#include "session/pending.h"
#include "sim/link.h"
#include "sim/pump.h"
#include "sim/world.h"

#define LEAVE_TIMEOUT 5000u

static bool usable(struct world *w) {
  return w->driver.alive && !w->driver.closing;
}

static int accepted(struct world *w, int r) {
  if (r == 0)
    pump_relieve(w);
  return r;
}

/* Marked as um_pump_want does, before anything is asked for. */
static struct um_session *want(struct world *w) {
  if (!usable(w))
    return NULL;
  pump_mark(w);
  return &w->driver.session;
}

void call_connect(struct world *w) {
  struct driver *d = &w->driver;
  if (want(w) == NULL)
    return;
  d->leave.again = d->leave.draining;
  d->wanted = true;
  d->kicked = d->state == WAITING || link_is_leaving(d);
  judge_kicked(w);
}

int call_disconnect(struct world *w, uvmqtt_disconnect_mode_t mode,
                    uint32_t timeout) {
  struct driver *d = &w->driver;
  if (!usable(w))
    return UM_ECANCELED;
  if (d->leave.asked)
    return UM_EALREADY;
  pump_mark(w);
  d->leave.asked = true;
  d->leave.mode = mode;
  d->leave.deadline = w->clock.now + (timeout == 0 ? LEAVE_TIMEOUT : timeout);
  d->leave.draining = mode == UVMQTT_DISCONNECT_DRAIN && d->wanted;
  d->wanted = d->leave.draining;
  d->kicked = false;
  return 0;
}

void call_close(struct world *w) {
  if (!usable(w))
    return;
  w->driver.closing = true;
  um_session_halt(&w->driver.session);
  pump_mark(w);
}

int call_publish(struct world *w, const uvmqtt_message_t *m,
                 uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(w, um_session_publish(s, w->clock.now, m, cb, arg, ret_id));
}

int call_subscribe(struct world *w, const uvmqtt_subscription_t *list, size_t n,
                   uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(w, um_session_subscribe(s, w->clock.now, list, n, NULL, 0, cb,
                                          arg, ret_id));
}

int call_unsubscribe(struct world *w, const char *const *list, size_t n,
                     uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(w, um_session_unsubscribe(s, w->clock.now, list, n, NULL, 0,
                                            cb, arg, ret_id));
}

int call_handle(struct world *w, const uvmqtt_subscription_t *filter,
                uint32_t identifier, uvmqtt_handler_cb cb, void *arg,
                uvmqtt_request_cb done, void *done_arg,
                uvmqtt_handler_t **ret) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(w, um_session_handle(s, w->clock.now, filter, identifier, cb,
                                       arg, done, done_arg, ret));
}

int call_unhandle(struct world *w, uvmqtt_handler_t *h, uvmqtt_request_cb done,
                  void *done_arg) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(w, um_session_unhandle(s, w->clock.now, h, done, done_arg));
}

int call_request(struct world *w, const uvmqtt_message_t *m,
                 const char *reply_topic, uint32_t timeout, uvmqtt_reply_cb cb,
                 void *arg, uint64_t *ret_id) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(w, um_session_request(s, w->clock.now, m, reply_topic,
                                        timeout, cb, arg, ret_id));
}

int call_respond(struct world *w, const uvmqtt_message_t *request,
                 const uvmqtt_message_t *answer, uvmqtt_request_cb cb,
                 void *arg, uint64_t *ret_id) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(
      w, um_session_respond(s, w->clock.now, request, answer, cb, arg, ret_id));
}

int call_auth(struct world *w, uvmqtt_bytes_t data) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(w, um_session_auth(s, w->clock.now, data, NULL, 0));
}

int call_reauthenticate(struct world *w, uvmqtt_bytes_t data,
                        uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  struct um_session *s = want(w);
  if (s == NULL)
    return UM_ECANCELED;
  return accepted(w, um_session_reauthenticate(s, w->clock.now, data, NULL, 0,
                                               cb, arg, ret_id));
}

int call_cancel(struct world *w, uint64_t id) {
  if (!usable(w))
    return UM_ECANCELED;
  int r = um_session_cancel(&w->driver.session, w->clock.now, id);
  if (r == 0)
    pump_mark(w);
  return r;
}

int call_ack(struct world *w, uint64_t token, uint8_t reason) {
  if (!usable(w))
    return UM_ECANCELED;
  int r = um_session_ack(&w->driver.session, w->clock.now, token, reason);
  if (r == 0)
    pump_mark(w);
  return accepted(w, r);
}

size_t call_get_pending(struct world *w, uvmqtt_pending_t *list, size_t n) {
  if (!w->driver.alive || w->driver.torn_down)
    return 0;
  um_pending_list(w->driver.session.outbox, list, n);
  return um_pending_count(w->driver.session.outbox);
}

void call_ping(struct world *w) {
  struct um_session *s = want(w);
  if (s != NULL)
    um_session_ping(s, w->clock.now);
}

void call_read(struct world *w, bool on) {
  if (!usable(w))
    return;
  if (on)
    um_session_resume(&w->driver.session, w->clock.now);
  else
    um_session_pause(&w->driver.session, w->clock.now);
  if (!on)
    pump_steer(w);
  else
    pump_mark(w);
}
