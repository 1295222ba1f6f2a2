#include "wire/trace.h"
#include "base/err.h"
#include "wire/property.h"

#include <ctype.h>

const char *trace_error(int err) {
  switch (err) {
#define X(name, number, text)                                                  \
  case UVMQTT_##name:                                                          \
    return #name;
    UVMQTT_ERRNO_MAP(X)
#undef X
  case UM_ENOMEM:
    return "ENOMEM";
  default:
    return "?";
  }
}

void trace_bytes(FILE *f, const void *p, size_t len) {
  const uint8_t *s = p;
  fputc('"', f);
  for (size_t i = 0; i < len; i++)
    if (s[i] < 0x20 || s[i] > 0x7E || s[i] == '"' || s[i] == '\\')
      fprintf(f, "\\%02x", s[i]);
    else
      fputc(s[i], f);
  fputc('"', f);
}

static void trace_str(FILE *f, const char *s) {
  trace_bytes(f, s, strlen(s));
}

static void trace_name(FILE *f, uvmqtt_property_id_t id) {
  for (const char *s = uvmqtt_property_name(id); *s; s++)
    fputc(*s == ' ' ? '-' : tolower((unsigned char)*s), f);
}

static void trace_property(FILE *f, const uvmqtt_property_t *p) {
  trace_name(f, p->id);
  fputc('=', f);
  switch (um_property_rule((uint32_t)p->id)->shape) {
  case UM_STR:
    trace_str(f, p->value.str);
    break;
  case UM_BIN:
    trace_bytes(f, p->value.bin.data, p->value.bin.len);
    break;
  case UM_PAIR:
    trace_str(f, p->value.pair.key);
    fputc(':', f);
    trace_str(f, p->value.pair.value);
    break;
  default:
    fprintf(f, "%u", p->value.num);
  }
}

static void trace_properties(FILE *f, const uvmqtt_property_t *p, size_t n) {
  fputs(" {", f);
  for (size_t i = 0; i < n; i++) {
    if (i > 0)
      fputc(' ', f);
    trace_property(f, &p[i]);
  }
  fputc('}', f);
}

static void trace_connect(FILE *f, const struct um_packet *p) {
  const struct um_connect *c = &p->u.connect;
  fprintf(f, " version=%u clean=%d keepalive=%u", c->version, c->clean_start,
          c->keep_alive);
  trace_properties(f, p->properties, p->n_properties);
  fputs(" id=", f);
  trace_str(f, c->client_id);
  if (c->will != NULL) {
    fprintf(f, " will qos=%u retain=%d", c->will->qos, c->will->retain);
    trace_properties(f, c->will->properties, c->will->n_properties);
    fputs(" topic=", f);
    trace_str(f, c->will->topic);
    fputs(" payload=", f);
    trace_bytes(f, c->will->payload.data, c->will->payload.len);
  }
  if (c->username != NULL) {
    fputs(" username=", f);
    trace_str(f, c->username);
  }
  if (c->has_password) {
    fputs(" password=", f);
    trace_bytes(f, c->password.data, c->password.len);
  }
}

static void trace_publish(FILE *f, const struct um_packet *p) {
  const struct um_publish *m = &p->u.publish;
  fprintf(f, " qos=%u retain=%d dup=%d id=%u topic=", m->qos, m->retain, m->dup,
          p->id);
  trace_bytes(f, m->topic, m->topic_len);
  trace_properties(f, p->properties, p->n_properties);
  fputs(" payload=", f);
  trace_bytes(f, m->payload.data, m->payload.len);
}

static void trace_filters(FILE *f, const struct um_packet *p) {
  if (p->type == UVMQTT_UNSUBSCRIBE)
    for (size_t i = 0; i < p->u.unsubscribe.n; i++) {
      fputc(' ', f);
      trace_str(f, p->u.unsubscribe.filters[i]);
    }
  else
    for (size_t i = 0; i < p->u.subscribe.n; i++) {
      const uvmqtt_subscription_t *s = &p->u.subscribe.filters[i];
      fputc(' ', f);
      trace_str(f, s->filter);
      fprintf(f, ":qos=%u,nl=%d,rap=%d,rh=%u", s->qos, s->no_local,
              s->retain_as_published, s->retain_handling);
    }
}

static void trace_rest(FILE *f, uint8_t version, const struct um_packet *p) {
  if (p->type >= UVMQTT_PUBACK && p->type <= UVMQTT_UNSUBACK)
    fprintf(f, " id=%u", p->id);
  if (p->type <= UVMQTT_PUBCOMP || p->type >= UVMQTT_DISCONNECT)
    fprintf(f, " reason=%02x", p->reason);
  trace_properties(f, p->properties, p->n_properties);
  if (p->type == UVMQTT_SUBSCRIBE || p->type == UVMQTT_UNSUBSCRIBE)
    trace_filters(f, p);
  if (p->type == UVMQTT_SUBACK ||
      (p->type == UVMQTT_UNSUBACK && version == UM_V5))
    for (size_t i = 0; i < p->u.suback.n; i++)
      fprintf(f, " %02x", p->u.suback.reasons[i]);
}

void trace_packet(FILE *f, uint8_t version, const struct um_packet *p) {
  fputs(uvmqtt_packet_name(p->type), f);
  switch (p->type) {
  case UVMQTT_CONNECT:
    trace_connect(f, p);
    break;
  case UVMQTT_CONNACK:
    fprintf(f, " sp=%d reason=%02x", p->u.connack.session_present, p->reason);
    trace_properties(f, p->properties, p->n_properties);
    break;
  case UVMQTT_PUBLISH:
    trace_publish(f, p);
    break;
  case UVMQTT_PINGREQ:
  case UVMQTT_PINGRESP:
    break;
  default:
    trace_rest(f, version, p);
  }
  fputc('\n', f);
}
