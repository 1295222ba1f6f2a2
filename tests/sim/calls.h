/* sim/calls.h: the public calls, as client/client.c and client/exchange.c make
 * them. UM_ECANCELED when the client is closing or closed. */
#ifndef SIM_CALLS_H
#define SIM_CALLS_H

#include "sim/driver.h"

void call_connect(struct world *w);
/* UM_EALREADY: one is under way. app_left tells of the end. */
int call_disconnect(struct world *w, uvmqtt_disconnect_mode_t mode,
                    uint32_t timeout);
void call_close(struct world *w);
int call_publish(struct world *w, const uvmqtt_message_t *m,
                 uvmqtt_request_cb cb, void *arg, uint64_t *ret_id);
int call_subscribe(struct world *w, const uvmqtt_subscription_t *filters,
                   size_t n, uvmqtt_request_cb cb, void *arg, uint64_t *ret_id);
int call_unsubscribe(struct world *w, const char *const *filters, size_t n,
                     uvmqtt_request_cb cb, void *arg, uint64_t *ret_id);
int call_handle(struct world *w, const uvmqtt_subscription_t *filter,
                uint32_t identifier, uvmqtt_handler_cb cb, void *arg,
                uvmqtt_request_cb done, void *done_arg, uvmqtt_handler_t **ret);
int call_unhandle(struct world *w, uvmqtt_handler_t *h, uvmqtt_request_cb done,
                  void *done_arg);
int call_request(struct world *w, const uvmqtt_message_t *m,
                 const char *reply_topic, uint32_t timeout, uvmqtt_reply_cb cb,
                 void *arg, uint64_t *ret_id);
int call_respond(struct world *w, const uvmqtt_message_t *request,
                 const uvmqtt_message_t *answer, uvmqtt_request_cb cb,
                 void *arg, uint64_t *ret_id);
int call_auth(struct world *w, uvmqtt_bytes_t data);
int call_reauthenticate(struct world *w, uvmqtt_bytes_t data,
                        uvmqtt_request_cb cb, void *arg, uint64_t *ret_id);
int call_cancel(struct world *w, uint64_t id);
int call_ack(struct world *w, uint64_t token, uint8_t reason);
size_t call_get_pending(struct world *w, uvmqtt_pending_t *list, size_t n);
void call_ping(struct world *w);
void call_read(struct world *w, bool on);

#endif
