/* One packet that came: may it come now, what is it, whose is it? */
#include "session/receive.h"

#include "base/err.h"
#include "session/acks.h"
#include "session/deliver.h"
#include "session/greet.h"
#include "session/trace.h"

static int recv_pingresp(struct um_session *s, struct um_packet *p) {
  (void)p;
  um_keepalive_answered(&s->keepalive, s->now); /* unsolicited: no harm */
  s->counters.ping_rtt = s->keepalive.rtt;
  s->rearm = true;
  return 0;
}

static int recv_disconnect(struct um_session *s, struct um_packet *p) {
  um_greet_note_reason(s, p, p->reason);
  return UVMQTT_EDISCONNECTED;
}

#define IN(state) (1u << UM_SESSION_##state)

/* What may come when; anything else is a protocol error. */
static const struct rx_rule {
  uint8_t states;
  int (*recv)(struct um_session *s, struct um_packet *p);
} rx[16] = {
    [UVMQTT_CONNACK] = {IN(GREETING), um_recv_connack},
    [UVMQTT_PUBLISH] = {IN(UP), um_recv_publish},
    [UVMQTT_PUBACK] = {IN(UP), um_recv_puback},
    [UVMQTT_PUBREC] = {IN(UP), um_recv_pubrec},
    [UVMQTT_PUBREL] = {IN(UP), um_recv_pubrel},
    [UVMQTT_PUBCOMP] = {IN(UP), um_recv_pubcomp},
    [UVMQTT_SUBACK] = {IN(UP), um_recv_suback},
    [UVMQTT_UNSUBACK] = {IN(UP), um_recv_unsuback},
    [UVMQTT_PINGRESP] = {IN(UP), recv_pingresp},
    [UVMQTT_DISCONNECT] = {IN(UP), recv_disconnect},
    [UVMQTT_AUTH] = {IN(GREETING) | IN(UP), um_recv_auth},
};

/* An unreadable SUBACK must not make us ask again for ever; its id, if it has
 * one, is where decoding has not moved anything. */
static int unreadable(struct um_session *s, struct um_span frame, int err) {
  uint8_t type = frame.data[0] >> 4;
  bool is_suback = type == UVMQTT_SUBACK || type == UVMQTT_UNSUBACK;
  if (err != UM_ENOMEM && is_suback && frame.len >= frame.body + 2 &&
      s->state == UM_SESSION_UP) {
    const uint8_t *at = frame.data + frame.body;
    um_recv_bad_suback(s, (uint16_t)(at[0] << 8 | at[1]), err);
  }
  return err;
}

/* [MQTT-3.1.2-29/5] */
static bool may_tell(const struct um_session *s, const struct um_packet *p) {
  if (!s->config->no_problem_information || p->n_properties == 0 ||
      p->type == UVMQTT_PUBLISH || p->type == UVMQTT_CONNACK ||
      p->type == UVMQTT_DISCONNECT)
    return true;
  for (size_t i = 0; i < p->n_properties; i++)
    if (p->properties[i].id == UVMQTT_PROPERTY_REASON_STRING ||
        p->properties[i].id == UVMQTT_PROPERTY_USER_PROPERTY)
      return false;
  return true;
}

static struct um_scratch *scratch_of(const struct um_session *s) {
  struct um_scratch *scratch = &s->commons->scratch;
  scratch->version = s->version;
  scratch->from = UM_SERVER;
  return scratch;
}

/* Before CONNACK the first byte decides: what speaks there may be no MQTT
 * server, and may have said all it will say. */
static int judge_first(const struct um_session *s, uint8_t byte) {
  if (s->state != UM_SESSION_GREETING)
    return 0;
  int r = um_decode_first(byte, scratch_of(s));
  bool may_come = rx[byte >> 4].states >> s->state & 1;
  return r == 0 && !may_come ? UVMQTT_EPROTOCOL : r;
}

/* Enough bytes for a hint at what does. */
#define BEGINNING 5u

int um_receive_beginning(const struct um_session *s) {
  const struct um_buf *begun = &s->frame.rest;
  if (!um_frame_partial(&s->frame) || begun->len < BEGINNING)
    return 0;
  return judge_first(s, *um_buf_head(begun));
}

static int decode(struct um_session *s, struct um_span frame,
                  struct um_packet *ret) {
  int r = judge_first(s, frame.data[0]);
  if (r)
    *ret = (struct um_packet){.type = frame.data[0] >> 4};
  else
    r = um_decode(frame, scratch_of(s), ret);
  if (s->config->trace)
    um_trace_received(s, frame, ret, r);
  return r == 0 && !may_tell(s, ret) ? UVMQTT_EPROTOCOL : r;
}

static int receive_311_connack(struct um_session *s, struct um_span frame) {
  struct um_packet unread = {.type = UVMQTT_CONNACK};
  if (s->config->trace)
    um_trace_received(s, frame, &unread, UVMQTT_EVERSION);
  return um_greet_recv_311_connack(s, frame);
}

int um_receive(struct um_session *s, struct um_span frame) {
  struct um_packet p;
  um_counters_packet(&s->counters, UM_RECEIVED, frame.data[0] >> 4);
  if (um_greet_is_311_connack(s, frame))
    return receive_311_connack(s, frame);
  int r = decode(s, frame, &p);
  if (r)
    return unreadable(s, frame, r);
  const struct rx_rule *rule = &rx[p.type];
  if (!(rule->states >> s->state & 1))
    return UVMQTT_EPROTOCOL;
  return rule->recv(s, &p);
}
