/* The public calls for handlers, requests and responses. */
#include "client/client.h"
#include "client/pump.h"
#include "wire/topic.h"
#include <string.h>

#define IDENTIFIER_MAX 268435455u

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
  int r = um_may_ask(m, check_handler(filter, identifier, cb));
  if (r)
    return r;
  r = um_session_handle(&m->session, now_of(m), filter, identifier, cb, arg,
                        done, done_arg, ret);
  return um_asked(m, r);
}

int uvmqtt_unhandle(uvmqtt_t *m, uvmqtt_handler_t *h, uvmqtt_request_cb done,
                    void *done_arg) {
  int r = um_may_ask(m, h == NULL ? UV_EINVAL : 0);
  if (r)
    return r;
  r = um_session_unhandle(&m->session, now_of(m), h, done, done_arg);
  return um_asked(m, r);
}

static int check_reply_topic(const char *topic) {
  if (topic == NULL)
    return 0;
  bool valid = um_topic_name_valid(topic, strlen(topic));
  return valid && !um_topic_is_shared(topic) ? 0 : UVMQTT_ETOPIC;
}

static int check_request(const uvmqtt_message_t *message,
                         const char *reply_topic, uvmqtt_reply_cb cb) {
  if (message == NULL || cb == NULL)
    return UV_EINVAL;
  int r = um_check_message(message, UVMQTT_PUBLISH);
  return r ? r : check_reply_topic(reply_topic);
}

int uvmqtt_request(uvmqtt_t *m, const uvmqtt_message_t *message,
                   const char *reply_topic, uint32_t timeout,
                   uvmqtt_reply_cb cb, void *arg, uint64_t *ret_id) {
  int r = um_may_ask(m, check_request(message, reply_topic, cb));
  if (r)
    return r;
  r = um_session_request(&m->session, um_pump_now(m), message, reply_topic,
                         timeout, cb, arg, ret_id);
  return um_asked(m, r);
}

static int check_response(const uvmqtt_message_t *request,
                          const uvmqtt_message_t *answer) {
  if (request == NULL || answer == NULL)
    return UV_EINVAL;
  bool broken = answer->n_properties != 0 && answer->properties == NULL;
  return broken ? UV_EINVAL : 0;
}

int uvmqtt_respond(uvmqtt_t *m, const uvmqtt_message_t *request,
                   const uvmqtt_message_t *answer, uvmqtt_request_cb cb,
                   void *arg, uint64_t *ret_id) {
  int r = um_may_ask(m, check_response(request, answer));
  if (r)
    return r;
  r = um_session_respond(&m->session, now_of(m), request, answer, cb, arg,
                         ret_id);
  return um_asked(m, r);
}
