#include "session/trace.h"

static void of_connect(const struct um_packet *p, uvmqtt_trace_t *ret) {
  ret->client_id = p->u.connect.client_id;
  ret->clean_start = p->u.connect.clean_start;
  ret->keep_alive = p->u.connect.keep_alive;
}

static void of_connack(const struct um_packet *p, uvmqtt_trace_t *ret) {
  ret->session_present = p->u.connack.session_present;
}

static void of_publish(const struct um_packet *p, uvmqtt_trace_t *ret) {
  const uvmqtt_property_t *alias = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_TOPIC_ALIAS);
  ret->topic = p->u.publish.topic;
  ret->topic_alias = alias == NULL ? 0 : (uint16_t)alias->value.num;
  ret->payload = p->u.publish.payload.len;
  ret->qos = p->u.publish.qos;
  ret->retain = p->u.publish.retain;
  ret->dup = p->u.publish.dup;
}

static void of_subscribe(const struct um_packet *p, uvmqtt_trace_t *ret) {
  ret->n_filters = p->u.subscribe.n;
  ret->topic = p->u.subscribe.filters[0].filter;
  ret->qos = p->u.subscribe.filters[0].qos;
}

static void of_unsubscribe(const struct um_packet *p, uvmqtt_trace_t *ret) {
  ret->n_filters = p->u.unsubscribe.n;
  ret->topic = p->u.unsubscribe.filters[0];
}

static void of_suback(const struct um_packet *p, uvmqtt_trace_t *ret) {
  ret->n_filters = p->u.suback.n;
  if (ret->n_filters != 0)
    ret->reason = p->u.suback.reasons[0];
}

static void describe(const struct um_packet *p, uvmqtt_trace_t *ret) {
  static void (*const parts[16])(const struct um_packet *, uvmqtt_trace_t *) = {
      [UVMQTT_CONNECT] = of_connect, [UVMQTT_CONNACK] = of_connack,
      [UVMQTT_PUBLISH] = of_publish, [UVMQTT_SUBSCRIBE] = of_subscribe,
      [UVMQTT_SUBACK] = of_suback,   [UVMQTT_UNSUBSCRIBE] = of_unsubscribe,
      [UVMQTT_UNSUBACK] = of_suback,
  };
  ret->id = p->id;
  ret->reason = p->reason;
  ret->n_properties = p->n_properties;
  if (parts[p->type] != NULL)
    parts[p->type](p, ret);
}

void um_trace_sent(const struct um_session *s, const struct um_packet *p,
                   size_t len) {
  uvmqtt_trace_t trace = {
      .sent = true, .type = p->type, .version = s->version, .length = len};
  describe(p, &trace);
  s->events->trace(s->up, &trace);
}

/* Of a message in parts its head comes first, and the rest is known. */
void um_trace_received(const struct um_session *s, struct um_span frame,
                       const struct um_packet *p, int error) {
  size_t rest = s->frame.payload_left;
  uvmqtt_trace_t trace = {.type = frame.data[0] >> 4,
                          .version = s->version,
                          .length = frame.len + rest,
                          .error = error};
  if (error == 0)
    describe(p, &trace);
  if (error == 0 && p->type == UVMQTT_PUBLISH)
    trace.payload += rest;
  s->events->trace(s->up, &trace);
}
