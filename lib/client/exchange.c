/* The public calls for handlers, requests and responses. */
#include "client/client.h"
#include "client/pump.h"
#include "wire/topic.h"
#include <string.h>

#define IDENTIFIER_MAX 268435455u

/* Ends every call that asked for something. */
static int accepted(uvmqtt_t *m, int r) {
  if (r == 0)
    um_pump_relieve(m);
  return r;
}

static uint64_t now_of(const uvmqtt_t *m) {
  return uv_now(m->loop->uv);
}

static int check_handler(const uvmqtt_subscription_t *filter,
                         uint32_t identifier, uvmqtt_handler_cb cb) {
  if (filter == NULL || cb == NULL)
    return UV_EINVAL;
  int r = um_check_subscription(filter);
  return r == 0 && identifier > IDENTIFIER_MAX ? UVMQTT_EPROPERTY : r;
}

int uvmqtt_handle(uvmqtt_t *m, const uvmqtt_subscription_t *filter,
                  uint32_t identifier, uvmqtt_handler_cb cb, void *arg,
                  uvmqtt_request_cb done, void *done_arg,
                  uvmqtt_handler_t **ret) {
  int r = um_usable(m);
  if (r == 0)
    r = check_handler(filter, identifier, cb);
  if (r == 0)
    r = um_pump_want(m);
  if (r)
    return r;
  r = um_session_handle(&m->session, now_of(m), filter, identifier, cb, arg,
                        done, done_arg, ret);
  return accepted(m, r);
}

int uvmqtt_unhandle(uvmqtt_t *m, uvmqtt_handler_t *h, uvmqtt_request_cb done,
                    void *done_arg) {
  int r = um_usable(m);
  if (r == 0 && h == NULL)
    r = UV_EINVAL;
  if (r == 0)
    r = um_pump_want(m);
  if (r)
    return r;
  r = um_session_unhandle(&m->session, now_of(m), h, done, done_arg);
  return accepted(m, r);
}

static int check_reply_topic(const char *topic) {
  if (topic == NULL)
    return 0;
  bool valid = um_topic_name_valid(topic, strlen(topic));
  return valid && !um_topic_is_shared(topic) ? 0 : UVMQTT_ETOPIC;
}

int uvmqtt_request(uvmqtt_t *m, const uvmqtt_message_t *message,
                   const char *reply_topic, uint32_t timeout,
                   uvmqtt_reply_cb cb, void *arg, uint64_t *ret_id) {
  int r = um_usable(m);
  if (r == 0 && (message == NULL || cb == NULL))
    r = UV_EINVAL;
  if (r == 0)
    r = um_check_message(message, UVMQTT_PUBLISH);
  if (r == 0)
    r = check_reply_topic(reply_topic);
  if (r == 0)
    r = um_pump_want(m);
  if (r)
    return r;
  r = um_session_request(&m->session, um_pump_now(m), message, reply_topic,
                         timeout, cb, arg, ret_id);
  return accepted(m, r);
}

int uvmqtt_respond(uvmqtt_t *m, const uvmqtt_message_t *request,
                   const uvmqtt_message_t *answer, uvmqtt_request_cb cb,
                   void *arg, uint64_t *ret_id) {
  int r = um_usable(m);
  if (r == 0 && (request == NULL || answer == NULL))
    r = UV_EINVAL;
  if (r == 0 && answer->n_properties != 0 && answer->properties == NULL)
    r = UV_EINVAL;
  if (r == 0)
    r = um_pump_want(m);
  if (r)
    return r;
  r = um_session_respond(&m->session, now_of(m), request, answer, cb, arg,
                         ret_id);
  return accepted(m, r);
}
