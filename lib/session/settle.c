/* Completions that are due: what could not be delivered where it was decided,
 * because a call of the user's was on the stack. */
#include "session/session.h"

#include "base/err.h"
#include "base/mutant.h"

/* The first one finished, unless it was asked for only after `limit`. */
static struct um_op *first_done(const struct um_session *s, uint64_t limit) {
  const struct um_list *done = &s->outbox->done;
  if (um_list_empty(done))
    return NULL;
  struct um_op *op = um_list_of(done->next, struct um_op, link);
  return op->id < limit ? op : NULL;
}

static struct um_op *first_cut(const struct um_session *s, uint64_t limit) {
  const struct um_list *cut = &s->outbox->cut;
  if (um_list_empty(cut))
    return NULL;
  struct um_op *op = um_list_of(cut->next, struct um_op, also);
  return op->id < limit ? op : NULL;
}

/* Up to which position of the stream receipts are due. */
static uint64_t receipts_up_to(const struct um_session *s) {
  return s->receipts_ended == 0 && !UM_MUTANT(33) ? s->taken : UINT64_MAX;
}

static bool receipt_due(const struct um_session *s, uint64_t limit,
                        uint64_t *ret_id) {
  const struct um_receipts *r = &s->receipts;
  if (r->n == 0 || r->ring[r->first].end > receipts_up_to(s))
    return false;
  *ret_id = r->ring[r->first].id;
  return *ret_id < limit;
}

/* Once for each crossing; in between nothing is due. */
static bool water_due(const struct um_session *s) {
  const struct um_session_config *c = s->config;
  uint64_t held = s->outbox->n_bytes;
  if (c->high_water == 0)
    return false;
  return s->high ? held <= c->low_water : held >= c->high_water;
}

static bool store_failed(const struct um_session *s) {
  return s->journal.broken && !s->given_up;
}

/* All that was accepted; later requests are refused, drain ends the
 * connection. */
static void give_up(struct um_session *s) {
  s->given_up = true;
  if (UM_MUTANT(72)) /* what is held waits for ever */
    return;
  um_requester_cancel_all(s, UVMQTT_ESTORE);
  um_outbox_cancel_all(s->outbox, UVMQTT_ESTORE);
}

bool um_session_unsettled(const struct um_session *s) {
  uint64_t id;
  return s->fell_back || store_failed(s) || um_chunk_is_aborted(s) ||
         first_done(s, UINT64_MAX) != NULL ||
         first_cut(s, UINT64_MAX) != NULL || water_due(s) ||
         um_due_first(s, UINT64_MAX) != NULL || receipt_due(s, UINT64_MAX, &id);
}

static void deliver_receipt(struct um_session *s) {
  struct um_receipt receipt;
  if (!um_receipts_pop(&s->receipts, receipts_up_to(s), &receipt))
    return;
  bool over = s->receipts_ended != 0;
  bool taken = !over || receipt.end <= s->receipts_taken;
  s->receipts_ended -= over;
  uvmqtt_result_t result = {.id = receipt.id,
                            .status = taken ? 0 : s->receipts_status};
  um_inner_complete(s, receipt.cb, receipt.arg, &result);
}

/* A subscription that was to be restored and cannot even be asked for. */
static void tell_unrestored(struct um_session *s, const struct um_op *op) {
  for (size_t i = 0; i < op->u.subscribe.n && !s->halted; i++) {
    uvmqtt_notice_t notice = {.kind = UVMQTT_NOTICE_SUBSCRIPTION_REFUSED,
                              .filter = op->u.subscribe.filters[i].filter};
    s->events->notice(s->up, &notice);
  }
}

static bool is_restore(const struct um_op *op) {
  return op->id == 0 && op->status != 0 && op->status != UM_ECANCELED &&
         op->status != UVMQTT_ESTORE;
}

static void deliver_op(struct um_session *s, struct um_op *op) {
  uvmqtt_result_t result = {
      .id = op->id, .status = op->status, .reason = op->reason};
  uvmqtt_request_cb cb = op->cb;
  void *arg = op->arg;
  if (is_restore(op))
    tell_unrestored(s, op);
  um_outbox_free(s->outbox, op);
  um_inner_complete(s, cb, arg, &result);
}

/* The op goes on without anybody who waits for it. */
static void deliver_cut(struct um_session *s, struct um_op *op) {
  uvmqtt_result_t result = {.id = op->id, .status = op->status};
  uvmqtt_request_cb cb = op->cb;
  void *arg = op->arg;
  um_outbox_told(op);
  um_inner_complete(s, cb, arg, &result);
}

static void tell_fall_back(struct um_session *s) {
  uvmqtt_notice_t notice = {.kind = UVMQTT_NOTICE_VERSION_FALLBACK};
  s->fell_back = false;
  s->events->notice(s->up, &notice);
}

/* What has no op, unless something older is due. */
static bool deliver_due(struct um_session *s, uint64_t limit) {
  uint64_t receipt;
  struct um_due *due = um_due_first(s, limit);
  if (due == NULL || first_done(s, due->id) != NULL ||
      first_cut(s, due->id) != NULL || receipt_due(s, due->id, &receipt))
    return false;
  um_due_tell(s, due);
  return true;
}

/* The older request first. False: nothing was due. */
static bool deliver_one(struct um_session *s, uint64_t limit) {
  uint64_t receipt = UINT64_MAX;
  struct um_op *op = first_done(s, limit), *cut = first_cut(s, limit);
  bool due = receipt_due(s, limit, &receipt);
  uint64_t done = op == NULL ? UINT64_MAX : op->id;
  if (deliver_due(s, limit))
    return true;
  if (cut != NULL && cut->id < done && cut->id < receipt)
    deliver_cut(s, cut);
  else if (op != NULL && done < receipt)
    deliver_op(s, op);
  else if (due)
    deliver_receipt(s);
  return op != NULL || cut != NULL || due;
}

static void tell_water(struct um_session *s) {
  if (s->halted || !water_due(s))
    return;
  s->high = !s->high;
  s->events->water(s->up, s->high);
}

void um_session_settle(struct um_session *s) {
  uint64_t limit = s->next_id; /* what callbacks ask for waits */
  if (store_failed(s))
    give_up(s);
  if (s->fell_back && !s->halted)
    tell_fall_back(s);
  tell_water(s);
  if (!s->halted)
    um_chunk_report(s);
  while (!s->halted && deliver_one(s, limit))
    ;
  tell_water(s);
}
