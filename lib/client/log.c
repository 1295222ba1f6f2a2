#include "client/log.h"

#include "client/client.h"
#include "client/text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void um_log(uvmqtt_t *m, uvmqtt_log_level_t level, const char *format, ...) {
  char raw[UM_LOG_MAX], text[UM_LOG_MAX];
  va_list ap;
  if (m->options.shared->on_log == NULL || m->closing)
    return;
  va_start(ap, format);
  vsnprintf(raw, sizeof raw, format, ap);
  va_end(ap);
  um_text_copy(text, sizeof text, raw);
  m->options.shared->on_log(m, level, text);
}

void um_log_attempt(uvmqtt_t *m) {
  const struct um_url *url = um_redirect_target(m);
  char port[16] = "";
  if (url->port != 0)
    snprintf(port, sizeof port, ", port %u", url->port);
  um_log(m, UVMQTT_LOG_INFO, "connecting to %s%s, attempt %" PRIu32, url->host,
         port, m->attempt);
}

void um_log_online(uvmqtt_t *m, const uvmqtt_connack_t *c) {
  const uvmqtt_timings_t *t = c->timings;
  um_log(m, UVMQTT_LOG_INFO,
         "online at %s: MQTT %s, session %s, keep alive %u s; %" PRIu32
         " ms (prepare %" PRIu32 ", resolve %" PRIu32 ", connect %" PRIu32
         ", proxy %" PRIu32 ", TLS %" PRIu32 ", WebSocket %" PRIu32
         ", handshake %" PRIu32 ")",
         m->stream->address, c->version == 5 ? "5.0" : "3.1.1",
         c->session_present ? "resumed" : "new", c->keep_alive, t->total,
         t->prepare, t->resolve, t->connect, t->proxy, t->tls, t->websocket,
         t->handshake);
}

static void add_if(char *to, size_t size, const char *before,
                   const char *text) {
  size_t used = 0;
  while (to[used] != '\0')
    used++;
  if (*text != '\0')
    snprintf(to + used, size - used, "%s%s", before, text);
}

static uvmqtt_log_level_t level_of(const uvmqtt_disconnect_t *end) {
  if (end->error->code == 0)
    return UVMQTT_LOG_INFO;
  return end->retry_in == UVMQTT_OFF ? UVMQTT_LOG_ERROR : UVMQTT_LOG_WARNING;
}

static void describe(const uvmqtt_error_t *e, char *to, size_t size) {
  snprintf(to, size, "%s: %s", uvmqtt_err_name(e->code), e->hint);
  if (e->reason != 0)
    add_if(to, size, "; the server says ", uvmqtt_reason_string(e->reason));
  add_if(to, size, ": ", e->reason_string);
  add_if(to, size, "; ", e->detail);
}

void um_log_end(uvmqtt_t *m, const uvmqtt_disconnect_t *end) {
  char why[UM_LOG_MAX - 128] = "as asked for", next[48] = "";
  const uvmqtt_error_t *e = end->error;
  if (m->options.shared->on_log == NULL)
    return;
  if (e->code != 0)
    describe(e, why, sizeof why);
  if (end->retry_in != UVMQTT_OFF)
    snprintf(next, sizeof next, "; next attempt in %" PRId64 " ms",
             end->retry_in);
  else if (e->code != 0)
    snprintf(next, sizeof next, "; no further attempt");
  um_log(m, level_of(end), "%s%s%s in phase %s: %s%s",
         end->was_online ? "disconnected" : "not connected",
         *e->address == '\0' ? "" : " from ", e->address,
         uvmqtt_phase_name(e->phase), why, next);
}

void um_log_state(uvmqtt_t *m, const uvmqtt_transition_t *step) {
  um_log(m, UVMQTT_LOG_DEBUG, "%s, was %s", uvmqtt_state_name(step->to),
         uvmqtt_state_name(step->from));
}

void um_log_notice(uvmqtt_t *m, const uvmqtt_notice_t *n) {
  um_log(m, UVMQTT_LOG_WARNING, "%s%s%s", n->text,
         n->filter == NULL ? "" : ": ", n->filter == NULL ? "" : n->filter);
}
