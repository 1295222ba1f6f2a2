#include "base/err.h"
#include "base/inline.h"
#include "wire/packet.h"
#include "wire/property.h"
#include "wire/writer.h"

#include <assert.h>

/* Computed once, used for the length and for the bytes. */
struct sizes {
  uint64_t body;
  uint64_t properties, will_properties; /* without their own length */
};

/* What an optional tail of a packet consists of. */
enum tail { NOTHING, REASON, REASON_AND_PROPERTIES };

UM_INLINE uint64_t properties_size(uint8_t version, const uvmqtt_property_t *p,
                                   size_t n, uint64_t *ret_size) {
  if (version != UM_V5)
    return 0;
  *ret_size = n > 0 ? um_properties_size(p, n) : 0;
  return um_varint_size(*ret_size) + *ret_size;
}

UM_INLINE uint8_t *write_properties(uint8_t *at, uint8_t version,
                                    const uvmqtt_property_t *p, size_t n,
                                    uint64_t size) {
  if (version != UM_V5)
    return at;
  if (n == 0)
    return um_write_u8(at, 0);
  return um_write_properties(at, p, n, (uint32_t)size);
}

/* --- CONNECT --------------------------------------------------------------*/

static void size_connect(uint8_t version, const struct um_packet *p,
                         struct sizes *s) {
  const struct um_connect *c = &p->u.connect;
  const uvmqtt_message_t *will = c->will;
  s->body = 10 + um_field_size(strlen(c->client_id));
  s->body +=
      properties_size(version, p->properties, p->n_properties, &s->properties);
  if (will != NULL) {
    s->body += properties_size(version, will->properties, will->n_properties,
                               &s->will_properties);
    s->body += um_field_size(strlen(will->topic));
    s->body += um_field_size(will->payload.len);
  }
  if (c->username != NULL)
    s->body += um_field_size(strlen(c->username));
  if (c->has_password)
    s->body += um_field_size(c->password.len);
}

static uint8_t connect_flags(const struct um_connect *c) {
  unsigned flags = (unsigned)c->clean_start << 1;
  if (c->will != NULL)
    flags |=
        1u << 2 | (unsigned)c->will->qos << 3 | (unsigned)c->will->retain << 5;
  flags |= (unsigned)c->has_password << 6;
  flags |= (unsigned)(c->username != NULL) << 7;
  return (uint8_t)flags;
}

static uint8_t *write_will(uint8_t *at, uint8_t version,
                           const uvmqtt_message_t *will, uint64_t properties) {
  at = write_properties(at, version, will->properties, will->n_properties,
                        properties);
  at = um_write_str(at, will->topic);
  at = um_write_field(at, will->payload.data, will->payload.len);
  return at;
}

/* [MQTT-3.1.3-1/both] the order of the fields */
static uint8_t *write_connect(uint8_t *at, uint8_t version,
                              const struct um_packet *p,
                              const struct sizes *s) {
  const struct um_connect *c = &p->u.connect;
  at = um_write_field(at, "MQTT", 4);
  at = um_write_u8(at, version);
  at = um_write_u8(at, connect_flags(c));
  at = um_write_u16(at, c->keep_alive);
  at = write_properties(at, version, p->properties, p->n_properties,
                        s->properties);
  at = um_write_str(at, c->client_id);
  if (c->will != NULL)
    at = write_will(at, version, c->will, s->will_properties);
  if (c->username != NULL)
    at = um_write_str(at, c->username);
  if (c->has_password)
    at = um_write_field(at, c->password.data, c->password.len);
  return at;
}

/* --- CONNACK --------------------------------------------------------------*/

static void size_connack(uint8_t version, const struct um_packet *p,
                         struct sizes *s) {
  s->body = 2 + properties_size(version, p->properties, p->n_properties,
                                &s->properties);
}

static uint8_t *write_connack(uint8_t *at, uint8_t version,
                              const struct um_packet *p,
                              const struct sizes *s) {
  at = um_write_u8(at, p->u.connack.session_present);
  at = um_write_u8(at, p->reason);
  at = write_properties(at, version, p->properties, p->n_properties,
                        s->properties);
  return at;
}

/* --- PUBLISH --------------------------------------------------------------*/

UM_INLINE void size_publish(uint8_t version, const struct um_packet *p,
                            struct sizes *s) {
  const struct um_publish *m = &p->u.publish;
  s->body = um_field_size(m->topic_len) + (m->qos > 0 ? 2 : 0);
  s->body +=
      properties_size(version, p->properties, p->n_properties, &s->properties);
  /* adding could wrap */
  if (m->payload.len > UM_PACKET_MAX)
    s->body = (uint64_t)UM_PACKET_MAX + 1;
  else
    s->body += m->payload.len;
}

