#include "sim/driver.h"

#include "sim/link.h"
#include "sim/world.h"

#define LEAVE_TIMEOUT 5000u

/* What the session says. */

static void connected(void *up, const uvmqtt_connack_t *connack) {
  struct world *w = up;
  link_online(w);
  judge_connected(w, connack);
  if (!w->driver.closing)
    app_connected(w);
}

static void message(void *up, const uvmqtt_message_t *m) {
  app_message(up, m);
}

static void completed(void *up, uvmqtt_request_cb cb, void *arg,
                      const uvmqtt_result_t *result) {
  struct world *w = up;
  (void)cb;
  app_completed(w, (uint32_t)(uintptr_t)arg, result);
}

static void notice(void *up, const uvmqtt_notice_t *n) {
  struct world *w = up;
  note(w, "notice %llu, messages %llu, subscriptions %llu", n->kind,
       n->n_messages, n->n_subscriptions);
  app_notice(w, n);
}

/* Birth and end. */

static void configure(struct world *w) {
  struct climate *c = &w->climate;
  struct driver *d = &w->driver;
  d->will = (uvmqtt_message_t){
      .topic = "will", .payload = {"gone", 4}, .qos = 1, .retain = true};
  d->config = (struct um_session_config){
      .client_id = c->client_id,
      .username = c->credentials ? "user" : NULL,
      .has_password = c->credentials,
      .password = {"secret", 6},
      .will = c->will ? &d->will : NULL,
      .version = c->version,
      .mode = c->mode,
      .lost = c->lost,
      .session_expiry = c->session_expiry,
      .keep_alive = c->keep_alive,
      .receive_maximum = c->receive_maximum,
      .max_inflight = c->max_inflight,
      .maximum_packet_size = c->packet_max,
      .drop_properties = c->drop_properties,
      .queue_messages = c->queue_messages,
      .queue_bytes = c->queue_bytes,
  };
  d->events = (struct um_session_events){
      .connected = connected,
      .message = message,
      .completed = completed,
      .notice = notice,
      .commit = c->storing == STORE_NONE ? NULL : store_commit,
  };
}

void driver_new(struct world *w) {
  struct driver *d = &w->driver;
  uint32_t life = d->life + 1;
  bytes_done(&d->kept);
  memset(d, 0, sizeof *d);
  d->life = life;
  d->alive = true;
  d->timer_life = (uint64_t)life << 32;
  d->armed = d->deadline = d->leave.deadline = UM_NEVER;
  d->retry_in = UVMQTT_OFF;
  d->backoff.min = w->climate.reconnect_min;
  d->backoff.max = w->climate.reconnect_max;
  configure(w);
  store_reset(w);
  um_session_init(&d->session, &d->config, &d->events, w, NULL);
  if (chance(w, 300)) /* close to where the ids go round */
    d->session.outbox.ids.last = (uint16_t)range(w, 65480, 65535);
}

void driver_done(struct world *w) {
  struct driver *d = &w->driver;
  if (d->alive)
    um_session_done(&d->session);
  d->alive = false;
  bytes_done(&d->kept);
}

/* client/client.c */

static bool usable(struct world *w) {
  return w->driver.alive && !w->driver.closing;
}

static int accepted(struct world *w, int r) {
  link_mark(w);
  if (r == 0)
    link_relieve(w);
  return r;
}

void driver_connect(struct world *w) {
  struct driver *d = &w->driver;
  if (!usable(w))
    return;
  link_mark(w);
  d->wanted = true;
  d->kicked = d->state == WAITING || d->leave.asked;
  judge_kicked(w);
}

void driver_disconnect(struct world *w, bool flush) {
  struct driver *d = &w->driver;
  if (!usable(w) || d->leave.asked)
    return;
  link_mark(w);
  d->leave.asked = true;
  d->leave.flush = flush;
  d->leave.deadline = w->clock.now + LEAVE_TIMEOUT;
  d->wanted = d->kicked = false;
}

void driver_close(struct world *w) {
  if (!usable(w))
    return;
  w->driver.closing = true;
  um_session_halt(&w->driver.session);
  link_mark(w);
}

int driver_publish(struct world *w, const uvmqtt_message_t *m,
                   uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  if (!usable(w))
    return UM_ECANCELED;
  return accepted(w, um_session_publish(&w->driver.session, w->clock.now, m, cb,
                                        arg, ret_id));
}

int driver_subscribe(struct world *w, const uvmqtt_subscription_t *list,
                     size_t n, uvmqtt_request_cb cb, void *arg,
                     uint64_t *ret_id) {
  if (!usable(w))
    return UM_ECANCELED;
  return accepted(w, um_session_subscribe(&w->driver.session, w->clock.now,
                                          list, n, NULL, 0, cb, arg, ret_id));
}

int driver_unsubscribe(struct world *w, const char *const *list, size_t n,
                       uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  if (!usable(w))
    return UM_ECANCELED;
  return accepted(w, um_session_unsubscribe(&w->driver.session, w->clock.now,
                                            list, n, NULL, 0, cb, arg, ret_id));
}

void driver_ping(struct world *w) {
  if (!usable(w))
    return;
  link_mark(w);
  um_session_ping(&w->driver.session, w->clock.now);
}

void driver_read(struct world *w, bool on) {
  if (!usable(w))
    return;
  if (on)
    um_session_resume(&w->driver.session, w->clock.now);
  else
    um_session_pause(&w->driver.session, w->clock.now);
  if (!on)
    link_steer(w);
  else
    link_mark(w);
}
