#include "client/report.h"

#include "base/alloc.h"
#include "client/hints.h"
#include "client/log.h"
#include "client/text.h"
#include "net/fault.h"
#include <stdio.h>
#include <string.h>

/* Only errors that others have words for pay for this. */
struct um_details {
  char reason_string[UM_REASON_STRING_MAX];
  char server_reference[UM_REASON_STRING_MAX];
  char hint[UM_HINT_MAX];
  char detail[UM_FAULT_TEXT];
  struct um_fault fault;
};

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
  um_free(m->details);
  m->details = NULL;
  m->error = (uvmqtt_error_t){.address = m->address,
                              .hint = "",
                              .reason_string = "",
                              .server_reference = "",
                              .detail = "",
                              .alert = -1,
                              .subject = "",
                              .names = ""};
}

static const struct um_fault *fault_of(const uvmqtt_t *m) {
  return m->stream == NULL ? NULL : m->stream->fault;
}

static bool has_words(const struct um_ending *ending) {
  return ending->reason_string != NULL || ending->server_reference != NULL;
}

static void copy_words(char to[UM_REASON_STRING_MAX], const char *from) {
  snprintf(to, UM_REASON_STRING_MAX, "%s", from == NULL ? "" : from);
}

static void take_ending(uvmqtt_t *m, const struct um_ending *ending) {
  struct um_details *d = m->details;
  m->error.reason = ending->reason;
  if (d == NULL)
    return;
  copy_words(d->reason_string, ending->reason_string);
  copy_words(d->server_reference, ending->server_reference);
  m->error.reason_string = d->reason_string;
  m->error.server_reference = d->server_reference;
}

/* The stream takes its own away when it closes. */
static void take_fault(uvmqtt_t *m, const struct um_fault *fault) {
  struct um_details *d = m->details;
  uvmqtt_error_t *e = &m->error;
  e->status = fault->status;
  e->alert = fault->alert;
  e->verify_code = fault->verify_code;
  e->verify_depth = fault->verify_depth;
  e->expired_days = fault->expired_days;
  if (d == NULL)
    return;
  d->fault = *fault;
  um_text_copy(d->detail, sizeof d->detail, fault->text);
  e->detail = d->detail;
  e->subject = d->fault.subject;
  e->names = d->fault.names;
}

static const char *hint_of(uvmqtt_t *m, const struct um_fault *fault) {
  struct um_hint_facts facts = {.code = m->error.code,
                                .phase = m->error.phase,
                                .reason = m->error.reason,
                                .fault = fault,
                                .first = m->first,
                                .n_first = m->n_first,
                                .over_tls = m->stream != NULL &&
                                            m->stream->security != NULL};
  return um_hint(&facts, m->details == NULL ? NULL : m->details->hint);
}

void um_report_error(uvmqtt_t *m, int code, uvmqtt_phase_t phase) {
  const struct um_ending *ending = &m->session.ending;
  const struct um_fault *fault = code == 0 ? NULL : fault_of(m);
  bool said = ending->code == code && code != 0;
  um_report_clear(m);
  m->error.code = code;
  m->error.phase = phase;
  if (fault != NULL || (said && has_words(ending)))
    m->details = um_calloc(1, sizeof *m->details);
  if (said)
    take_ending(m, ending);
  if (fault != NULL)
    take_fault(m, fault);
  m->error.hint = hint_of(m, fault);
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
  um_log_state(m, &step);
  if (m->options.on_state != NULL && !m->closing)
    m->options.on_state(m, &step);
}

void um_report_disconnect(uvmqtt_t *m, bool was_online) {
  uvmqtt_disconnect_t disconnect = {.error = &m->error,
                                    .was_online = was_online,
                                    .attempt = m->attempt,
                                    .retry_in = m->retry_in};
  m->stats.losses += was_online && m->error.code != 0;
  m->stats.failures += !was_online && m->error.code != 0;
  um_log_end(m, &disconnect);
  if (m->options.on_disconnect != NULL && !m->closing)
    m->options.on_disconnect(m, &disconnect);
}