UM_INLINE uint8_t *write_publish(uint8_t *at, uint8_t version,
                                 const struct um_packet *p,
                                 const struct sizes *s) {
  const struct um_publish *m = &p->u.publish;
  at = um_write_field(at, m->topic, m->topic_len);
  if (m->qos > 0) /* [MQTT-2.3.1-5/311] [MQTT-2.2.1-2/5] */
    at = um_write_u16(at, p->id);
  at = write_properties(at, version, p->properties, p->n_properties,
                        s->properties);
  at = um_write_raw(at, m->payload.data, m->payload.len);
  return at;
}

/* [MQTT-3.3.1-2/both] DUP is 0 with QoS 0 */
UM_INLINE uint8_t publish_flags(const struct um_publish *m) {
  return (uint8_t)((m->dup && m->qos > 0) << 3 | m->qos << 1 | m->retain);
}

/* --- PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT, AUTH --------------------*/

/* Reason and properties may be left out (3.4.2.1, 3.4.2.2.1, 3.14.2.1); AUTH
 * has both or none (3.15.2.1). */
static enum tail tail_of(uint8_t version, const struct um_packet *p) {
  if (version != UM_V5)
    return NOTHING;
  if (p->n_properties > 0)
    return REASON_AND_PROPERTIES;
  if (p->reason == 0)
    return NOTHING;
  return p->type == UVMQTT_AUTH ? REASON_AND_PROPERTIES : REASON;
}

static uint64_t tail_size(uint8_t version, const struct um_packet *p,
                          struct sizes *s) {
  enum tail tail = tail_of(version, p);
  if (tail == REASON_AND_PROPERTIES)
    return 1 + properties_size(version, p->properties, p->n_properties,
                               &s->properties);
  return tail == REASON ? 1 : 0;
}

static void size_tail(uint8_t version, const struct um_packet *p,
                      struct sizes *s) {
  s->body = tail_size(version, p, s);
}

static uint8_t *write_tail(uint8_t *at, uint8_t version,
                           const struct um_packet *p, const struct sizes *s) {
  enum tail tail = tail_of(version, p);
  if (tail != NOTHING)
    at = um_write_u8(at, p->reason);
  if (tail == REASON_AND_PROPERTIES)
    at = write_properties(at, version, p->properties, p->n_properties,
                          s->properties);
  return at;
}

static void size_ack(uint8_t version, const struct um_packet *p,
                     struct sizes *s) {
  s->body = 2 + tail_size(version, p, s);
}

static uint8_t *write_ack(uint8_t *at, uint8_t version,
                          const struct um_packet *p, const struct sizes *s) {
  at = um_write_u16(at, p->id);
  at = write_tail(at, version, p, s);
  return at;
}

/* --- SUBSCRIBE, UNSUBSCRIBE, SUBACK, UNSUBACK -----------------------------*/

static void size_subscribe(uint8_t version, const struct um_packet *p,
                           struct sizes *s) {
  s->body = 2 + properties_size(version, p->properties, p->n_properties,
                                &s->properties);
  for (size_t i = 0; i < p->u.subscribe.n; i++)
    s->body += um_field_size(strlen(p->u.subscribe.filters[i].filter)) + 1;
}

/* [MQTT-3.8.3-4/311] [MQTT-3.8.3-5/5] reserved bits are 0 */
static uint8_t subscription_options(uint8_t version,
                                    const uvmqtt_subscription_t *s) {
  if (version != UM_V5)
    return s->qos;
  return (uint8_t)(s->qos | s->no_local << 2 | s->retain_as_published << 3 |
                   s->retain_handling << 4);
}

static uint8_t *write_subscribe(uint8_t *at, uint8_t version,
                                const struct um_packet *p,
                                const struct sizes *s) {
  at = um_write_u16(at, p->id);
  at = write_properties(at, version, p->properties, p->n_properties,
                        s->properties);
  for (size_t i = 0; i < p->u.subscribe.n; i++) {
    const uvmqtt_subscription_t *filter = &p->u.subscribe.filters[i];
    at = um_write_str(at, filter->filter);
    at = um_write_u8(at, subscription_options(version, filter));
  }
  return at;
}

static void size_unsubscribe(uint8_t version, const struct um_packet *p,
                             struct sizes *s) {
  s->body = 2 + properties_size(version, p->properties, p->n_properties,
                                &s->properties);
  for (size_t i = 0; i < p->u.unsubscribe.n; i++)
    s->body += um_field_size(strlen(p->u.unsubscribe.filters[i]));
}

