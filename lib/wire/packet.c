#include "wire/packet.h"
#include "base/alloc.h"
#include "base/err.h"
#include "wire/topic.h"

#include <string.h>

#define C (1u << UM_CLIENT)
#define S (1u << UM_SERVER)

/* [MQTT-2.2.2-1/311] [MQTT-2.1.3-1/5] [MQTT-3.6.1-1/both] [MQTT-3.8.1-1/both]
 * [MQTT-3.10.1-1/both]; type 0 belongs to nobody. */
const struct um_packet_rule um_packet_rules[16] = {
    [UVMQTT_CONNECT] = {0, {C, C}},
    [UVMQTT_CONNACK] = {0, {S, S}},
    [UVMQTT_PUBLISH] = {0, {C | S, C | S}},
    [UVMQTT_PUBACK] = {0, {C | S, C | S}},
    [UVMQTT_PUBREC] = {0, {C | S, C | S}},
    [UVMQTT_PUBREL] = {2, {C | S, C | S}},
    [UVMQTT_PUBCOMP] = {0, {C | S, C | S}},
    [UVMQTT_SUBSCRIBE] = {2, {C, C}},
    [UVMQTT_SUBACK] = {0, {S, S}},
    [UVMQTT_UNSUBSCRIBE] = {2, {C, C}},
    [UVMQTT_UNSUBACK] = {0, {S, S}},
    [UVMQTT_PINGREQ] = {0, {C, C}},
    [UVMQTT_PINGRESP] = {0, {S, S}},
    [UVMQTT_DISCONNECT] = {0, {C, C | S}},
    [UVMQTT_AUTH] = {0, {0, C | S}},
};

void um_scratch_done(struct um_scratch *s) {
  um_free(s->properties);
  um_free(s->items);
  um_free(s->will);
  *s = (struct um_scratch){.version = s->version,
                           .from = s->from,
                           .max_properties = s->max_properties};
}

int um_check_message(const uvmqtt_message_t *m, uint8_t in) {
  if (m->topic == NULL || !um_topic_name_valid(m->topic, strlen(m->topic)))
    return UVMQTT_ETOPIC;
  /* [MQTT-3.3.1-4/both] [MQTT-3.1.2-14/311] [MQTT-3.1.2-12/5] */
  if (m->qos > 2)
    return UVMQTT_EQOS;
  if (m->payload.len > 0 && m->payload.data == NULL)
    return UM_EINVAL;
  if (m->lane > UVMQTT_LANE_BULK)
    return UM_EINVAL;
  /* a Will payload is binary data with two bytes of length */
  if (in == 0 && m->payload.len > UM_STRING_MAX)
    return UM_EINVAL;
  /* aliases are given by us */
  if (uvmqtt_property_find(m->properties,
                           m->properties == NULL ? 0 : m->n_properties,
                           UVMQTT_PROPERTY_TOPIC_ALIAS) != NULL)
    return UVMQTT_EPROPERTY;
  return um_check_properties(m->properties, m->n_properties, in);
}

int um_check_filter(const char *filter) {
  if (filter == NULL || !um_topic_filter_valid(filter, strlen(filter)))
    return UVMQTT_EFILTER;
  return 0;
}

int um_check_subscription(const uvmqtt_subscription_t *s) {
  int err = um_check_filter(s->filter);
  if (err)
    return err;
  if (s->qos > 2)
    return UVMQTT_EQOS;
  if (s->retain_handling > 2)
    return UM_EINVAL;
  /* [MQTT-3.8.3-4/5] */
  return s->no_local && um_topic_is_shared(s->filter) ? UM_EINVAL : 0;
}
