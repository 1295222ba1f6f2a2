/* The linker puts this in front of the calls by which a client is told secrets
 * after its birth (--wrap in tests/meson.build): they are learnt. */
#define _GNU_SOURCE /* memmem */
#include "support/told.h"
#include "support/learnt.h"
#include <string.h>

#define WRAP(name, parameters, arguments, learning)                            \
  int __real_##name parameters;                                                \
  int __wrap_##name parameters;                                                \
  int __wrap_##name parameters {                                               \
    learning;                                                                  \
    return __real_##name arguments;                                            \
  }

static void learn_bytes(enum learnt kind, uvmqtt_bytes_t b) {
  if (b.data != NULL)
    learn(kind, b.data, b.len);
}

/* Some tests send a topic's own words, and a topic is no secret. */
static bool is_in_topic(const uvmqtt_message_t *m) {
  size_t len = m->topic == NULL ? 0 : strlen(m->topic);
  uvmqtt_bytes_t payload = m->payload; /* some tests lie of its length */
  return payload.data != NULL && payload.len <= len &&
         memmem(m->topic, len, payload.data, payload.len) != NULL;
}

static void learn_message(const uvmqtt_message_t *m) {
  if (m != NULL && !is_in_topic(m))
    learn_bytes(LEARNT_PAYLOAD, m->payload);
}

static void learn_headers(const uvmqtt_header_t *headers, size_t n) {
  for (size_t i = 0; headers != NULL && i < n; i++)
    learn_text(LEARNT_SECRET, headers[i].value);
}

static void learn_change(const uvmqtt_change_t *c) {
  if (c == NULL || c->size != sizeof *c)
    return;
  learn_text(LEARNT_SECRET, c->username);
  learn_bytes(LEARNT_SECRET, c->password);
  learn_message(c->will);
  learn_headers(c->ws_headers, c->n_ws_headers);
}

void told_at_birth(const uvmqtt_options_t *o) {
  learn_text(LEARNT_SECRET, o->username);
  learn_bytes(LEARNT_SECRET, o->password);
  learn_message(o->will);
  learn_headers(o->ws_headers, o->n_ws_headers);
}

WRAP(uvmqtt_publish,
     (uvmqtt_t * m, const uvmqtt_message_t *message, uvmqtt_request_cb cb,
      void *arg, uint64_t *ret_id),
     (m, message, cb, arg, ret_id), learn_message(message))
WRAP(uvmqtt_remote_publish,
     (uvmqtt_remote_t * r, const uvmqtt_message_t *message, int64_t wait,
      uvmqtt_request_cb cb, void *arg),
     (r, message, wait, cb, arg), learn_message(message))
WRAP(uvmqtt_auth,
     (uvmqtt_t * m, uvmqtt_bytes_t data, const uvmqtt_property_t *properties,
      size_t n),
     (m, data, properties, n), learn_bytes(LEARNT_SECRET, data))
WRAP(uvmqtt_reauthenticate,
     (uvmqtt_t * m, uvmqtt_bytes_t data, const uvmqtt_property_t *properties,
      size_t n, uvmqtt_request_cb cb, void *arg, uint64_t *ret_id),
     (m, data, properties, n, cb, arg, ret_id),
     learn_bytes(LEARNT_SECRET, data))
WRAP(uvmqtt_go, (uvmqtt_t * m, const uvmqtt_change_t *change), (m, change),
     learn_change(change))
WRAP(uvmqtt_ws_headers,
     (uvmqtt_t * m, uint64_t id, const uvmqtt_header_t *headers, size_t n),
     (m, id, headers, n), learn_headers(headers, n))
