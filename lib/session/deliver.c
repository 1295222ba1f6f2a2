#include "session/deliver.h"

#include "base/err.h"
#include "base/inline.h"
#include "base/mutant.h"
#include "session/confirm.h"
#include "session/dispatch.h"
#include "session/send.h"

UM_INLINE void make_message(const struct um_packet *p, uint64_t token,
                            uvmqtt_message_t *ret) {
  const struct um_publish *publish = &p->u.publish;
  *ret = (uvmqtt_message_t){
      .topic = publish->topic,
      .payload = publish->payload,
      .qos = publish->qos,
      .retain = publish->retain,
      .dup = publish->dup,
      .properties = p->properties,
      .n_properties = p->n_properties,
      .token = token,
  };
}

void um_deliver_message(const struct um_packet *p, uint64_t token,
                        uvmqtt_message_t *ret) {
  make_message(p, token, ret);
}

UM_INLINE void deliver(struct um_session *s, const struct um_packet *p,
                       uint64_t token) {
  if (um_chunk_is_under_way(s)) {
    um_chunk_deliver(s, token);
    return;
  }
  uvmqtt_message_t message;
  make_message(p, token, &message);
  if (s->filters != NULL && s->filters->n != 0 && um_dispatch(s, &message))
    return;
  s->events->message(s->up, &message);
}

void um_deliver(struct um_session *s, const struct um_packet *p,
                uint64_t token) {
  deliver(s, p, token);
}

/* The acknowledgement leaves after the callback returned; when the callback
 * ended things, not at all. */
static int acknowledge(struct um_session *s, uint8_t type, uint16_t id) {
  if (s->halted || s->state != UM_SESSION_UP)
    return 0;
  return um_send_ack(s, type, id, 0);
}

/* 3.1.1 has no Receive Maximum: ours binds nobody there. In 5.0 a server that
 * exceeds it is cut off with 0x93 once in a session and suffered afterwards:
 * mosquitto 2.0 forgets the limit when it resumes sessions after a restart,
 * and would be cut off for ever. The bookkeeping is bounded by the ids. */
UM_INLINE uint16_t receive_maximum(const struct um_session *s) {
  bool binding = s->version == UM_V5 && !s->lenient;
  return binding ? s->config->receive_maximum : UINT16_MAX;
}

/* For QoS 2: that, less what is open at QoS 1, as it may be in manual mode. */
UM_INLINE uint16_t room(const struct um_session *s) {
  uint16_t most = receive_maximum(s);
  size_t n_qos1 = s->unacked == NULL ? 0 : s->unacked[0].n;
  return most > n_qos1 ? (uint16_t)(most - n_qos1) : 0;
}

static int over_quota(struct um_session *s) {
  s->lenient = true;
  return UVMQTT_EQUOTA;
}

UM_INLINE int check_qos1(struct um_session *s, uint16_t id) {
  if (um_inbox_is_open_here(&s->inbox, id))
    return UVMQTT_EPROTOCOL;
  return um_inbox_has_room(&s->inbox, room(s)) ? 0 : over_quota(s);
}

UM_INLINE int deliver_qos1(struct um_session *s, struct um_packet *p) {
  int r = check_qos1(s, p->id);
  if (r)
    return r;
  if (s->config->manual_ack)
    return um_confirm_qos1(s, p);
  if (UM_MUTANT(15)) { /* libmosquitto: acknowledged, then delivered */
    r = acknowledge(s, UVMQTT_PUBACK, p->id);
    deliver(s, p, 0);
    return r;
  }
  deliver(s, p, 0);
  return acknowledge(s, UVMQTT_PUBACK, p->id); /* [MQTT-4.3.2-4/5] */
}

static int deliver_new_qos2(struct um_session *s, struct um_packet *p) {
  struct um_store_op record = {.kind = UM_STORE_PUT_IN_ID, .pid = p->id};
  um_journal_put(&s->journal, &record); /* R11 */
  deliver(s, p, 0);
  return acknowledge(s, UVMQTT_PUBREC, p->id); /* [MQTT-4.3.3-8/5] */
}

static int deliver_held_qos2(struct um_session *s, struct um_packet *p) {
  int r = um_confirm_qos2(s, p, room(s));
  return r == UVMQTT_EQUOTA ? over_quota(s) : r;
}

/* [MQTT-4.3.3-10/5], [MQTT-4.3.3-2/311]: once, until it is released. */
static int deliver_qos2(struct um_session *s, struct um_packet *p) {
  if (s->config->manual_ack)
    return deliver_held_qos2(s, p);
  switch (um_inbox_receive(&s->inbox, p->id, room(s))) {
  case UM_INBOX_NEW:
    return deliver_new_qos2(s, p);
  case UM_INBOX_DUPLICATE:
    um_counters_add(&s->counters, UM_COUNTED_DUPLICATES);
    return acknowledge(s, UVMQTT_PUBREC, p->id);
  case UM_INBOX_OVER:
    return over_quota(s);
  default:
    return UM_ENOMEM;
  }
}

UM_INLINE int deliver_publish(struct um_session *s, struct um_packet *p) {
  switch (p->u.publish.qos) {
  case 0:
    deliver(s, p, 0);
    return 0;
  case 1:
    return deliver_qos1(s, p);
  default:
    return deliver_qos2(s, p);
  }
}

int um_deliver_publish(struct um_session *s, struct um_packet *p) {
  return deliver_publish(s, p);
}

int um_deliver_foresee(struct um_session *s, const struct um_packet *p,
                       bool *ret_duplicate) {
  uint8_t qos = p->u.publish.qos;
  *ret_duplicate = qos == 2 && um_inbox_knows(&s->inbox, p->id);
  if (qos == 0 || *ret_duplicate)
    return 0;
  if (qos == 1)
    return check_qos1(s, p->id);
  return um_inbox_has_room(&s->inbox, room(s)) ? 0 : over_quota(s);
}

int um_recv_publish(struct um_session *s, struct um_packet *p) {
  /* whatever comes of the message: the alias counts from now on */
  int r = p->n_properties == 0
              ? 0
              : um_alias_in_resolve(&s->alias_in, &s->commons->scratch, p);
  if (r)
    return r;
  if (s->frame.payload_left != 0)
    return um_chunk_begin(s, p);
  return deliver_publish(s, p);
}

int um_recv_pubrel(struct um_session *s, struct um_packet *p) {
  struct um_store_op record = {.kind = UM_STORE_DEL_IN_ID, .pid = p->id};
  uint8_t reason = UVMQTT_REASON_PACKET_IDENTIFIER_NOT_FOUND;
  if (um_inbox_is_held(&s->inbox, p->id)) /* we never said PUBREC */
    return UVMQTT_EPROTOCOL;
  if (um_inbox_release(&s->inbox, p->id)) {
    um_journal_put(&s->journal, &record); /* R13: before PUBCOMP */
    reason = UVMQTT_REASON_SUCCESS;
  }
  return um_send_ack(s, UVMQTT_PUBCOMP, p->id, reason); /* [MQTT-4.3.3-11/5] */
}
