#include "session/send.h"

#include "base/err.h"
#include "base/mutant.h"
#include "session/handlers.h"
#include "session/trace.h"
#include "session/withdraw.h"
#include <string.h>

static int put(struct um_session *s, struct um_buf *to,
               const struct um_packet *p) {
  size_t before = to->len;
  int r = um_encode(to, s->version, p);
  if (r)
    return r;
  um_counters_packet(&s->counters, UM_SENT, p->type);
  if (to == &s->out) { /* else held back: counts when it is released */
    s->appended += s->out.len - before;
    um_keepalive_sent(&s->keepalive, s->now);
  }
  if (s->config->trace)
    um_trace_sent(s, p, to->len - before);
  return 0;
}

static int put_aliased(struct um_session *s, const struct um_packet *p) {
  struct um_aliased a;
  if (!um_alias_out_apply(&s->alias_out, s->version,
                          s->limits.maximum_packet_size, p, &a))
    return put(s, &s->out, p);
  int r = put(s, &s->out, &a.packet);
  if (r == 0)
    um_alias_out_sent(&s->alias_out, &a);
  return r;
}

/* What is held back has no alias: a message of QoS 0 may overtake it. */
static int encode(struct um_session *s, struct um_buf *to,
                  const struct um_packet *p) {
  bool may_alias = s->alias_out.max != 0 && to == &s->out;
  return may_alias && p->type == UVMQTT_PUBLISH ? put_aliased(s, p)
                                                : put(s, to, p);
}

/* A message that may have to be sent again must fit with its topic; one of QoS
 * 0 is sent once, and here. */
static bool fits_aliased(struct um_session *s, const struct um_packet *p) {
  struct um_aliased a;
  size_t most = s->limits.maximum_packet_size;
  if (p->type != UVMQTT_PUBLISH || p->u.publish.qos != 0 ||
      !um_alias_out_apply(&s->alias_out, s->version, most, p, &a))
    return false;
  size_t size = um_encoded_size(s->version, &a.packet);
  return size != 0 && size <= most;
}

int um_send_check(struct um_session *s, const struct um_packet *p) {
  int r = um_limits_check(&s->limits, p, s->config->drop_properties);
  return r == UVMQTT_ETOOBIG && fits_aliased(s, p) ? 0 : r;
}

int um_send(struct um_session *s, const struct um_packet *p) {
  return encode(s, &s->out, p);
}

int um_send_guarded(struct um_session *s, const struct um_packet *p) {
  struct um_buf *to = um_journal_out(&s->journal);
  int r = to == NULL ? um_journal_error(&s->journal) : encode(s, to, p);
  if (r == 0)
    um_journal_mark(&s->journal);
  return r;
}

int um_send_ack(struct um_session *s, uint8_t type, uint16_t id,
                uint8_t reason) {
  struct um_packet p = {.type = type, .id = id, .reason = reason};
  bool early = (UM_MUTANT(2) && type == UVMQTT_PUBREC) ||
               (UM_MUTANT(7) && type == UVMQTT_PUBCOMP) ||
               (UM_MUTANT(8) && type == UVMQTT_PUBREL);
  bool waits = type != UVMQTT_PUBACK && !early;
  if (s->journal.failed)
    return um_journal_error(&s->journal);
  return waits ? um_send_guarded(s, &p) : um_send(s, &p);
}

uint64_t um_send_backlog(const struct um_session *s) {
  return s->appended - s->taken + um_journal_held(&s->journal);
}

static bool is_publish(const struct um_op *op) {
  return op->kind == UM_OP_PUBLISH;
}

static uint8_t qos_of(const struct um_op *op) {
  return is_publish(op) ? op->u.message.qos : 1;
}

static int rerelease(struct um_session *s, struct um_op *op) {
  int r = um_send_ack(s, UVMQTT_PUBREL, op->pid, 0);
  if (r == 0)
    um_outbox_released(s->outbox, op); /* [MQTT-4.6.0-4/both] */
  return r;
}

/* Once sent it is resent whatever its age, with what remains but at least 1
 * ([MQTT-4.3.3-7/5]). */