static uint8_t *write_unsubscribe(uint8_t *at, uint8_t version,
                                  const struct um_packet *p,
                                  const struct sizes *s) {
  at = um_write_u16(at, p->id);
  at = write_properties(at, version, p->properties, p->n_properties,
                        s->properties);
  for (size_t i = 0; i < p->u.unsubscribe.n; i++)
    at = um_write_str(at, p->u.unsubscribe.filters[i]);
  return at;
}

static bool has_codes(uint8_t version, const struct um_packet *p) {
  return version == UM_V5 || p->type == UVMQTT_SUBACK;
}

static void size_suback(uint8_t version, const struct um_packet *p,
                        struct sizes *s) {
  s->body = 2 + properties_size(version, p->properties, p->n_properties,
                                &s->properties);
  s->body += has_codes(version, p) ? p->u.suback.n : 0;
}

static uint8_t *write_suback(uint8_t *at, uint8_t version,
                             const struct um_packet *p, const struct sizes *s) {
  at = um_write_u16(at, p->id);
  at = write_properties(at, version, p->properties, p->n_properties,
                        s->properties);
  if (has_codes(version, p))
    at = um_write_raw(at, p->u.suback.reasons, p->u.suback.n);
  return at;
}

/* --- all of them ----------------------------------------------------------*/

static void size_empty(uint8_t version, const struct um_packet *p,
                       struct sizes *s) {
  (void)version;
  (void)p;
  s->body = 0;
}

static uint8_t *write_empty(uint8_t *at, uint8_t version,
                            const struct um_packet *p, const struct sizes *s) {
  (void)version;
  (void)p;
  (void)s;
  return at;
}

struct codec {
  void (*size)(uint8_t, const struct um_packet *, struct sizes *);
  uint8_t *(*write)(uint8_t *, uint8_t, const struct um_packet *,
                    const struct sizes *);
};

static const struct codec codecs[16] = {
    [UVMQTT_CONNECT] = {size_connect, write_connect},
    [UVMQTT_CONNACK] = {size_connack, write_connack},
    [UVMQTT_PUBLISH] = {size_publish, write_publish},
    [UVMQTT_PUBACK] = {size_ack, write_ack},
    [UVMQTT_PUBREC] = {size_ack, write_ack},
    [UVMQTT_PUBREL] = {size_ack, write_ack},
    [UVMQTT_PUBCOMP] = {size_ack, write_ack},
    [UVMQTT_SUBSCRIBE] = {size_subscribe, write_subscribe},
    [UVMQTT_SUBACK] = {size_suback, write_suback},
    [UVMQTT_UNSUBSCRIBE] = {size_unsubscribe, write_unsubscribe},
    [UVMQTT_UNSUBACK] = {size_suback, write_suback},
    [UVMQTT_PINGREQ] = {size_empty, write_empty},
    [UVMQTT_PINGRESP] = {size_empty, write_empty},
    [UVMQTT_DISCONNECT] = {size_tail, write_tail},
    [UVMQTT_AUTH] = {size_tail, write_tail},
};

UM_INLINE uint8_t first_byte(const struct um_packet *p) {
  uint8_t flags = p->type == UVMQTT_PUBLISH ? publish_flags(&p->u.publish)
                                            : um_packet_rules[p->type].flags;
  return (uint8_t)(p->type << 4 | flags);
}

/* Fixed header and body; 0 when it is more than a packet can have. */
UM_INLINE size_t total_size(const struct sizes *s) {
  if (s->body > UM_PACKET_MAX)
    return 0;
  return 1 + um_varint_size(s->body) + (size_t)s->body;
}

size_t um_encoded_size(uint8_t version, const struct um_packet *p) {
  struct sizes sizes = {0};
  codecs[p->type].size(version, p, &sizes);
  return total_size(&sizes);
}

UM_INLINE int encode(struct um_buf *out, uint8_t version,
                     const struct um_packet *p, const struct codec *codec) {
  struct sizes sizes = {0};
  codec->size(version, p, &sizes);
  size_t total = total_size(&sizes);
  if (total == 0)
    return UVMQTT_ETOOBIG;
  uint8_t *room = um_buf_reserve(out, total);
  if (room == NULL)
    return UM_ENOMEM;
  uint8_t *at = um_write_u8(room, first_byte(p));
  at = um_write_varint(at, (uint32_t)sizes.body);
  at = codec->write(at, version, p, &sizes);
  assert(at == room + total);
  (void)at;
  um_buf_commit(out, total);
  return 0;
}

int um_encode(struct um_buf *out, uint8_t version, const struct um_packet *p) {
  /* The constant lets the compiler see through the table: a third less work
   * for the packet that there are most of. */
  if (p->type == UVMQTT_PUBLISH)
    return encode(out, version, p, &codecs[UVMQTT_PUBLISH]);
  return encode(out, version, p, &codecs[p->type]);
}
