#include "session/acks.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/send.h"

/* PUBACKs for one QoS 2 message before it is given up: RabbitMQ 3.10 answers
 * QoS 2 so, and would be sent it again on every reconnect. */
#define WRONG_ACKS_MAX 2u

static int status_of(uint8_t reason) {
  return reason < 0x80 || UM_MUTANT(46) ? 0 : UVMQTT_EREASON;
}

/* Takes the op out of the world, then tells: the callback may publish again
 * into the memory just given back. */
static void complete(struct um_session *s, struct um_op *op,
                     uvmqtt_result_t *result) {
  uvmqtt_request_cb cb = op->cb;
  void *arg = op->arg;
  result->id = op->id;
  um_outbox_finish(s->outbox, op, result->status, result->reason);
  if (op->detached)
    return; /* complete before; settle tells if it has not yet */
  um_outbox_free(s->outbox, op);
  um_inner_complete(s, cb, arg, result);
}

static void complete_publish(struct um_session *s, struct um_op *op,
                             const struct um_packet *p, int status) {
  struct um_store_op record = {.kind = UM_STORE_DEL_OUT, .seq = op->id};
  uvmqtt_result_t result = {.status = status,
                            .reason = p->reason,
                            .properties = p->properties,
                            .n_properties = p->n_properties};
  if (!UM_MUTANT(47))
    um_journal_put(&s->journal, &record); /* R7, R9, R10: nothing waits */
  complete(s, op, &result);
  um_send_waiting(s); /* a place in the quota is free */
}

/* NULL with *ret_err 0: nobody waits for it; with an error: somebody waits for
 * something else ([MQTT-2.2.1-5/5], [MQTT-2.3.1-6/311]). */
static struct um_op *find(struct um_session *s, uint16_t id,
                          enum um_op_kind kind, int *ret_err) {
  struct um_op *op = um_packet_id_find(&s->outbox->ids, id);
  bool wrong = op != NULL && op->kind != kind && !UM_MUTANT(18); /* MQTT.js */
  *ret_err = wrong ? UVMQTT_EPROTOCOL : 0;
  return *ret_err ? NULL : op;
}

static int unknown(struct um_session *s) {
  um_counters_add(&s->counters,
                  UM_COUNTED_UNKNOWN_ACKS); /* the quota stays as it is */
  if (UM_MUTANT(4) && s->outbox->inflight_quota != 0) /* mosquitto #3674 */
    s->outbox->inflight_quota--;
  return 0;
}

static int wrong_puback(struct um_session *s, struct um_op *op,
                        const struct um_packet *p) {
  if (++op->wrong_acks >= WRONG_ACKS_MAX)
    complete_publish(s, op, p, UVMQTT_EPROTOCOL);
  return UVMQTT_EPROTOCOL;
}

int um_recv_puback(struct um_session *s, struct um_packet *p) {
  int err;
  struct um_op *op = find(s, p->id, UM_OP_PUBLISH, &err);
  if (op == NULL)
    return err ? err : unknown(s);
  if (op->u.message.qos != 1)
    return wrong_puback(s, op, p);
  complete_publish(s, op, p, status_of(p->reason)); /* [MQTT-4.3.2-3/5] */
  return 0;
}

static int release(struct um_session *s, struct um_op *op) {
  struct um_store_op record = {.kind = UM_STORE_SET_OUT,
                               .seq = op->id,
                               .pid = op->pid,
                               .state = UM_OP_RELEASED};
  um_journal_put(&s->journal, &record); /* R8 */
  um_outbox_released(s->outbox, op);    /* [MQTT-4.3.3-6/5] */
  return um_send_ack(s, UVMQTT_PUBREL, op->pid, 0);
}

int um_recv_pubrec(struct um_session *s, struct um_packet *p) {
  int err;
  struct um_op *op = find(s, p->id, UM_OP_PUBLISH, &err);
  if (op == NULL && err)
    return err;
  if (op == NULL && UM_MUTANT(12)) /* rumqtt: reconnects for ever */
    return UVMQTT_EPROTOCOL;
  if (op == NULL && p->reason >= 0x80) /* ended there already */
    return unknown(s);
  if (op == NULL)
    return um_send_ack(s, UVMQTT_PUBREL, p->id,
                       UVMQTT_REASON_PACKET_IDENTIFIER_NOT_FOUND);
  if (op->u.message.qos != 2)
    return UVMQTT_EPROTOCOL;
  if (p->reason < 0x80 || /* [MQTT-4.3.3-4/5], [MQTT-4.3.3-1/311] */
      UM_MUTANT(25))
    return release(s, op);
  if (op->state == UM_OP_RELEASED)
    return UVMQTT_EPROTOCOL;
  complete_publish(s, op, p, UVMQTT_EREASON); /* [MQTT-4.4.0-2/5] */
  return 0;
}

/* Of a PUBREL that was sent again the server may know nothing any more: the
 * message had arrived. */
static int status_of_pubcomp(const struct um_op *op, uint8_t reason) {
  return op->sent_before ? 0 : status_of(reason);
}

