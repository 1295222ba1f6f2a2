#include "sim/driver.h"

#include "sim/link.h"
#include "sim/world.h"

/* What the session says. */

static void connected(void *up, const uvmqtt_connack_t *connack) {
  struct world *w = up;
  link_online(w);
  judge_connected(w, connack);
  if (!w->driver.closing)
    app_connected(w);
}

static void message(void *up, const uvmqtt_message_t *m) {
  struct world *w = up;
  if (!w->driver.closing)
    app_message(w, m);
}

static void chunk(void *up, const uvmqtt_chunk_t *c) {
  struct world *w = up;
  if (!w->driver.closing)
    app_chunk(w, c);
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
  if (!w->driver.closing)
    app_notice(w, n);
}

static void auth(void *up, const uvmqtt_auth_t *a) {
  struct world *w = up;
  struct driver *d = &w->driver;
  if (!d->closing)
    app_auth(w, a);
  if (link_is_leaving(d) && d->state == CONNECTING)
    um_session_halt(&d->session);
}

static void water(void *up, bool high) {
  struct world *w = up;
  if (!w->driver.closing)
    app_water(w, high);
}

/* Birth and end. */

static void configure(struct world *w) {
  struct climate *c = &w->climate;
  struct driver *d = &w->driver;
  d->will = (uvmqtt_message_t){
      .topic = "will", .payload = {"gone", 4}, .qos = 1, .retain = true};
  d->who = (struct um_identity){
      .client_id = c->client_id,
      .username = c->credentials ? "user" : NULL,
      .password = {c->credentials ? "secret" : NULL, c->credentials ? 6 : 0},
      .auth_method = c->auth ? AUTH_METHOD : NULL,
      .will = c->will ? &d->will : NULL,
      .seed = w->seed ^ (uint64_t)d->life << 32,
  };
  d->config = (struct um_session_config){
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
      .topic_alias_maximum = c->alias_in,
      .topic_alias_out = c->alias_out,
      .overflow = c->overflow,
      .high_water = c->high_water,
      .low_water = c->high_water / 4,
      .refuse_offline_qos0 = c->refuse_offline_qos0,
      .manual_ack = c->manual_ack,
      .chunk_threshold = c->chunk_threshold,
  };
  d->events = (struct um_session_events){
      .connected = connected,
      .message = message,
      .chunk = chunk,
      .completed = completed,
      .notice = notice,
      .auth = auth,
      .water = water,
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
  um_session_init(&d->session, &d->config, &d->who, &d->events, w, &d->commons);
  if (chance(w, 300)) /* close to where the ids go round */
    d->session.last_pid = (uint16_t)range(w, 65480, 65535);
}

void driver_done(struct world *w) {
  struct driver *d = &w->driver;
  if (d->alive)
    um_session_done(&d->session);
  um_commons_done(&d->commons);
  d->alive = false;
  bytes_done(&d->kept);
}
