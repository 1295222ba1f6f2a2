#include "client/report.h"

#include <stdio.h>
#include <string.h>

/* What a person can do about it. The first row that fits counts; 0 fits all. */
static const struct {
  int code;
  uint8_t reason;
  const char *text;
} hints[] = {
    {0, UVMQTT_REASON_BAD_USER_NAME_OR_PASSWORD,
     "the server rejects this user name or password"},
    {0, UVMQTT_REASON_NOT_AUTHORIZED,
     "the server does not allow this client or these credentials"},
    {0, UVMQTT_REASON_CLIENT_IDENTIFIER_NOT_VALID,
     "the server does not accept this client identifier"},
    {0, UVMQTT_REASON_SESSION_TAKEN_OVER,
     "another client connected with the same client identifier"},
    {0, UVMQTT_REASON_USE_ANOTHER_SERVER,
     "the server sends its clients to another one for now; see .on_redirect"},
    {0, UVMQTT_REASON_SERVER_MOVED,
     "the server has moved; see .on_redirect, or change the URL"},
    {0, UVMQTT_REASON_SERVER_UNAVAILABLE,
     "the server is running but not ready; trying again later"},
    {UVMQTT_EREFUSED, UVMQTT_REASON_BAD_AUTHENTICATION_METHOD,
     "the server does not know this .auth_method"},
    {UVMQTT_EAUTH, 0, "the server kept asking and never decided"},
    {UVMQTT_EVERSION, 0,
     "the server does not speak this MQTT version; leave .version at "
     "UVMQTT_VERSION_ANY or pin the other one"},
    {UVMQTT_EMALFORMED, 0,
     "what came was not MQTT; is this the right port, and does it want TLS?"},
    {UVMQTT_EPROTOCOL, 0, "the server broke the MQTT standard"},
    {UVMQTT_EINSECURE, 0,
     "credentials would travel in clear text; set "
     ".plain_credentials to allow it"},
    {UVMQTT_EKEEPALIVE, 0,
     "no answer to PINGREQ; the server or the network is gone"},
    {UVMQTT_ESTALLED, 0,
     "the server or the network takes no more bytes; see .write_timeout"},
    {UVMQTT_ETOOBIG, 0, "a packet was larger than .maximum_packet_size"},
    {UV_ECONNREFUSED, 0, "nothing listens at this address and port"},
    {UV_ETIMEDOUT, 0, "no answer in time; is a firewall in the way?"},
    {UV_EOF, 0, "the server closed the connection"},
    {UV_ECONNRESET, 0, "the server reset the connection"},
    {UV_EAI_NONAME, 0, "this host name is not known"},
    {UV_EAI_AGAIN, 0, "the name server does not answer"},
    {UV_ENETUNREACH, 0, "there is no network to this address"},
};

static const char *hint_of(int code, uint8_t reason) {
  for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
    if ((hints[i].code == 0 || hints[i].code == code) &&
        (hints[i].reason == 0 || hints[i].reason == reason))
      return hints[i].text;
  return code == 0 ? "" : uvmqtt_strerror(code);
}

uvmqtt_phase_t um_report_phase(const uvmqtt_t *m) {
  if (um_is_leaving(m) && m->state == UVMQTT_STATE_ONLINE)
    return UVMQTT_PHASE_DISCONNECT;
  if (m->state == UVMQTT_STATE_ONLINE)
    return UVMQTT_PHASE_ONLINE;
  if (m->session.state != UM_SESSION_DOWN)
    return UVMQTT_PHASE_HANDSHAKE;
  if (m->stream != NULL)
    return (uvmqtt_phase_t)m->stream->phase;
  return m->state == UVMQTT_STATE_CONNECTING ? um_prepare_phase(m)
                                             : UVMQTT_PHASE_NONE;
}

void um_report_clear(uvmqtt_t *m) {
  m->reason_string[0] = '\0';
  m->error = (uvmqtt_error_t){
      .address = m->address, .reason_string = m->reason_string, .hint = ""};
}

void um_report_error(uvmqtt_t *m, int code, uvmqtt_phase_t phase) {
  const struct um_ending *ending = &m->session.ending;
  um_report_clear(m);
  m->error.code = code;
  m->error.phase = phase;
  if (ending->code == code) {
    m->error.reason = ending->reason;
    memcpy(m->reason_string, ending->reason_string, sizeof m->reason_string);
  }
  m->error.hint = hint_of(code, m->error.reason);
}

void um_report_state(uvmqtt_t *m, uvmqtt_state_t from) {
  uvmqtt_transition_t step = {
      .from = from,
      .to = m->state,
      .phase = m->error.code == 0 ? um_report_phase(m) : m->error.phase,
      .attempt = m->attempt,
      .address = m->address,
      .error = &m->error,
      .retry_in = m->state == UVMQTT_STATE_WAITING ? m->retry_in : UVMQTT_OFF,
  };
  if (m->options.on_state != NULL && !m->closing)
    m->options.on_state(m, &step);
}

void um_report_disconnect(uvmqtt_t *m, bool was_online) {
  uvmqtt_disconnect_t disconnect = {.error = &m->error,
                                    .was_online = was_online,
                                    .attempt = m->attempt,
                                    .retry_in = m->retry_in};
  if (m->options.on_disconnect != NULL && !m->closing)
    m->options.on_disconnect(m, &disconnect);
}
