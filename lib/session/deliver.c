#include "session/deliver.h"

#include "base/err.h"
#include "base/mutant.h"
#include "session/send.h"

static void deliver(struct um_session *s, const struct um_packet *p) {
  const struct um_publish *publish = &p->u.publish;
  uvmqtt_message_t message = {
      .topic = publish->topic,
      .payload = publish->payload,
      .qos = publish->qos,
      .retain = publish->retain,
      .dup = publish->dup,
      .properties = p->properties,
      .n_properties = p->n_properties,
  };
  s->events->message(s->up, &message);
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
static uint16_t receive_maximum(const struct um_session *s) {
  bool binding = s->version == UM_V5 && !s->lenient;
  return binding ? s->config->receive_maximum : UINT16_MAX;
}

static int over_quota(struct um_session *s) {
  s->lenient = true;
  return UVMQTT_EQUOTA;
}

static int deliver_qos1(struct um_session *s, struct um_packet *p) {
  if (um_inbox_is_open_here(&s->inbox, p->id))
    return UVMQTT_EPROTOCOL;
  if (!um_inbox_has_room(&s->inbox, receive_maximum(s)))
    return over_quota(s);
  if (UM_MUTANT(15)) { /* libmosquitto: acknowledged, then delivered */
    int r = acknowledge(s, UVMQTT_PUBACK, p->id);
    deliver(s, p);
    return r;
  }
  deliver(s, p);
  return acknowledge(s, UVMQTT_PUBACK, p->id); /* [MQTT-4.3.2-4/5] */
}

static int deliver_new_qos2(struct um_session *s, struct um_packet *p) {
  struct um_store_op record = {.kind = UM_STORE_PUT_IN_ID, .pid = p->id};
  um_journal_put(&s->journal, &record); /* R11 */
  deliver(s, p);
  return acknowledge(s, UVMQTT_PUBREC, p->id); /* [MQTT-4.3.3-8/5] */
}

/* [MQTT-4.3.3-10/5], [MQTT-4.3.3-2/311]: once, until it is released. */
static int deliver_qos2(struct um_session *s, struct um_packet *p) {
  switch (um_inbox_receive(&s->inbox, p->id, receive_maximum(s))) {
  case UM_INBOX_NEW:
    return deliver_new_qos2(s, p);
  case UM_INBOX_DUPLICATE:
    s->counters.duplicates++;
    return acknowledge(s, UVMQTT_PUBREC, p->id);
  case UM_INBOX_OVER:
    return over_quota(s);
  case UM_INBOX_NOMEM:
    break;
  }
  return UM_ENOMEM;
}

int um_recv_publish(struct um_session *s, struct um_packet *p) {
  /* whatever comes of the message: the alias counts from now on */
  int r = p->n_properties == 0
              ? 0
              : um_alias_in_resolve(&s->alias_in, &s->scratch, p);
  if (r)
    return r;
  switch (p->u.publish.qos) {
  case 0:
    deliver(s, p);
    return 0;
  case 1:
    return deliver_qos1(s, p);
  default:
    return deliver_qos2(s, p);
  }
}

int um_recv_pubrel(struct um_session *s, struct um_packet *p) {
  struct um_store_op record = {.kind = UM_STORE_DEL_IN_ID, .pid = p->id};
  uint8_t reason = UVMQTT_REASON_PACKET_IDENTIFIER_NOT_FOUND;
  if (um_inbox_release(&s->inbox, p->id)) {
    um_journal_put(&s->journal, &record); /* R13: before PUBCOMP */
    reason = UVMQTT_REASON_SUCCESS;
  }
  return um_send_ack(s, UVMQTT_PUBCOMP, p->id, reason); /* [MQTT-4.3.3-11/5] */
}
