/* What the user asks for: from a checked value to an op in the outbox, or, for
 * QoS 0 with a free road, straight into the out buffer. */
#include "session/send.h"

#include "base/err.h"
#include "base/mutant.h"
#include "session/overflow.h"
#include "session/withdraw.h"
#include <string.h>

/* Ends every request: what may leave leaves, what must be stored is stored. */
static void go(struct um_session *s) {
  um_send_waiting(s);
  um_journal_commit(&s->journal);
  if (UM_MUTANT(34)) /* calls back inside the call */
    um_session_settle(s);
}

static void add(struct um_session *s, struct um_op *op, uvmqtt_request_cb cb,
                void *arg, uint64_t *ret_id) {
  op->id = s->next_id++;
  op->cb = cb;
  op->arg = arg;
  um_outbox_add(s->outbox, op);
  if (ret_id != NULL)
    *ret_id = op->id;
}

static int check_size(const struct um_session *s, const struct um_op *op) {
  struct um_packet p;
  um_op_packet(op, &p);
  return um_encoded_size(s->version, &p) == 0 ? UVMQTT_ETOOBIG : 0;
}

/* 0, or why the op may not enter; it is then freed. NULL: no memory. After
 * this nothing can fail; so many must give way. */
static int admit(struct um_session *s, struct um_op *op, size_t *ret_victims) {
  if (op == NULL)
    return UM_ENOMEM;
  int r = s->journal.broken ? UVMQTT_ESTORE : 0;
  if (r == 0)
    r = um_overflow_admit(s->outbox, op, ret_victims);
  if (r == 0 && op->charge > UM_PACKET_MAX) /* no packet is larger than this */
    r = check_size(s, op);
  if (r == 0)
    r = um_outbox_reserve(s->outbox, op);
  if (r == 0)
    r = um_journal_reserve(&s->journal, *ret_victims + 1);
  if (r)
    um_op_free(&s->outbox->pool, op);
  return r;
}

static void make_room(struct um_session *s, struct um_op *op, size_t n) {
  while (n-- > 0) {
    struct um_op *victim = um_overflow_victim(s->outbox, op);
    um_withdraw_note(s, victim);
    um_overflow_drop(s->outbox, victim, op);
  }
}

static void note_new(struct um_session *s, const struct um_op *op) {
  struct um_store_op record = {.kind = UM_STORE_PUT_OUT,
                               .seq = op->id,
                               .state = UM_OP_QUEUED,
                               .message = &op->u.message};
  if (op->u.message.qos != 0)
    um_journal_put(&s->journal, &record);
}

static uint64_t expiry_of(const struct um_session *s,
                          const uvmqtt_message_t *m) {
  for (size_t i = 0; i < m->n_properties; i++)
    if (m->properties[i].id == UVMQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL)
      return s->now + (uint64_t)m->properties[i].value.num * 1000;
  return UINT64_MAX;
}

static struct um_op *make_publish(struct um_session *s,
                                  const uvmqtt_message_t *m) {
  struct um_op *op = um_op_publish(&s->outbox->pool, m);
  if (op == NULL)
    return NULL;
  op->expires = expiry_of(s, m);
  if (m->timeout != 0)
    op->times_out = s->now + m->timeout;
  bool expires = op->expires < op->times_out && !UM_MUTANT(23);
  op->due = expires         ? op->expires
            : UM_MUTANT(65) ? UINT64_MAX /* waits for ever */
                            : op->times_out;
  return op;
}

static int publish_queued(struct um_session *s, const uvmqtt_message_t *m,
                          uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  size_t victims;
  if (m->qos == 0 && s->state != UM_SESSION_UP &&
      s->config->refuse_offline_qos0)
    return UM_ENOTCONN;
  if (um_session_need_outbox(s))
    return UM_ENOMEM;
  struct um_op *op = make_publish(s, m);
  int r = admit(s, op, &victims);
  if (r)
    return r;
  add(s, op, cb, arg, ret_id);
  make_room(s, op, victims);
  note_new(s, op);
  go(s);
  return 0;
}