static void count_down(const struct um_session *s, struct um_op *op) {
  if (op->expires == UINT64_MAX || UM_MUTANT(22)) /* many clients */
    return;
  uint64_t left = op->expires > s->now ? op->expires - s->now : 0;
  uint64_t least = UM_MUTANT(24) ? 0 : 1; /* 0 is read as "never" */
  uint64_t seconds = left == 0 ? least : (left + 999) / 1000;
  for (size_t i = 0; i < op->n_properties; i++)
    if (op->properties[i].id == UVMQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL)
      op->properties[i].value.num = (uint32_t)seconds;
}

/* QoS 0: nothing is kept but, when somebody wants to know, a receipt. */
static int send_once(struct um_session *s, struct um_op *op,
                     const struct um_packet *p) {
  if (op->cb != NULL && um_receipts_reserve(&s->receipts))
    return UM_ENOMEM;
  int r = um_send(s, p);
  if (r)
    return r;
  struct um_receipt receipt = {s->appended, op->id, op->cb, op->arg};
  if (op->cb != NULL)
    um_receipts_push(&s->receipts, &receipt);
  um_outbox_finish(s->outbox, op, 0, 0);
  um_outbox_free(s->outbox, op);
  return 0;
}

static int send_tracked(struct um_session *s, struct um_op *op,
                        struct um_packet *p) {
  struct um_store_op record = {
      .kind = UM_STORE_SET_OUT, .seq = op->id, .state = UM_OP_SENT};
  if (um_outbox_take_id(s->outbox, op)) /* [MQTT-2.2.1-3/5] */
    return UM_ENOMEM;
  p->id = record.pid = op->pid;
  if (!is_publish(op)) {
    int r = um_send(s, p);
    if (r == 0)
      um_outbox_sent(s->outbox, op);
    return r;
  }
  um_journal_put(&s->journal, &record);
  int r = UM_MUTANT(3) ? um_send(s, p) : um_send_guarded(s, p); /* Paho C */
  if (r == 0) {
    um_outbox_sent(s->outbox, op);
    return 0;
  }
  record.state = op->state; /* it is not on its way after all */
  um_journal_put(&s->journal, &record);
  return r;
}

/* A restoring SUBSCRIBE of several filters: each for itself. */
static bool divide(struct um_session *s, struct um_op *op) {
  struct um_list ops;
  um_list_init(&ops);
  if (op->id != 0 || op->u.subscribe.n < 2 ||
      um_subs_split(op, &s->outbox->pool, &ops))
    return false;
  um_outbox_finish(s->outbox, op, 0, 0);
  um_outbox_free(s->outbox, op);
  um_outbox_add_first(s->outbox, &ops);
  return true;
}

static void refuse(struct um_session *s, struct um_op *op, int status) {
  if (!divide(s, op))
    um_withdraw(s, op, status);
}

/* 0: go on with the next one, be this one sent or finished. */
static int send_op(struct um_session *s, struct um_op *op) {
  struct um_packet p;
  if (op->state == UM_OP_RELEASED)
    return rerelease(s, op);
  if (op->state == UM_OP_QUEUED && op->due <= s->now) {
    um_withdraw_late(s, op);
    return 0;
  }
  count_down(s, op);
  um_op_packet(op, &p);
  if (um_handlers_own(op))
    um_handlers_sending(s, op, &p);
  int r = um_send_check(s, &p);
  if (r) {
    refuse(s, op, r);
    return 0;
  }
  r = qos_of(op) == 0 ? send_once(s, op, &p) : send_tracked(s, op, &p);
  if (r != UVMQTT_ETOOBIG)
    return r;
  um_withdraw(s, op, r);
  return 0;
}

void um_send_waiting(struct um_session *s) {
  while (s->state == UM_SESSION_UP && !s->halted &&
         um_send_backlog(s) < UM_OUT_ENOUGH) {
    struct um_op *op = um_outbox_next(s->outbox, s->limits.receive_maximum);
    if (op == NULL || send_op(s, op))
      return; /* out of memory, or of ids: later */
  }
}
