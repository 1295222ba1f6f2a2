/* A traced packet in words. */
#include "client/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <uvmqtt/error.h>
#include <uvmqtt/message.h>

#define TOPIC_MAX 200u

struct line {
  char *to;
  size_t size, used; /* used counts on when it does not fit */
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l,
                                                      const char *format, ...) {
  size_t room = l->used < l->size ? l->size - l->used : 0;
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(room == 0 ? NULL : l->to + l->used, room, format, ap);
  va_end(ap);
  l->used += n < 0 ? 0 : (size_t)n;
}

static void add_text(struct line *l, const char *name, const char *text) {
  char shown[TOPIC_MAX];
  um_text_copy(shown, sizeof shown, text);
  add(l, " %s=%s", name, shown);
}

static const char *type_name(uint8_t type) {
  static const char *const names[16] = {"RESERVED",
#define X(number, name) [number] = #name,
                                        UVMQTT_PACKET_MAP(X)
#undef X
  };
  return names[type & 15];
}

static void add_publish(struct line *l, const uvmqtt_trace_t *t) {
  add(l, " qos=%u", t->qos);
  if (t->retain)
    add(l, " retain");
  if (t->dup)
    add(l, " dup");
  if (t->topic_alias != 0)
    add(l, " alias=%u", t->topic_alias);
  add_text(l, "topic", t->topic);
  add(l, " payload=%zu", t->payload);
}

static void add_body(struct line *l, const uvmqtt_trace_t *t) {
  if (t->id != 0)
    add(l, " id=%u", t->id);
  if (t->reason != 0)
    add(l, " reason=0x%02x", t->reason);
  if (t->type == UVMQTT_CONNECT) {
    add(l, " version=%u%s keep_alive=%u", t->version,
        t->clean_start ? " clean_start" : "", t->keep_alive);
    add_text(l, "client_id", t->client_id);
  }
  if (t->type == UVMQTT_CONNACK)
    add(l, " session_present=%d", t->session_present);
  if (t->type == UVMQTT_PUBLISH)
    add_publish(l, t);
  if (t->n_filters != 0)
    add(l, " filters=%zu", t->n_filters);
  if (t->n_filters != 0 && t->topic != NULL)
    add_text(l, "filter", t->topic);
  if (t->n_properties != 0)
    add(l, " properties=%zu", t->n_properties);
}

size_t uvmqtt_trace_print(const uvmqtt_trace_t *t, char *buffer, size_t size) {
  struct line l = {.to = buffer, .size = size};
  add(&l, "%s %s", t->sent ? "->" : "<-", type_name(t->type));
  if (t->error == 0)
    add_body(&l, t);
  else
    add(&l, " %s", uvmqtt_err_name(t->error));
  add(&l, " length=%zu", t->length);
  return l.used;
}
