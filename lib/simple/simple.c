/* The calls of umqtt.simple. */
#include "simple/simple.h"

#include <stdlib.h>
#include <string.h>

/* What the client says. */

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  uvmqtt_simple_t *c = uvmqtt_get_data(m);
  c->done = c->done || c->connecting;
  if (c->connecting)
    c->status = connack->session_present;
  if (c->settings.client_id == NULL) /* the next connect continues it */
    c->settings.client_id = strdup(connack->client_id);
}

/* The acknowledgement follows when this has returned. So that the one of the
 * next message does not precede its callback, it must stay unread. */
static void on_message(uvmqtt_t *m, const uvmqtt_message_t *message) {
  uvmqtt_simple_t *c = uvmqtt_get_data(m);
  if (c->one_message) {
    c->done = c->paused = true;
    uvmqtt_read_stop(m);
  }
  if (c->cb != NULL)
    c->cb(message->topic, message->payload, c->arg);
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  uvmqtt_simple_t *c = uvmqtt_get_data(m);
  c->lost = c->judge(c, d);
}

static int tell_the_end(uvmqtt_simple_t *c, const uvmqtt_disconnect_t *d) {
  (void)c;
  return d->error->code;
}

static void on_state(uvmqtt_t *m, const uvmqtt_transition_t *step) {
  um_simple_warn(uvmqtt_get_data(m), step);
}

/* One that was given up, and completes only now, is not the awaited one. */
static void on_completed(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  uvmqtt_simple_t *c = arg;
  (void)m;
  if (result->id != c->awaited)
    return;
  c->done = true;
  c->status = result->status;
}

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  uvmqtt_simple_t *c = arg;
  (void)m;
  c->left = result->status;
  c->leaving = false;
}

/* Making. */

int um_simple_init(uvmqtt_simple_t *c, const uvmqtt_simple_options_t *options) {
  int r = um_settings_read(&c->settings, options);
  if (r)
    return r;
  r = uv_loop_init(&c->loop);
  if (r) {
    um_settings_done(&c->settings);
    return r;
  }
  uv_timer_init(&c->loop, &c->timer); /* cannot fail */
  c->judge = tell_the_end;
  return 0;
}

int uvmqtt_simple_new(const uvmqtt_simple_options_t *options,
                      uvmqtt_simple_t **ret) {
  if (options == NULL || ret == NULL)
    return UV_EINVAL;
  uvmqtt_simple_t *c = calloc(1, sizeof *c);
  if (c == NULL)
    return UV_ENOMEM;
  int r = um_simple_init(c, options);
  if (r) {
    free(c);
    return r;
  }
  *ret = c;
  return 0;
}

void uvmqtt_simple_free(uvmqtt_simple_t *c) {
  if (c == NULL || c->turning)
    return;
  um_simple_drop(c);
  um_simple_close_loop(c);
  um_settings_done(&c->settings);
  free(c);
}

void uvmqtt_simple_set_callback(uvmqtt_simple_t *c, uvmqtt_simple_cb cb,
                                void *arg) {
  if (c == NULL)
    return;
  c->cb = cb;
  c->arg = arg;
}

int uvmqtt_simple_set_last_will(uvmqtt_simple_t *c, const char *topic,
                                uvmqtt_bytes_t payload, bool retain,
                                uint8_t qos) {
  if (c == NULL)
    return UV_EINVAL;
  return um_simple_note(
      c, um_settings_will(&c->settings, topic, payload, retain, qos));
}

uv_loop_t *uvmqtt_simple_loop(uvmqtt_simple_t *c) {
  return c == NULL ? NULL : &c->loop;
}

const uvmqtt_error_t *uvmqtt_simple_last_error(const uvmqtt_simple_t *c) {
  static const uvmqtt_error_t none = {
      .address = "", .reason_string = "", .hint = ""};
  return c == NULL || c->m == NULL ? &none : uvmqtt_last_error(c->m);
}

/* Going online and offline. */

bool uvmqtt_simple_is_online(const uvmqtt_simple_t *c) {
  return c != NULL && c->m != NULL && !c->leaving &&
         uvmqtt_state(c->m) == UVMQTT_STATE_ONLINE;
}

static int usable(uvmqtt_simple_t *c) {
  if (c == NULL)
    return UV_EINVAL;
  bool can = c->lasting ? c->wanted && !c->leaving : uvmqtt_simple_is_online(c);
  return um_simple_note(c, can ? 0 : UV_ENOTCONN);
}

int um_simple_begin(uvmqtt_simple_t *c) {
  if (c == NULL)
    return UV_EINVAL;
  if (c->turning)
    return um_simple_note(c, UVMQTT_EDEADLOCK);
  uv_update_time(&c->loop); /* it stood still since the last call */
  c->done = c->gone = false;
  c->awaited = 0;
  return usable(c);
}

/* Perhaps a callback has asked to leave. */
int um_simple_end(uvmqtt_simple_t *c, int r) {
  c->awaited = 0;
  c->connecting = false;
  um_simple_finish_leaving(c);
  return um_simple_note(c, r);
}

void um_simple_listen(uvmqtt_simple_t *c, uvmqtt_options_t *options) {
  options->on_connect = on_connect;
  options->on_message = on_message;
  options->on_disconnect = on_disconnect;
  options->on_state = on_state;
  options->data = c;
}

int um_simple_open(uvmqtt_simple_t *c, const uvmqtt_options_t *options) {
  c->lost = 0;
  int r = uvmqtt_new(&c->loop, options, &c->m);
  return r ? r : uvmqtt_connect(c->m);
}

