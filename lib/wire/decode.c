#include "base/alloc.h"
#include "base/err.h"
#include "base/inline.h"
#include "wire/packet.h"
#include "wire/property.h"
#include "wire/reader.h"
#include "wire/reason.h"
#include "wire/topic.h"

#define FLAGS_OF(header) ((header)&0x0F)

/* Everything one packet's decoding carries around. */
struct decoding {
  struct um_reader r;
  struct um_scratch *s;
  uint8_t flags;
  uint8_t version; /* for CONNECT its own, not the scratch's */
};

static void violation(struct decoding *d) {
  um_reader_fail(&d->r, UVMQTT_EPROTOCOL);
}

static void malformed(struct decoding *d) {
  um_reader_fail(&d->r, UVMQTT_EMALFORMED);
}

UM_INLINE void read_properties(struct decoding *d, struct um_packet *p) {
  if (d->version != UM_V5)
    return;
  if (um_reader_left(&d->r) > 0 && *d->r.at == 0) {
    d->r.at++;
    return;
  }
  /* A copy, so that nothing else keeps the reader out of registers. */
  struct um_reader r = d->r;
  p->n_properties = um_read_properties(&r, d->s, p->type);
  p->properties = d->s->properties;
  d->r = r;
}

/* [MQTT-2.3.1-1/311] [MQTT-2.2.1-3/5] */
UM_INLINE void read_id(struct decoding *d, struct um_packet *p) {
  p->id = um_read_u16(&d->r);
  if (p->id == 0 && d->r.err == 0)
    violation(d);
}

static void check_reason(struct decoding *d, const struct um_packet *p,
                         uint8_t code) {
  if (d->r.err == 0 && !um_reason_legal(p->type, d->version, d->s->from, code))
    violation(d);
}

/* --- CONNECT --------------------------------------------------------------*/

enum {
  RESERVED = 0x01,
  CLEAN_START = 0x02,
  WILL = 0x04,
  WILL_QOS_SHIFT = 3,
  WILL_RETAIN = 0x20,
  PASSWORD = 0x40,
  USERNAME = 0x80,
};

/* [MQTT-3.1.2-1/both] and the protocol levels known to us */
static void read_protocol(struct decoding *d, struct um_connect *c) {
  struct um_field name = um_read_field(&d->r);
  c->version = um_read_u8(&d->r);
  if (d->r.err)
    return;
  if (name.len != 4 || memcmp(name.at, "MQTT", 4) != 0)
    violation(d);
  if (c->version != UM_V5 && c->version != UM_V311)
    violation(d);
  d->version = c->version;
}

/* [MQTT-3.1.2-3/both]; without a Will its QoS and Retain are 0:
 * [MQTT-3.1.2-11/5] [MQTT-3.1.2-13/both] [MQTT-3.1.2-15/both]; no QoS 3:
 * [MQTT-3.1.2-14/311] [MQTT-3.1.2-12/5]; [MQTT-3.1.2-22/311] */
static bool connect_flags_legal(uint8_t flags, uint8_t version) {
  uint8_t qos = flags >> WILL_QOS_SHIFT & 3;
  if (flags & RESERVED || qos == 3)
    return false;
  if (!(flags & WILL) && (qos > 0 || flags & WILL_RETAIN))
    return false;
  return version == UM_V5 || flags & USERNAME || !(flags & PASSWORD);
}

static void read_will(struct decoding *d, uint8_t flags, struct um_connect *c) {
  if (d->r.err)
    return;
  if (d->s->will == NULL)
    d->s->will = um_malloc(sizeof *d->s->will);
  uvmqtt_message_t *will = d->s->will;
  if (will == NULL) {
    um_reader_fail(&d->r, UM_ENOMEM);
    return;
  }
  *will = (uvmqtt_message_t){.qos = flags >> WILL_QOS_SHIFT & 3,
                             .retain = flags & WILL_RETAIN};
  if (d->version == UM_V5)
    will->n_properties = um_read_properties(&d->r, d->s, 0);
  will->topic = um_read_str(&d->r);
  will->payload = um_read_bin(&d->r);
  if (d->r.err == 0 && !um_topic_name_valid(will->topic, strlen(will->topic)))
    malformed(d);
  c->will = will;
}

