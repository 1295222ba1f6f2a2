#include "client/report.h"

#include "base/alloc.h"
#include "client/hints.h"
#include "client/log.h"
#include "client/text.h"
#include "net/fault.h"
#include <stdio.h>
#include <string.h>

/* Only errors that others have words for pay for this. */
struct words {
  char reason_string[UM_REASON_STRING_MAX];
  char server_reference[UM_REASON_STRING_MAX];
  char hint[UM_HINT_MAX];
  char detail[UM_FAULT_TEXT];
  struct um_fault fault;
};

struct um_details {
  uvmqtt_error_t error;
  char address[UM_ADDRESS_TEXT];
  struct words *words; /* NULL: none, or no memory for them */
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
  if (m->details != NULL)
    um_free(m->details->words);
  um_free(m->details);
  m->details = NULL;
  m->last = (struct um_last){.code = 0};
}

const uvmqtt_error_t um_report_none = {.address = "",
                                       .hint = "",
                                       .reason_string = "",
                                       .server_reference = "",
                                       .detail = "",
                                       .alert = -1,
                                       .subject = "",
                                       .names = ""};

static const struct um_fault *fault_of(const uvmqtt_t *m) {
  return m->stream == NULL ? NULL : m->stream->fault;
}

static bool has_words(const struct um_ending *ending) {
  return ending->reason_string != NULL || ending->server_reference != NULL;
}

static void copy_words(char to[UM_REASON_STRING_MAX], const char *from) {
  snprintf(to, UM_REASON_STRING_MAX, "%s", from == NULL ? "" : from);
}

static void take_ending(struct um_details *d, const struct um_ending *ending) {
  struct words *w = d->words;
  if (w == NULL)
    return;
  copy_words(w->reason_string, ending->reason_string);
  copy_words(w->server_reference, ending->server_reference);
  d->error.reason_string = w->reason_string;
  d->error.server_reference = w->server_reference;
}

/* The stream takes its own away when it closes. */
static void take_fault(struct um_details *d, const struct um_fault *fault) {
  struct words *w = d->words;
  uvmqtt_error_t *e = &d->error;
  e->status = fault->status;
  e->alert = fault->alert;
  e->verify_code = fault->verify_code;
  e->verify_depth = fault->verify_depth;
  e->expired_days = fault->expired_days;
  if (w == NULL)
    return;
  w->fault = *fault;
  um_text_copy(w->detail, sizeof w->detail, fault->text);
  e->detail = w->detail;
  e->subject = w->fault.subject;
  e->names = w->fault.names;
}

static const char *hint_of(const uvmqtt_t *m, const struct um_fault *fault,
                           char *buffer) {
  struct um_hint_facts facts = {.code = m->last.code,
                                .phase = (uvmqtt_phase_t)m->last.phase,
                                .reason = m->last.reason,
                                .fault = fault,
                                .first = m->first,
                                .n_first = m->n_first,
                                .peer = um_way_peer(m),
                                .unsigned_yet = m->ws_asked,
                                .over_tls = m->stream != NULL &&
                                            m->stream->security != NULL};
  return um_hint(&facts, buffer);
}

/* What there is without any memory. */
static void fill_plain(const uvmqtt_t *m, uvmqtt_error_t *ret) {
  *ret = um_report_none;
  ret->code = m->last.code;
  ret->phase = (uvmqtt_phase_t)m->last.phase;
  ret->reason = m->last.reason;
  ret->address = m->stream == NULL ? "" : m->stream->address;
}

static void fill(uvmqtt_t *m, const struct um_ending *ending) {
  const struct um_fault *fault = fault_of(m);
  struct um_details *d = m->details = um_calloc(1, sizeof *d);
  if (d == NULL)
    return;
  fill_plain(m, &d->error);
  snprintf(d->address, sizeof d->address, "%s", d->error.address);
  d->error.address = d->address;
  if (fault != NULL || (ending != NULL && has_words(ending)))
    d->words = um_calloc(1, sizeof *d->words);
  if (ending != NULL)
    take_ending(d, ending);
  if (fault != NULL)
    take_fault(d, fault);
  d->error.hint = hint_of(m, fault, d->words == NULL ? NULL : d->words->hint);
}

void um_report_error(uvmqtt_t *m, int code, uvmqtt_phase_t phase) {
  const struct um_ending *ending = &m->session.ending;
  bool said = ending->code == code && code != 0;
  um_report_clear(m);
  m->last.code = code;
  m->last.phase = (uint8_t)phase;
  m->last.reason = said ? ending->reason : 0;
  if (code != 0)
    fill(m, said ? ending : NULL);
}

const uvmqtt_error_t *um_report_last(const uvmqtt_t *m, uvmqtt_error_t *room) {
  if (m->details != NULL)
    return &m->details->error;
  fill_plain(m, room);
  room->hint = hint_of(m, fault_of(m), NULL);
  return room;
}

/* A new attempt is not to blame for the one before. */
static const uvmqtt_error_t *reason_of(const uvmqtt_t *m,
                                       uvmqtt_error_t *room) {
  return m->state == UVMQTT_STATE_CONNECTING ? &um_report_none
                                             : um_report_last(m, room);
}

void um_report_state(uvmqtt_t *m, uvmqtt_state_t from) {
  uvmqtt_error_t room;
  const uvmqtt_error_t *error = reason_of(m, &room);
  uvmqtt_transition_t step = {
      .from = from,
      .to = m->state,
      .phase = error->code == 0 ? um_report_phase(m) : error->phase,
      .attempt = m->attempt,
      .address = m->stream != NULL ? m->stream->address : error->address,
      .error = error,
      .retry_in = m->state == UVMQTT_STATE_WAITING ? m->retry_in : UVMQTT_OFF,
  };
  um_log_state(m, &step);
  if (m->options.shared->on_state != NULL && !m->closing)
    m->options.shared->on_state(m, &step);
}

void um_report_disconnect(uvmqtt_t *m, bool was_online) {
  uvmqtt_error_t room;
  uvmqtt_disconnect_t disconnect = {.error = um_report_last(m, &room),
                                    .was_online = was_online,
                                    .attempt = m->attempt,
                                    .retry_in = m->retry_in};
  m->stats.losses += was_online && m->last.code != 0;
  m->stats.failures += !was_online && m->last.code != 0;
  um_log_end(m, &disconnect);
  if (m->options.shared->on_disconnect != NULL && !m->closing)
    m->options.shared->on_disconnect(m, &disconnect);
}