int um_recv_pubcomp(struct um_session *s, struct um_packet *p) {
  int err;
  struct um_op *op = find(s, p->id, UM_OP_PUBLISH, &err);
  if (op == NULL)
    return err ? err : unknown(s);
  if (op->state != UM_OP_RELEASED)
    return UVMQTT_EPROTOCOL;
  complete_publish(s, op, p, status_of_pubcomp(op, p->reason));
  return 0;
}

static uint32_t identifier_of(const struct um_op *op) {
  const uvmqtt_property_t *p =
      uvmqtt_property_find(op->properties, op->n_properties,
                           UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER);
  return p == NULL ? 0 : p->value.num;
}

static int remember(struct um_session *s, const struct um_op *op,
                    const uint8_t *reasons) {
  for (size_t i = 0; i < op->u.subscribe.n; i++) {
    if (reasons[i] >= 0x80)
      continue;
    int r =
        um_subs_put(&s->subs, &op->u.subscribe.filters[i], identifier_of(op));
    if (r)
      return r;
  }
  return 0;
}

/* Filters that the session asked for again and did not get. All are forgotten
 * before the first is told: who adds a handler there must be asked for. */
static void report_refused(struct um_session *s, const struct um_op *op,
                           const uint8_t *reasons) {
  for (size_t i = 0; i < op->u.subscribe.n; i++)
    if (reasons[i] >= 0x80)
      um_subs_remove(&s->subs, op->u.subscribe.filters[i].filter);
  for (size_t i = 0; i < op->u.subscribe.n && !s->halted; i++) {
    if (reasons[i] < 0x80)
      continue;
    uvmqtt_notice_t notice = {.kind = UVMQTT_NOTICE_SUBSCRIPTION_REFUSED,
                              .filter = op->u.subscribe.filters[i].filter,
                              .reason = reasons[i]};
    s->events->notice(s->up, &notice);
  }
}

static uint8_t worst(const uint8_t *reasons, size_t n) {
  uint8_t most = 0;
  for (size_t i = 0; i < n; i++)
    if (reasons[i] > most)
      most = reasons[i];
  return most;
}

static void complete_list(struct um_session *s, struct um_op *op,
                          const struct um_packet *p, const uint8_t *reasons,
                          size_t n) {
  uint8_t reason = worst(reasons, n);
  uvmqtt_result_t result = {.status = status_of(reason),
                            .reason = reason,
                            .reasons = reasons,
                            .n_reasons = n,
                            .properties = p->properties,
                            .n_properties = p->n_properties};
  complete(s, op, &result);
}

static void fail_once(struct um_session *s, struct um_op *op, int status) {
  uvmqtt_result_t result = {.status = status};
  complete(s, op, &result);
}

int um_recv_suback(struct um_session *s, struct um_packet *p) {
  int err;
  struct um_op *op = find(s, p->id, UM_OP_SUBSCRIBE, &err);
  if (op == NULL) /* these ids never outlive a connection */
    return UVMQTT_EPROTOCOL;
  if (p->u.suback.n != op->u.subscribe.n) {
    fail_once(s, op, UVMQTT_EPROTOCOL);
    return UVMQTT_EPROTOCOL;
  }
  /* of one that was cancelled nothing is to be restored later */
  int r = op->detached ? 0 : remember(s, op, p->u.suback.reasons);
  if (r)
    return r;
  if (op->id == 0)
    report_refused(s, op, p->u.suback.reasons);
  complete_list(s, op, p, p->u.suback.reasons, p->u.suback.n);
  return 0;
}

static void complete_unsubscribe(struct um_session *s, struct um_op *op,
                                 const struct um_packet *p,
                                 const uint8_t *reasons) {
  for (size_t i = 0; i < op->u.unsubscribe.n; i++)
    if (reasons[i] < 0x80)
      um_subs_remove(&s->subs, op->u.unsubscribe.filters[i]);
  complete_list(s, op, p, reasons, op->u.unsubscribe.n);
}

/* A 3.1.1 UNSUBACK says nothing but "done". */
static int complete_unsuback_311(struct um_session *s, struct um_op *op,
                                 const struct um_packet *p) {
  uint8_t *zeros = um_calloc(op->u.unsubscribe.n, 1);
  if (zeros == NULL)
    return UM_ENOMEM;
  complete_unsubscribe(s, op, p, zeros);
  um_free(zeros);
  return 0;
}

int um_recv_unsuback(struct um_session *s, struct um_packet *p) {
  int err;
  struct um_op *op = find(s, p->id, UM_OP_UNSUBSCRIBE, &err);
  if (op == NULL)
    return UVMQTT_EPROTOCOL;
  if (s->version == UM_V311)
    return complete_unsuback_311(s, op, p);
  if (p->u.suback.n != op->u.unsubscribe.n) {
    fail_once(s, op, UVMQTT_EPROTOCOL);
    return UVMQTT_EPROTOCOL;
  }
  complete_unsubscribe(s, op, p, p->u.suback.reasons);
  return 0;
}

void um_recv_bad_suback(struct um_session *s, uint16_t id, int status) {
  struct um_op *op = um_packet_id_find(&s->outbox->ids, id);
  if (op != NULL && op->kind != UM_OP_PUBLISH)
    fail_once(s, op, status);
}
