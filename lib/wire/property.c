#include "wire/property.h"
#include "base/alloc.h"
#include "base/utf8.h"
#include "wire/topic.h"

enum { MOST_PROPERTIES = 1000 };

#define SHAPE_U8 UM_U8
#define SHAPE_U16 UM_U16
#define SHAPE_U32 UM_U32
#define SHAPE_VAR UM_VAR
#define SHAPE_STR UM_STR
#define SHAPE_BIN UM_BIN
#define SHAPE_PAIR UM_PAIR

static const struct um_property_rule rules[] = {
#define X(id, name, shape, packets, repeats, min, max)                         \
  [id] = {SHAPE_##shape, packets, repeats, min, max},
    UVMQTT_PROPERTY_MAP(X)
#undef X
};

#define BIT(id) (UINT64_C(1) << (id))

const struct um_property_rule *um_property_rule(uint32_t id) {
  if (id >= sizeof rules / sizeof rules[0] || rules[id].shape == 0)
    return NULL;
  return &rules[id];
}

/* The one thing the table cannot say: who may send it. [MQTT-3.3.4-6/5]
 * [MQTT-3.14.2-2/5]; a Server Reference in DISCONNECT is for clients
 * (3.14.2.2.5). */
static bool sender_may(uint32_t id, uint8_t in, uint8_t from) {
  if (in == UVMQTT_PUBLISH && id == UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER)
    return from == UM_SERVER;
  if (in != UVMQTT_DISCONNECT)
    return true;
  if (id == UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL)
    return from == UM_CLIENT;
  return id != UVMQTT_PROPERTY_SERVER_REFERENCE || from == UM_SERVER;
}

static bool allowed(const struct um_property_rule *rule, uint32_t id,
                    uint8_t in, uint8_t from) {
  return (rule->packets >> in & 1) && sender_may(id, in, from);
}

static bool repeats(const struct um_property_rule *rule, uint8_t in) {
  return rule->repeats >> in & 1;
}

static bool numeric(const struct um_property_rule *rule) {
  return rule->shape <= UM_VAR;
}

static bool in_range(const struct um_property_rule *rule, uint32_t num) {
  return num >= rule->min && num <= rule->max;
}

/* --- reading --------------------------------------------------------------*/

static uvmqtt_property_t *room_for_one(struct um_reader *r,
                                       struct um_scratch *s) {
  size_t most = s->max_properties ? s->max_properties : MOST_PROPERTIES;
  if (s->n_properties >= most) {
    um_reader_fail(r, UVMQTT_ETOOBIG);
    return NULL;
  }
  if (s->n_properties < s->cap_properties)
    return &s->properties[s->n_properties];
  size_t cap = s->cap_properties ? s->cap_properties * 2 : 8;
  void *p = um_realloc(s->properties, cap * sizeof *s->properties);
  if (p == NULL) {
    um_reader_fail(r, UM_ENOMEM);
    return NULL;
  }
  s->properties = p;
  s->cap_properties = cap;
  return &s->properties[s->n_properties];
}

static void read_value(struct um_reader *r, uint8_t shape,
                       uvmqtt_property_t *p) {
  switch (shape) {
  case UM_U8:
    p->value.num = um_read_u8(r);
    break;
  case UM_U16:
    p->value.num = um_read_u16(r);
    break;
  case UM_U32:
    p->value.num = um_read_u32(r);
    break;
  case UM_VAR:
    p->value.num = um_read_varint(r);
    break;
  case UM_STR:
    p->value.str = um_read_str(r);
    break;
  case UM_BIN:
    p->value.bin = um_read_bin(r);
    break;
  default: /* [MQTT-1.5.7-1/5] */
    p->value.pair.key = um_read_str(r);
    p->value.pair.value = um_read_str(r);
  }
}

static int judge_value(const struct um_property_rule *rule,
                       const uvmqtt_property_t *p) {
  if (numeric(rule) && !in_range(rule, p->value.num))
    return p->id == UVMQTT_PROPERTY_TOPIC_ALIAS ? UVMQTT_ETOPICALIAS
                                                : UVMQTT_EPROTOCOL;
  /* [MQTT-3.3.2-14/5] */
  if (p->id == UVMQTT_PROPERTY_RESPONSE_TOPIC &&
      !um_topic_name_valid(p->value.str, strlen(p->value.str)))
    return UVMQTT_EPROTOCOL;
  return 0;
}

static void read_one(struct um_reader *r, struct um_scratch *s, uint8_t in,
                     uint64_t *seen) {
  uint32_t id = um_read_varint(r);
  const struct um_property_rule *rule = um_property_rule(id);
  if (rule == NULL) {
    um_reader_fail(r, UVMQTT_EMALFORMED);
    return;
  }
  if (!allowed(rule, id, in, s->from) ||
      (*seen & BIT(id) && !repeats(rule, in))) {
    um_reader_fail(r, UVMQTT_EPROTOCOL);
    return;
  }
  *seen |= BIT(id);
  uvmqtt_property_t *p = room_for_one(r, s);
  if (p == NULL)
    return;
  p->id = (uvmqtt_property_id_t)id;
  read_value(r, rule->shape, p);
  int err = r->err ? r->err : judge_value(rule, p);
  if (err)
    um_reader_fail(r, err);
  else
    s->n_properties++;
}

size_t um_read_properties(struct um_reader *r, struct um_scratch *s,
                          uint8_t in) {
  size_t before = s->n_properties, len = um_read_varint(r);
  if (len > um_reader_left(r)) {
    um_reader_fail(r, UVMQTT_EMALFORMED);
    return 0;
  }
  struct um_reader own = um_reader_of(r->at, len);
  uint64_t seen = 0;
  while (um_reader_left(&own) > 0)
    read_one(&own, s, in, &seen);
  r->at += len;
  if (own.err)
    um_reader_fail(r, own.err);
  return s->n_properties - before;
}

/* --- writing --------------------------------------------------------------*/

static uint64_t value_size(uint8_t shape, const uvmqtt_property_t *p) {
  switch (shape) {
  case UM_U8:
    return 1;
  case UM_U16:
    return 2;
  case UM_U32:
    return 4;
  case UM_VAR:
    return um_varint_size(p->value.num);
  case UM_STR:
    return um_field_size(strlen(p->value.str));
  case UM_BIN:
    return um_field_size(p->value.bin.len);
  default:
    return um_field_size(strlen(p->value.pair.key)) +
           um_field_size(strlen(p->value.pair.value));
  }
}

uint64_t um_properties_size(const uvmqtt_property_t *p, size_t n) {
  uint64_t size = 0;
  for (size_t i = 0; i < n; i++)
    size += 1 + value_size(rules[p[i].id].shape, &p[i]);
  return size;
}

static uint8_t *write_value(uint8_t *at, uint8_t shape,
                            const uvmqtt_property_t *p) {
  switch (shape) {
  case UM_U8:
    return um_write_u8(at, (uint8_t)p->value.num);
  case UM_U16:
    return um_write_u16(at, (uint16_t)p->value.num);
  case UM_U32:
    return um_write_u32(at, p->value.num);
  case UM_VAR:
    return um_write_varint(at, p->value.num);
  case UM_STR:
    return um_write_str(at, p->value.str);
  case UM_BIN:
    return um_write_field(at, p->value.bin.data, p->value.bin.len);
  default:
    at = um_write_str(at, p->value.pair.key);
    return um_write_str(at, p->value.pair.value);
  }
}

uint8_t *um_write_properties(uint8_t *at, const uvmqtt_property_t *p, size_t n,
                             uint32_t size) {
  at = um_write_varint(at, size);
  for (size_t i = 0; i < n; i++) {
    at = um_write_u8(at, (uint8_t)p[i].id);
    at = write_value(at, rules[p[i].id].shape, &p[i]);
  }
  return at;
}

/* --- checking what a caller passes ----------------------------------------*/

static int check_str(const char *s) {
  size_t len = s == NULL ? UM_STRING_MAX + 1 : strlen(s);
  if (len > UM_STRING_MAX)
    return UVMQTT_EPROPERTY;
  return um_utf8_valid(s, len) ? 0 : UVMQTT_EUTF8;
}

static int check_bin(uvmqtt_bytes_t bin) {
  if (bin.len > UM_STRING_MAX || (bin.len > 0 && bin.data == NULL))
    return UVMQTT_EPROPERTY;
  return 0;
}

static int check_value(const struct um_property_rule *rule,
                       const uvmqtt_property_t *p) {
  if (rule->shape == UM_BIN)
    return check_bin(p->value.bin);
  if (rule->shape == UM_PAIR) {
    int err = check_str(p->value.pair.key);
    return err ? err : check_str(p->value.pair.value);
  }
  if (rule->shape == UM_STR) {
    int err = check_str(p->value.str);
    if (err)
      return err;
  }
  return judge_value(rule, p) ? UVMQTT_EPROPERTY : 0;
}

int um_check_properties(const uvmqtt_property_t *p, size_t n, uint8_t in) {
  uint64_t seen = 0;
  if (n > 0 && p == NULL)
    return UM_EINVAL;
  for (size_t i = 0; i < n; i++) {
    const struct um_property_rule *rule = um_property_rule((uint32_t)p[i].id);
    if (rule == NULL || !allowed(rule, (uint32_t)p[i].id, in, UM_CLIENT))
      return UVMQTT_EPROPERTY;
    if (seen & BIT(p[i].id) && !repeats(rule, in))
      return UVMQTT_EPROPERTY;
    seen |= BIT(p[i].id);
    int err = check_value(rule, &p[i]);
    if (err)
      return err;
  }
  return 0;
}

/* --- public ---------------------------------------------------------------*/

const uvmqtt_property_t *uvmqtt_property_find(const uvmqtt_property_t *p,
                                              size_t n,
                                              uvmqtt_property_id_t id) {
  for (size_t i = 0; i < n; i++)
    if (p[i].id == id)
      return &p[i];
  return NULL;
}

const char *uvmqtt_property_name(uvmqtt_property_id_t id) {
  static const char *const names[] = {
      [UVMQTT_PROPERTY_PAYLOAD_FORMAT_INDICATOR] = "Payload Format Indicator",
      [UVMQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL] = "Message Expiry Interval",
      [UVMQTT_PROPERTY_CONTENT_TYPE] = "Content Type",
      [UVMQTT_PROPERTY_RESPONSE_TOPIC] = "Response Topic",
      [UVMQTT_PROPERTY_CORRELATION_DATA] = "Correlation Data",
      [UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER] = "Subscription Identifier",
      [UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL] = "Session Expiry Interval",
      [UVMQTT_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER] =
          "Assigned Client Identifier",
      [UVMQTT_PROPERTY_SERVER_KEEP_ALIVE] = "Server Keep Alive",
      [UVMQTT_PROPERTY_AUTHENTICATION_METHOD] = "Authentication Method",
      [UVMQTT_PROPERTY_AUTHENTICATION_DATA] = "Authentication Data",
      [UVMQTT_PROPERTY_REQUEST_PROBLEM_INFORMATION] =
          "Request Problem Information",
      [UVMQTT_PROPERTY_WILL_DELAY_INTERVAL] = "Will Delay Interval",
      [UVMQTT_PROPERTY_REQUEST_RESPONSE_INFORMATION] =
          "Request Response Information",
      [UVMQTT_PROPERTY_RESPONSE_INFORMATION] = "Response Information",
      [UVMQTT_PROPERTY_SERVER_REFERENCE] = "Server Reference",
      [UVMQTT_PROPERTY_REASON_STRING] = "Reason String",
      [UVMQTT_PROPERTY_RECEIVE_MAXIMUM] = "Receive Maximum",
      [UVMQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM] = "Topic Alias Maximum",
      [UVMQTT_PROPERTY_TOPIC_ALIAS] = "Topic Alias",
      [UVMQTT_PROPERTY_MAXIMUM_QOS] = "Maximum QoS",
      [UVMQTT_PROPERTY_RETAIN_AVAILABLE] = "Retain Available",
      [UVMQTT_PROPERTY_USER_PROPERTY] = "User Property",
      [UVMQTT_PROPERTY_MAXIMUM_PACKET_SIZE] = "Maximum Packet Size",
      [UVMQTT_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE] =
          "Wildcard Subscription Available",
      [UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE] =
          "Subscription Identifier Available",
      [UVMQTT_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE] =
          "Shared Subscription Available",
  };
  return um_property_rule((uint32_t)id) == NULL ? "?" : names[id];
}