/* It is a Protocol Error to send Authentication Data without a method
 * (3.1.2.11.10). */
static void check_authentication(struct decoding *d,
                                 const struct um_packet *p) {
  if (uvmqtt_property_find(p->properties, p->n_properties,
                           UVMQTT_PROPERTY_AUTHENTICATION_DATA) &&
      !uvmqtt_property_find(p->properties, p->n_properties,
                            UVMQTT_PROPERTY_AUTHENTICATION_METHOD))
    violation(d);
}

static void read_credentials(struct decoding *d, uint8_t flags,
                             struct um_connect *c) {
  if (flags & USERNAME)
    c->username = um_read_str(&d->r);
  c->has_password = flags & PASSWORD;
  if (c->has_password)
    c->password = um_read_bin(&d->r);
}

static void decode_connect(struct decoding *d, struct um_packet *p) {
  struct um_connect *c = &p->u.connect;
  *c = (struct um_connect){0};
  read_protocol(d, c);
  uint8_t flags = um_read_u8(&d->r);
  if (d->r.err == 0 && !connect_flags_legal(flags, d->version))
    malformed(d);
  c->clean_start = flags & CLEAN_START;
  c->keep_alive = um_read_u16(&d->r);
  read_properties(d, p);
  c->client_id = um_read_str(&d->r);
  if (flags & WILL)
    read_will(d, flags, c);
  read_credentials(d, flags, c);
  /* reading the Will's properties may have moved the array */
  p->properties = d->s->properties;
  if (c->will != NULL && c->will->n_properties > 0)
    d->s->will->properties = d->s->properties + p->n_properties;
  check_authentication(d, p);
}

/* --- PUBLISH and its acknowledgements -------------------------------------*/

UM_INLINE void read_topic(struct decoding *d, struct um_publish *p) {
  struct um_field field = um_read_field(&d->r);
  p->topic = "";
  p->topic_len = field.len;
  if (field.len == 0)
    return;
  /* [MQTT-3.3.2-1/both] [MQTT-3.3.2-2/both] */
  if (um_topic_name_valid((const char *)field.at, field.len))
    p->topic = um_field_settle(field);
  else
    malformed(d);
}

/* [MQTT-4.7.3-1/both]; 5.0 has the Topic Alias instead (3.3.2.1) */
UM_INLINE void check_topic_given(struct decoding *d,
                                 const struct um_packet *p) {
  if (p->u.publish.topic_len > 0 || d->r.err)
    return;
  if (!uvmqtt_property_find(p->properties, p->n_properties,
                            UVMQTT_PROPERTY_TOPIC_ALIAS))
    violation(d);
}

UM_INLINE void decode_publish(struct decoding *d, struct um_packet *p) {
  struct um_publish *m = &p->u.publish;
  m->qos = d->flags >> 1 & 3;
  m->retain = d->flags & 1;
  m->dup = d->flags >> 3;
  /* [MQTT-3.3.1-4/both] [MQTT-3.3.1-2/both] */
  if (m->qos == 3 || (m->qos == 0 && m->dup))
    malformed(d);
  read_topic(d, m);
  if (m->qos > 0)
    read_id(d, p);
  read_properties(d, p);
  check_topic_given(d, p);
  m->payload = (uvmqtt_bytes_t){d->r.at, um_reader_left(&d->r)};
  d->r.at = d->r.end;
}

/* Reason and properties as DISCONNECT and the four acknowledgements have them:
 * either may be missing at the end (3.4.2.1, 3.4.2.2.1, 3.14.2.1). */
static void read_reason(struct decoding *d, struct um_packet *p) {
  if (d->version != UM_V5 || um_reader_left(&d->r) == 0)
    return;
  p->reason = um_read_u8(&d->r);
  check_reason(d, p, p->reason);
  if (um_reader_left(&d->r) > 0)
    read_properties(d, p);
}

