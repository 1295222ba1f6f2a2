#include "client/leave.h"

#include "client/check.h"
#include "client/client.h"
#include "client/link.h"
#include "client/pump.h"
#include "client/sized.h"
#include "session/pending.h"
#include <assert.h>
#include <string.h>

#define LEAVE_TIMEOUT 5000u /* ms */
#define LINGER 1000u        /* ms for the server to close after DISCONNECT */

/* The wish. */

static int take_leave_options(const uvmqtt_disconnect_options_t *from,
                              uvmqtt_disconnect_options_t *ret) {
  memset(ret, 0, sizeof *ret);
  if (from == NULL)
    return 0;
  int r = um_sized_take(from, 0, ret, sizeof *ret);
  if (r)
    return r;
  if ((int)ret->mode < UVMQTT_DISCONNECT_FLUSH ||
      (int)ret->mode > UVMQTT_DISCONNECT_DRAIN)
    return UV_EINVAL;
  if (ret->reason != UVMQTT_REASON_SUCCESS &&
      ret->reason != UVMQTT_REASON_DISCONNECT_WITH_WILL_MESSAGE)
    return UV_EINVAL;
  return um_check_properties(ret->properties, ret->n_properties,
                             UVMQTT_DISCONNECT);
}

/* [MQTT-3.14.2-2/5]: an expiry of 0 in CONNECT cannot be raised now. */
static int check_leave_expiry(const uvmqtt_t *m,
                              const uvmqtt_disconnect_options_t *o) {
  const struct um_session_config *c = &m->options.shared->config;
  bool zero = c->mode == UVMQTT_SESSION_CLEAN || c->session_expiry == 0;
  const uvmqtt_property_t *p = uvmqtt_property_find(
      o->properties, o->n_properties, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL);
  return p != NULL && p->value.num != 0 && zero ? UVMQTT_EPROPERTY : 0;
}

static int copy_leave(uvmqtt_t *m, const uvmqtt_disconnect_options_t *o) {
  if (o->n_properties == 0)
    return 0;
  m->leave.properties =
      um_op_unsubscribe(NULL, NULL, 0, o->properties, o->n_properties);
  return m->leave.properties == NULL ? UV_ENOMEM : 0;
}

int uvmqtt_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_options_t *options,
                      uvmqtt_request_cb cb, void *arg) {
  uvmqtt_disconnect_options_t o;
  int r = um_usable(m);
  if (r == 0)
    r = take_leave_options(options, &o);
  if (r == 0)
    r = check_leave_expiry(m, &o);
  if (r == 0 && m->leave.asked)
    return UV_EALREADY;
  if (r == 0)
    r = um_pump_want(m);
  if (r == 0)
    r = copy_leave(m, &o);
  if (r)
    return r;
  m->leave.asked = true;
  m->leave.mode = o.mode;
  m->leave.reason = o.reason;
  m->leave.cb = cb;
  m->leave.arg = arg;
  uint32_t timeout = o.timeout == 0 ? LEAVE_TIMEOUT : o.timeout;
  m->leave.deadline = um_pump_now(m) + timeout;
  m->leave.draining = o.mode == UVMQTT_DISCONNECT_DRAIN && m->wanted;
  m->wanted = m->leave.draining;
  m->kicked = false;
  return 0;
}

/* Its end. */

void um_leave_finish(uvmqtt_t *m, int status) {
  struct um_leave leave = m->leave;
  uvmqtt_result_t result = {.status = leave.status ? leave.status : status,
                            .n_left = um_session_left(&m->session)};
  if (!leave.asked)
    return;
  memset(&m->leave, 0, sizeof m->leave);
  m->leave.deadline = UM_NEVER;
  um_op_free(NULL, leave.properties);
  if (leave.cb != NULL)
    leave.cb(m, &result, leave.arg);
}

/* From here on it is an ordinary leave, the wish to connect again included. */
static void end_drain(uvmqtt_t *m, int status) {
  m->leave.draining = false;
  m->leave.status = status;
  m->wanted = m->kicked = m->leave.again;
}

void um_leave_unwanted(uvmqtt_t *m) {
  if (m->leave.draining && !m->wanted)
    end_drain(m, 0);
}

/* Step by step. */

static void leave_now(uvmqtt_t *m) {
  const struct um_op *p = m->leave.properties;
  um_session_leave(&m->session, um_pump_now(m), m->leave.reason,
                   p == NULL ? NULL : p->properties,
                   p == NULL ? 0 : p->n_properties);
  uint64_t linger = um_pump_now(m) + LINGER;
  if (linger < m->leave.deadline)
    m->leave.deadline = linger;
  um_loop_mark(m->loop, m); /* to write it */
}

static bool may_leave(const uvmqtt_t *m) {
  assert(m->stream != NULL);
  return m->session.state == UM_SESSION_UP &&
         (m->leave.mode == UVMQTT_DISCONNECT_NOW || m->leave.status != 0 ||
          (um_session_flushed(&m->session) && !m->stream->busy));
}

/* DISCONNECT is with the kernel: half-close, and let the server close, so that
 * no reset overtakes it. */
static bool has_left(const uvmqtt_t *m) {
  assert(m->stream != NULL);
  return m->session.state == UM_SESSION_LEAVING && m->session.out.len == 0 &&
         !m->stream->busy;
}

bool um_leave_wants_step(const uvmqtt_t *m) {
  if (!m->leave.asked || m->state != UVMQTT_STATE_ONLINE || m->stream_closing)
    return false;
  if (m->leave.draining)
    return um_session_drained(&m->session);
  return may_leave(m) || has_left(m);
}

static void step(uvmqtt_t *m) {
  switch (m->state) {
  case UVMQTT_STATE_OFFLINE:
    um_leave_finish(m, 0);
    break;
  case UVMQTT_STATE_WAITING:
    um_link_rest(m);
    if (!m->closing)
      um_leave_finish(m, 0);
    break;
  case UVMQTT_STATE_CONNECTING:
    um_link_failed(m, UV_ECANCELED);
    break;
  case UVMQTT_STATE_ONLINE:
    if (may_leave(m))
      leave_now(m);
    else if (has_left(m))
      m->stream->ops->finish(m->stream);
    break;
  default:
    break; /* the stream is closing already */
  }
}

/* Draining, it goes on as if nobody had asked to leave. Nothing held, or no way
 * to get rid of it: leaves. */
void um_leave_step(uvmqtt_t *m) {
  if (m->leave.draining && (um_session_drained(&m->session) || !m->wanted))
    end_drain(m, 0);
  if (um_is_leaving(m))
    step(m);
}

/* Time. */

/* Not all was complete in time: DISCONNECT at once, if there is anybody to say
 * it to. */
static void tick_drain(uvmqtt_t *m, uint64_t now) {
  if (!m->leave.draining || now < m->leave.deadline)
    return;
  end_drain(m, UV_ETIMEDOUT);
  m->leave.deadline = now + LINGER;
}

void um_leave_tick(uvmqtt_t *m, uint64_t now) {
  tick_drain(m, now);
  if (!m->leave.asked || now < m->leave.deadline || m->stream == NULL)
    return;
  if (m->session.state != UM_SESSION_LEAVING)
    m->leave.status = UV_ETIMEDOUT;
  um_link_failed(m, UV_ETIMEDOUT);
}