static bool road_is_free(const struct um_session *s) {
  return s->state == UM_SESSION_UP && um_outbox_idle(s->outbox) &&
         um_send_backlog(s) < UM_OUT_ENOUGH;
}

/* No op, no copy but the one into the out buffer. */
static int publish_now(struct um_session *s, const struct um_packet *p,
                       uvmqtt_request_cb cb, void *arg, uint64_t *ret_id) {
  if (cb != NULL && um_receipts_reserve(&s->receipts))
    return UM_ENOMEM;
  int r = um_send(s, p);
  if (r)
    return r;
  struct um_receipt receipt = {s->appended, s->next_id++, cb, arg};
  if (cb != NULL)
    um_receipts_push(&s->receipts, &receipt);
  if (ret_id != NULL)
    *ret_id = receipt.id;
  return 0;
}

int um_session_publish(struct um_session *s, uint64_t now,
                       const uvmqtt_message_t *m, uvmqtt_request_cb cb,
                       void *arg, uint64_t *ret_id) {
  s->now = now;
  if (m->qos != 0 || !road_is_free(s))
    return publish_queued(s, m, cb, arg, ret_id);
  struct um_packet p = {
      .type = UVMQTT_PUBLISH,
      .properties = m->properties,
      .n_properties = m->n_properties,
      .u.publish = {.topic = m->topic,
                    .topic_len = strlen(m->topic),
                    .payload = m->payload,
                    .retain = m->retain},
  };
  if (um_send_check(s, &p) || expiry_of(s, m) <= now)
    return publish_queued(s, m, cb, arg, ret_id); /* completes from there */
  return publish_now(s, &p, cb, arg, ret_id);
}

static int ask(struct um_session *s, struct um_op *op, uvmqtt_request_cb cb,
               void *arg, uint64_t *ret_id) {
  size_t victims;
  int r = admit(s, op, &victims);
  if (r)
    return r;
  add(s, op, cb, arg, ret_id);
  make_room(s, op, victims);
  go(s);
  return 0;
}

int um_session_subscribe(struct um_session *s, uint64_t now,
                         const uvmqtt_subscription_t *filters, size_t n,
                         const uvmqtt_property_t *properties,
                         size_t n_properties, uvmqtt_request_cb cb, void *arg,
                         uint64_t *ret_id) {
  s->now = now;
  if (um_session_need_outbox(s))
    return UM_ENOMEM;
  struct um_op *op =
      um_op_subscribe(&s->outbox->pool, filters, n, properties, n_properties);
  return ask(s, op, cb, arg, ret_id);
}

int um_session_unsubscribe(struct um_session *s, uint64_t now,
                           const char *const *filters, size_t n,
                           const uvmqtt_property_t *properties,
                           size_t n_properties, uvmqtt_request_cb cb, void *arg,
                           uint64_t *ret_id) {
  s->now = now;
  if (um_session_need_outbox(s))
    return UM_ENOMEM;
  struct um_op *op =
      um_op_unsubscribe(&s->outbox->pool, filters, n, properties, n_properties);
  return ask(s, op, cb, arg, ret_id);
}

int um_session_ping(struct um_session *s, uint64_t now) {
  struct um_packet p = {.type = UVMQTT_PINGREQ};
  s->now = now;
  if (s->state != UM_SESSION_UP)
    return UM_ENOTCONN;
  int r = um_send(s, &p);
  if (r)
    return r;
  if (!s->keepalive.waiting)
    s->ping_end = s->appended;
  um_keepalive_pinged(&s->keepalive, now);
  return 0;
}

int um_session_probe(struct um_session *s, uint64_t now, uint64_t within) {
  int r = um_session_ping(s, now);
  if (r == 0)
    um_keepalive_probed(&s->keepalive, now, within);
  return r;
}