static void decode_ack(struct decoding *d, struct um_packet *p) {
  read_id(d, p);
  read_reason(d, p);
}

/* --- SUBSCRIBE, UNSUBSCRIBE and theirs ------------------------------------*/

/* Room for the n-th item (from 0) of this size in the scratch. */
static void *room_for_item(struct decoding *d, size_t n, size_t size) {
  struct um_scratch *s = d->s;
  if ((n + 1) * size > s->cap_items) {
    size_t cap = s->cap_items ? s->cap_items * 2 : 8 * size;
    void *items = um_realloc(s->items, cap);
    if (items == NULL) {
      um_reader_fail(&d->r, UM_ENOMEM);
      return NULL;
    }
    s->items = items;
    s->cap_items = cap;
  }
  return (char *)s->items + n * size;
}

static const char *read_filter(struct decoding *d) {
  struct um_field field = um_read_field(&d->r);
  if (d->r.err)
    return "";
  if (um_topic_filter_valid((const char *)field.at, field.len))
    return um_field_settle(field);
  malformed(d);
  return "";
}

/* Subscription Options. 5.0: reserved bits are malformed [MQTT-3.8.3-5/5], QoS
 * 3 and Retain Handling 3 protocol errors (3.8.3.1). 3.1.1: either is
 * malformed [MQTT-3.8.3-4/311]. */
static void read_options(struct decoding *d, uvmqtt_subscription_t *s) {
  uint8_t bits = um_read_u8(&d->r);
  s->qos = bits & 3;
  s->no_local = bits & 4;
  s->retain_as_published = bits & 8;
  s->retain_handling = bits >> 4 & 3;
  if (bits & (d->version == UM_V5 ? 0xC0 : 0xFC))
    malformed(d);
  if (s->qos == 3 && d->version == UM_V311)
    malformed(d);
  if (s->qos == 3 || s->retain_handling == 3)
    violation(d);
  /* [MQTT-3.8.3-4/5] */
  if (s->no_local && um_topic_is_shared(s->filter))
    violation(d);
}

static void decode_subscribe(struct decoding *d, struct um_packet *p) {
  size_t n = 0;
  read_id(d, p);
  read_properties(d, p);
  while (um_reader_left(&d->r) > 0) {
    uvmqtt_subscription_t *s = room_for_item(d, n, sizeof *s);
    if (s == NULL)
      return;
    s->filter = read_filter(d);
    read_options(d, s);
    n++;
  }
  /* [MQTT-3.8.3-3/311] [MQTT-3.8.3-2/5] */
  if (n == 0)
    violation(d);
  p->u.subscribe = (struct um_subscribe){d->s->items, n};
}

static void decode_unsubscribe(struct decoding *d, struct um_packet *p) {
  size_t n = 0;
  read_id(d, p);
  read_properties(d, p);
  while (um_reader_left(&d->r) > 0) {
    const char **filter = room_for_item(d, n, sizeof *filter);
    if (filter == NULL)
      return;
    *filter = read_filter(d);
    n++;
  }
  /* [MQTT-3.10.3-2/both] */
  if (n == 0)
    violation(d);
  p->u.unsubscribe = (struct um_unsubscribe){d->s->items, n};
}

/* SUBACK and UNSUBACK. [MQTT-3.9.3-2/311] */
static void decode_suback(struct decoding *d, struct um_packet *p) {
  read_id(d, p);
  read_properties(d, p);
  struct um_suback *s = &p->u.suback;
  *s = (struct um_suback){d->r.at, um_reader_left(&d->r)};
  if (d->version == UM_V311 && p->type == UVMQTT_UNSUBACK)
    return; /* the end of the packet, or trailing bytes */
  if (s->n == 0)
    violation(d);
  for (size_t i = 0; i < s->n && d->r.err == 0; i++)
    check_reason(d, p, s->reasons[i]);
  d->r.at = d->r.end;
}

/* --- the others -----------------------------------------------------------*/

