#include "session/limits.h"

#include "base/err.h"
#include "base/mutant.h"
#include "wire/topic.h"
#include <string.h>

#define PACKET_SIZE_MAX (UM_PACKET_MAX + 5u) /* with the fixed header */

static void read_property(struct um_limits *l, const uvmqtt_property_t *p) {
  switch (p->id) {
  case UVMQTT_PROPERTY_SERVER_KEEP_ALIVE: /* [MQTT-3.1.2-21/5] */
    if (!UM_MUTANT(30))
      l->keep_alive = (uint16_t)p->value.num;
    break;
  case UVMQTT_PROPERTY_RECEIVE_MAXIMUM:
    l->receive_maximum = (uint16_t)p->value.num;
    break;
  case UVMQTT_PROPERTY_MAXIMUM_PACKET_SIZE:
    l->maximum_packet_size = p->value.num;
    break;
  case UVMQTT_PROPERTY_MAXIMUM_QOS:
    l->maximum_qos = (uint8_t)p->value.num;
    break;
  case UVMQTT_PROPERTY_RETAIN_AVAILABLE:
    l->retain_available = p->value.num != 0;
    break;
  case UVMQTT_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE:
    l->wildcard_available = p->value.num != 0;
    break;
  case UVMQTT_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE:
    l->shared_available = p->value.num != 0;
    break;
  case UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE:
    l->identifier_available = p->value.num != 0;
    break;
  case UVMQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM:
    l->topic_alias_maximum = (uint16_t)p->value.num;
    break;
  case UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL: /* 3.2.2.3.2 */
    l->session_expiry = p->value.num;
    break;
  default:
    break;
  }
}

static uint16_t least(uint16_t a, uint16_t b) {
  return a < b ? a : b;
}

/* What the user, or experience with 3.1.1 servers, allows. */
static uint16_t inflight_cap(const struct um_asked *asked) {
  if (asked->max_inflight != 0)
    return asked->max_inflight;
  return asked->version == UM_V311 ? UM_INFLIGHT_311 : UINT16_MAX;
}

void um_limits_read(struct um_limits *l, const struct um_asked *asked,
                    const struct um_packet *connack) {
  *l = (struct um_limits){
      .version = asked->version,
      .keep_alive = asked->keep_alive,
      .session_expiry = asked->session_expiry,
      .receive_maximum = 65535,
      .maximum_packet_size = PACKET_SIZE_MAX,
      .maximum_qos = 2,
      .retain_available = true,
      .wildcard_available = true,
      .shared_available = true,
      .identifier_available = true,
  };
  for (size_t i = 0; i < connack->n_properties; i++)
    read_property(l, &connack->properties[i]);
  l->receive_maximum = least(l->receive_maximum, inflight_cap(asked));
  if (l->maximum_packet_size > PACKET_SIZE_MAX)
    l->maximum_packet_size = PACKET_SIZE_MAX;
}

/* 3.1.1 has a filter and a QoS, nothing else. */
static bool says_more_than_311(const struct um_subscribe *s) {
  for (size_t i = 0; i < s->n; i++) {
    const uvmqtt_subscription_t *f = &s->filters[i];
    if (f->no_local || f->retain_as_published || f->retain_handling != 0)
      return true;
  }
  return false;
}

static int check_311(const struct um_packet *p, bool drop_properties) {
  if (p->n_properties != 0 && !drop_properties)
    return UVMQTT_ENOTSUP;
  if (p->type == UVMQTT_SUBSCRIBE && says_more_than_311(&p->u.subscribe))
    return UVMQTT_ENOTSUP;
  return 0;
}

static bool filter_allowed(const struct um_limits *l, const char *filter) {
  if (!l->shared_available && um_topic_is_shared(filter))
    return false;
  return l->wildcard_available || strpbrk(filter, "+#") == NULL;
}

static int check_subscribe(const struct um_limits *l,
                           const struct um_packet *p) {
  for (size_t i = 0; i < p->u.subscribe.n; i++)
    if (!filter_allowed(l, p->u.subscribe.filters[i].filter))
      return UVMQTT_ENOTSUP;
  if (l->identifier_available)
    return 0;
  bool has = uvmqtt_property_find(p->properties, p->n_properties,
                                  UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER);
  return has ? UVMQTT_ENOTSUP : 0;
}

static int check_publish(const struct um_limits *l,
                         const struct um_publish *p) {
  if (p->qos > l->maximum_qos && !UM_MUTANT(39)) /* [MQTT-3.2.2-11/5] */
    return UVMQTT_ENOTSUP;
  if (p->retain && !l->retain_available) /* [MQTT-3.2.2-14/5] */
    return UVMQTT_ENOTSUP;
  return 0;
}

int um_limits_check(const struct um_limits *l, const struct um_packet *p,
                    bool drop_properties) {
  int r = 0;
  if (l->version == UM_V311)
    r = check_311(p, drop_properties);
  if (r == 0 && p->type == UVMQTT_PUBLISH)
    r = check_publish(l, &p->u.publish);
  else if (r == 0 && p->type == UVMQTT_SUBSCRIBE)
    r = check_subscribe(l, p);
  if (r)
    return r;
  if (l->maximum_packet_size == PACKET_SIZE_MAX || UM_MUTANT(38))
    return 0; /* um_encode refuses what is larger */
  size_t size = um_encoded_size(l->version, p);
  if (size == 0 || size > l->maximum_packet_size) /* [MQTT-3.2.2-15/5] */
    return UVMQTT_ETOOBIG;
  return 0;
}
