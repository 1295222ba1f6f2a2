/* client/options.h: the user's options, checked, completed with the defaults
 * and copied. */
#ifndef UM_CLIENT_OPTIONS_H
#define UM_CLIENT_OPTIONS_H

#include "client/servers.h"
#include "client/socket.h"
#include "client/url.h"
#include "client/way.h"
#include "session/session.h"
#include <uvmqtt/client.h>

/* Stays where it was read. */
struct um_options {
  struct um_url url;
  struct um_way *way;              /* NULL: nothing but the URL was said */
  struct um_servers servers;       /* beside it */
  struct um_socket_wishes *socket; /* NULL: none */
  struct um_session_config config; /* points into what is below */
  char *client_id;
  char *username;
  uint8_t *password;
  size_t password_len;
  char *auth_method;
  /* ops only for their copying, of no pool */
  struct um_op *will;
  struct um_op *properties;
  uvmqtt_tls_t *tls; /* our reference; NULL when the URL is without TLS */
  bool plain_credentials;
  uint32_t connect_timeout, address_timeout, attempt_delay, resolve_timeout;
  uint32_t handshake_timeout, connack_timeout;
  uint32_t reconnect_min, reconnect_max, reconnect_stable;
  bool reconnect;
  int64_t write_timeout; /* ms, 0: as the Keep Alive says, UVMQTT_OFF */
  uvmqtt_connect_cb on_connect;
  uvmqtt_message_cb on_message;
  uvmqtt_chunk_cb on_chunk;
  uvmqtt_disconnect_cb on_disconnect;
  uvmqtt_state_cb on_state;
  uvmqtt_notice_cb on_notice;
  uvmqtt_auth_cb on_auth; /* not NULL when auth_method is not */
  uvmqtt_redirect_cb on_redirect;
  uvmqtt_resolve_cb on_resolve;
  uvmqtt_water_cb on_water;
  uvmqtt_retry_cb on_retry;
  uvmqtt_log_cb on_log;
  uvmqtt_trace_cb on_trace;
  uvmqtt_before_connect_cb on_before_connect;
};

/* The errors of uvmqtt_new. *ret needs um_options_done on success only. */
int um_options_read(const uvmqtt_options_t *from, struct um_options *ret);
/* All of it or, with an error of uvmqtt_go, nothing. *ret_moved: the URL leads
 * to another host or port now. */
int um_options_change(struct um_options *o, const uvmqtt_change_t *change,
                      bool *ret_moved);
/* What the session says from now on: with user name, password and Will, or, to
 * a server that may not know them, without. */
void um_options_lend(struct um_options *o, bool secrets);
void um_options_done(struct um_options *o); /* wipes the secrets */

#endif
