#include "session/withdraw.h"

#include "base/err.h"
#include "base/mutant.h"
#include "session/pending.h"

void um_withdraw_note(struct um_session *s, const struct um_op *op) {
  struct um_store_op record = {.kind = UM_STORE_DEL_OUT, .seq = op->id};
  if (op->kind == UM_OP_PUBLISH && op->u.message.qos != 0)
    um_journal_put(&s->journal, &record);
}

/* What was to be restored and cannot be asked for is no subscription any more,
 * from now on and not only when settle tells. */
static void forget_subscriptions(struct um_session *s, const struct um_op *op) {
  for (size_t i = 0; i < op->u.subscribe.n; i++)
    um_subs_remove(&s->subs, op->u.subscribe.filters[i].filter);
}

void um_withdraw(struct um_session *s, struct um_op *op, int status) {
  um_withdraw_note(s, op);
  if (op->id == 0)
    forget_subscriptions(s, op);
  um_outbox_finish(s->outbox, op, status, 0);
}

void um_withdraw_late(struct um_session *s, struct um_op *op) {
  bool expired = op->expires < op->times_out;
  um_withdraw(s, op, expired ? UVMQTT_EEXPIRED : UM_ETIMEDOUT);
}

/* Of a message that was sent the answer may have come already: no verdict
 * before the owner had a chance to read. Its row stays in the store: another
 * message under its id could be taken for it. */
static void end_sent(struct um_session *s, struct um_op *op) {
  if (s->state == UM_SESSION_UP && !op->overdue)
    um_outbox_put_off(s->outbox, op, s->now + 1);
  else if (UM_MUTANT(64)) /* its id is free while the server has it */
    um_withdraw(s, op, UM_ETIMEDOUT);
  else
    um_outbox_detach(s->outbox, op, UM_ETIMEDOUT);
}

void um_withdraw_due(struct um_session *s) {
  struct um_op *op;
  while ((op = um_timeouts_first(&s->outbox->timeouts)) != NULL &&
         op->due <= s->now)
    if (op->state == UM_OP_QUEUED)
      um_withdraw_late(s, op);
    else
      end_sent(s, op);
}

static bool in_out(const struct um_receipts *r, uint64_t id) {
  for (size_t i = 0; i < r->n; i++)
    if (r->ring[(r->first + i) % r->cap].id == id)
      return true;
  return false;
}

int um_session_cancel(struct um_session *s, uint64_t now, uint64_t id) {
  struct um_op *op = um_pending_find(s->outbox, id);
  s->now = now;
  if (op == NULL && um_requester_cancel(s, id) == 0)
    return 0;
  if (op == NULL)
    return in_out(&s->receipts, id) ? UM_EALREADY : UM_ENOENT;
  if (op->state == UM_OP_QUEUED || UM_MUTANT(63)) /* sent, and its id free */
    um_withdraw(s, op, UM_ECANCELED);
  else
    um_outbox_detach(s->outbox, op, UM_ECANCELED);
  um_journal_commit(&s->journal);
  return 0;
}