static void decode_connack(struct decoding *d, struct um_packet *p) {
  uint8_t flags = um_read_u8(&d->r);
  p->reason = um_read_u8(&d->r);
  p->u.connack.session_present = flags & 1;
  /* [MQTT-3.2.2-1/5] */
  if (flags & 0xFE)
    malformed(d);
  check_reason(d, p, p->reason);
  /* [MQTT-3.2.2-4/311] [MQTT-3.2.2-6/5] */
  if (flags & 1 && p->reason != 0)
    violation(d);
  read_properties(d, p);
}

static void decode_empty(struct decoding *d, struct um_packet *p) {
  (void)d;
  (void)p;
}

/* Nothing at all stands for reason 0 without properties; less than that
 * cannot be left out (3.15.2.1). */
static void decode_auth(struct decoding *d, struct um_packet *p) {
  if (um_reader_left(&d->r) > 0) {
    p->reason = um_read_u8(&d->r);
    read_properties(d, p);
  }
  check_reason(d, p, p->reason); /* [MQTT-3.15.2-1/5] */
}

static void (*const bodies[16])(struct decoding *, struct um_packet *) = {
    [UVMQTT_CONNECT] = decode_connect,
    [UVMQTT_CONNACK] = decode_connack,
    [UVMQTT_PUBLISH] = decode_publish,
    [UVMQTT_PUBACK] = decode_ack,
    [UVMQTT_PUBREC] = decode_ack,
    [UVMQTT_PUBREL] = decode_ack,
    [UVMQTT_PUBCOMP] = decode_ack,
    [UVMQTT_SUBSCRIBE] = decode_subscribe,
    [UVMQTT_SUBACK] = decode_suback,
    [UVMQTT_UNSUBSCRIBE] = decode_unsubscribe,
    [UVMQTT_UNSUBACK] = decode_suback,
    [UVMQTT_PINGREQ] = decode_empty,
    [UVMQTT_PINGRESP] = decode_empty,
    [UVMQTT_DISCONNECT] = read_reason,
    [UVMQTT_AUTH] = decode_auth,
};

/* Type, flags, sender: what the first byte alone tells. [MQTT-2.2.2-2/311] */
UM_INLINE int judge_header(uint8_t type, uint8_t flags,
                           const struct um_scratch *s) {
  const struct um_packet_rule *rule = &um_packet_rules[type];
  uint8_t senders = rule->senders[s->version == UM_V5];
  if (type != UVMQTT_PUBLISH && flags != rule->flags)
    return UVMQTT_EMALFORMED;
  if (senders == 0)
    return UVMQTT_EMALFORMED;
  return senders >> s->from & 1 ? 0 : UVMQTT_EPROTOCOL;
}

UM_INLINE int decode_body(struct um_span frame, struct um_scratch *s,
                          struct um_packet *ret,
                          void (*body)(struct decoding *, struct um_packet *)) {
  struct decoding d = {
      um_reader_of(frame.data + frame.body, frame.len - frame.body), s,
      FLAGS_OF(frame.data[0]), s->version};
  s->n_properties = 0;
  ret->reason = 0;
  ret->id = 0;
  ret->properties = NULL;
  ret->n_properties = 0;
  body(&d, ret);
  if (d.r.err == 0 && d.r.at != d.r.end)
    return UVMQTT_EMALFORMED;
  return d.r.err;
}

int um_decode_first(uint8_t byte, const struct um_scratch *s) {
  return judge_header(byte >> 4, FLAGS_OF(byte), s);
}

int um_decode(struct um_span frame, struct um_scratch *s,
              struct um_packet *ret) {
  uint8_t type = frame.data[0] >> 4;
  int err = judge_header(type, FLAGS_OF(frame.data[0]), s);
  if (err)
    return err;
  ret->type = type;
  /* Named, it is inlined: half the packets of a busy client are these. */
  if (type == UVMQTT_PUBLISH)
    return decode_body(frame, s, ret, decode_publish);
  return decode_body(frame, s, ret, bodies[type]);
}