int um_simple_await(uvmqtt_simple_t *c, int timeout_ms) {
  c->done = c->gone = false;
  c->connecting = true;
  int r = um_simple_wait(c, timeout_ms);
  return um_simple_end(c, r ? r : c->status);
}

/* The client bounds it, all phases together, and knows what to say then. */
int uvmqtt_simple_connect(uvmqtt_simple_t *c, bool clean_session,
                          int timeout_ms) {
  uvmqtt_message_t will;
  uvmqtt_options_t options;
  int r = um_simple_begin(c);
  if (r && r != UV_ENOTCONN)
    return r;
  um_simple_drop(c);
  um_settings_write(&c->settings, &will, &options);
  um_simple_listen(c, &options);
  options.session =
      clean_session ? UVMQTT_SESSION_CLEAN : UVMQTT_SESSION_RESUME;
  options.connect_timeout = um_timeout_option(timeout_ms);
  r = um_simple_open(c, &options);
  return r ? um_simple_end(c, r) : um_simple_await(c, -1);
}

/* Nothing more is delivered once it was called. */
int um_simple_leave(uvmqtt_simple_t *c) {
  uvmqtt_read_stop(c->m);
  c->paused = true;
  c->leaving = c->gone = true;
  int r = uvmqtt_disconnect(c->m, NULL, on_left, c);
  if (r)
    c->leaving = false;
  return r;
}

int uvmqtt_simple_disconnect(uvmqtt_simple_t *c) {
  if (c == NULL)
    return UV_EINVAL;
  if (c->m == NULL || c->leaving || !(c->wanted || uvmqtt_simple_is_online(c)))
    return 0;
  if (!c->turning)
    uv_update_time(&c->loop);
  int r = um_simple_leave(c);
  return um_simple_note(c, r || c->turning ? r : um_simple_finish_leaving(c));
}

int uvmqtt_simple_ping(uvmqtt_simple_t *c) {
  int r = usable(c);
  if (r)
    return r;
  if (!c->turning)
    uv_update_time(&c->loop);
  r = uvmqtt_ping(c->m);
  if (r || c->turning)
    return um_simple_note(c, r);
  um_simple_flush(c);
  return um_simple_end(c, c->lost);
}

/* Requests. */

/* What was given up is not sent any more if that had not begun. */
static int give_up(uvmqtt_simple_t *c, int r) {
  if (c->awaited != 0)
    (void)uvmqtt_cancel(c->m, c->awaited);
  return um_simple_end(c, c->lost ? c->lost : r);
}

static int wait_completed(uvmqtt_simple_t *c, int r, int timeout_ms) {
  if (r)
    return um_simple_note(c, r);
  r = um_simple_wait(c, timeout_ms);
  if (r)
    return give_up(c, r);
  r = c->status;
  return um_simple_end(c, r && c->lost ? c->lost : r);
}

/* From inside the loop only what need not be waited for. */
static int publish_inside(uvmqtt_simple_t *c, const uvmqtt_message_t *message) {
  int r = usable(c);
  if (r)
    return r;
  r = message->qos == 0 ? uvmqtt_publish(c->m, message, NULL, NULL, NULL)
                        : UVMQTT_EDEADLOCK;
  return um_simple_note(c, r);
}

int um_simple_publish(uvmqtt_simple_t *c, const uvmqtt_message_t *message,
                      int timeout_ms) {
  if (c != NULL && c->turning)
    return publish_inside(c, message);
  int r = um_simple_begin(c);
  if (r)
    return r;
  r = uvmqtt_publish(c->m, message, on_completed, c, &c->awaited);
  return wait_completed(c, r, timeout_ms);
}

int uvmqtt_simple_publish(uvmqtt_simple_t *c, const char *topic,
                          uvmqtt_bytes_t payload, bool retain, uint8_t qos) {
  uvmqtt_message_t message = {
      .topic = topic, .payload = payload, .qos = qos, .retain = retain};
  return um_simple_publish(c, &message, c == NULL ? 0 : c->settings.timeout_ms);
}

int uvmqtt_simple_subscribe(uvmqtt_simple_t *c, const char *filter,
                            uint8_t qos) {
  uvmqtt_subscription_t subscription = {.filter = filter, .qos = qos};
  if (c == NULL)
    return UV_EINVAL;
  if (c->cb == NULL)
    return um_simple_note(c, UVMQTT_ENOCALLBACK);
  int r = um_simple_begin(c);
  if (r)
    return r;
  r = uvmqtt_subscribe(c->m, &subscription, 1, NULL, 0, on_completed, c,
                       &c->awaited);
  return wait_completed(c, r, c->settings.timeout_ms);
}

int uvmqtt_simple_unsubscribe(uvmqtt_simple_t *c, const char *filter) {
  int r = um_simple_begin(c);
  if (r)
    return r;
  r = uvmqtt_unsubscribe(c->m, &filter, 1, NULL, 0, on_completed, c,
                         &c->awaited);
  return wait_completed(c, r, c->settings.timeout_ms);
}

/* Messages. */

int uvmqtt_simple_wait_msg(uvmqtt_simple_t *c, int timeout_ms) {
  int r = um_simple_begin(c);
  if (r)
    return r;
  c->one_message = true;
  r = um_simple_wait(c, timeout_ms);
  c->one_message = false;
  if (r == 0)
    return um_simple_end(c, 1);
  return um_simple_end(c, r == UV_ETIMEDOUT && c->lost == 0 ? 0 : r);
}

int uvmqtt_simple_check_msg(uvmqtt_simple_t *c) {
  return uvmqtt_simple_wait_msg(c, 0);
}
