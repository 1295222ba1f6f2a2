/* client/shared.h: those of the user's options that are plain values: modes,
 * numbers, callbacks. Clients of a loop that were told the same have them once,
 * so nobody changes them. */
#ifndef UM_CLIENT_SHARED_H
#define UM_CLIENT_SHARED_H

#include "base/list.h"
#include "session/session.h"
#include <uvmqtt/client.h>

struct um_shared {
  struct um_list link; /* among those of a loop */
  unsigned refs;
  struct um_session_config config; /* from here on they are compared */
  bool plain_credentials, reconnect;
  uint32_t connect_timeout, address_timeout, attempt_delay, resolve_timeout;
  uint32_t handshake_timeout, connack_timeout;
  uint32_t reconnect_min, reconnect_max, reconnect_stable;
  int64_t write_timeout; /* ms, 0: as the Keep Alive says, UVMQTT_OFF */
  uvmqtt_connect_cb on_connect;
  uvmqtt_message_cb on_message;
  uvmqtt_chunk_cb on_chunk;
  uvmqtt_disconnect_cb on_disconnect;
  uvmqtt_state_cb on_state;
  uvmqtt_notice_cb on_notice;
  uvmqtt_auth_cb on_auth; /* not NULL when there is a method */
  uvmqtt_redirect_cb on_redirect;
  uvmqtt_resolve_cb on_resolve;
  uvmqtt_water_cb on_water;
  uvmqtt_retry_cb on_retry;
  uvmqtt_log_cb on_log;
  uvmqtt_trace_cb on_trace;
  uvmqtt_before_connect_cb on_before_connect;
};

/* Completed with the defaults. 0, UM_EINVAL or UM_ENOMEM; *ret needs an unref,
 * on success only. */
int um_shared_read(const uvmqtt_options_t *o, struct um_shared **ret);
/* Takes s; what to use instead of it: the same of another client, or s. */
struct um_shared *um_shared_unite(struct um_list *of_loop, struct um_shared *s);
void um_shared_unref(struct um_shared *s); /* NULL is fine */

#endif
