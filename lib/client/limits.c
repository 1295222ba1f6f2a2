/* What was agreed with the server, for the user to read. */
#include "client/client.h"
#include "net/security.h"

#include <string.h>

static void add_security(const struct um_stream *stream, uvmqtt_limits_t *ret) {
  const struct um_security *s = stream == NULL ? NULL : stream->security;
  if (s == NULL)
    return;
  ret->security =
      s->verified ? UVMQTT_SECURITY_VERIFIED : UVMQTT_SECURITY_UNVERIFIED;
  ret->tls_resumed = s->resumed;
  ret->tls_version = s->version;
  ret->tls_cipher = s->cipher;
  ret->tls_protocol = s->protocol;
}

static uvmqtt_limits_t limits_of(const struct um_session *s) {
  const struct um_limits *l = &s->limits;
  return (uvmqtt_limits_t){
      .version = l->version,
      .keep_alive = l->keep_alive,
      .receive_maximum = l->receive_maximum,
      .maximum_packet_size = l->maximum_packet_size,
      .maximum_qos = l->maximum_qos,
      .retain_available = l->retain_available,
      .wildcard_available = l->wildcard_available,
      .shared_available = l->shared_available,
      .identifier_available = l->identifier_available,
      .topic_alias_maximum = l->topic_alias_maximum,
      .session_expiry = l->session_expiry,
      .response_information = s->response_information,
      .client_id = um_session_client_id(s),
  };
}

int uvmqtt_get_limits(const uvmqtt_t *m, uvmqtt_limits_t *ret) {
  if (m == NULL || ret == NULL || ret->size == 0)
    return UV_EINVAL;
  if (um_loop_is_elsewhere(m->loop))
    return UVMQTT_ETHREAD;
  if (m->session.state != UM_SESSION_UP)
    return UV_ENOTCONN;
  uvmqtt_limits_t limits = limits_of(&m->session);
  add_security(m->stream, &limits);
  size_t n = ret->size < sizeof limits ? ret->size : sizeof limits;
  limits.size = ret->size;
  memcpy(ret, &limits, n);
  return 0;
}
