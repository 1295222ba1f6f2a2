/* What is said to people: a warning, and errors in words. */
#include "simple/simple.h"

#include <stdio.h>
#include <string.h>

int um_simple_note(struct uvmqtt_simple_s *c, int r) {
  if (r < 0)
    c->failed = r;
  return r;
}

static void say(const struct um_settings *s, const char *text) {
  if (s->log != NULL)
    s->log(text, s->log_arg);
  else
    fprintf(stderr, "%s\n", text);
}

static bool is_loopback(const char *address) {
  return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0;
}

/* Has CONNECT been sent, whatever came of it? */
static bool has_greeted(const uvmqtt_transition_t *step) {
  return step->to == UVMQTT_STATE_ONLINE ||
         (step->from == UVMQTT_STATE_CONNECTING &&
          step->phase == UVMQTT_PHASE_HANDSHAKE);
}

void um_simple_warn(struct uvmqtt_simple_s *c,
                    const uvmqtt_transition_t *step) {
  const struct um_settings *s = &c->settings;
  char text[256];
  bool secrets = s->ssl == NULL && (s->user != NULL || s->password != NULL);
  if (c->warned || !secrets || !has_greeted(step) || is_loopback(step->address))
    return;
  c->warned = true;
  snprintf(text, sizeof text,
           "uvmqtt: warning: user name and password went to %s in clear text",
           step->address);
  say(s, text);
}

/* The latest error of the connection says more, if it is the same. */
const char *uvmqtt_simple_error_text(uvmqtt_simple_t *c) {
  if (c == NULL || c->failed == 0)
    return "";
  const uvmqtt_error_t *e = uvmqtt_simple_last_error(c);
  bool same = e->code == c->failed;
  const char *code = uvmqtt_strerror(c->failed);
  bool hint = same && strcmp(e->hint, code) != 0;
  bool address = same && *e->address != '\0';
  bool words = same && *e->reason_string != '\0';
  snprintf(c->text, sizeof c->text, "%s%s%s%s%s%s%s%s%s", code,
           hint ? ": " : "", hint ? e->hint : "", words ? ", \"" : "",
           words ? e->reason_string : "", words ? "\"" : "",
           address ? " (" : "", address ? e->address : "", address ? ")" : "");
  return c->text;
}
