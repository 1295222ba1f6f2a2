#include "session/outbox.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include <assert.h>
#include <string.h>

static struct um_op *op_of(const struct um_list *link) {
  return um_list_of(link, struct um_op, link);
}

#define LISTS UM_OUTBOX_LISTS
static void lists_of(struct um_outbox *o, struct um_list *ret[LISTS]) {
  struct um_list *all[LISTS] = {&o->asked,
                                &o->requests,
                                &o->released,
                                &o->rereleases,
                                &o->sent,
                                &o->resends,
                                &o->queued[UM_URGENT],
                                &o->queued[UM_NORMAL],
                                &o->queued[UM_BULK]};
  memcpy(ret, all, sizeof all);
}

void um_outbox_lists(const struct um_outbox *o, const struct um_list *ret[]) {
  struct um_list *lists[LISTS];
  lists_of((struct um_outbox *)(uintptr_t)o, lists);
  for (size_t i = 0; i < LISTS; i++)
    ret[i] = lists[i];
}

void um_outbox_init(struct um_outbox *o, uvmqtt_overflow_t overflow,
                    size_t max_messages, uint64_t max_bytes) {
  struct um_list *lists[LISTS];
  memset(o, 0, sizeof *o);
  um_op_pool_init(&o->pool);
  um_packet_ids_init(&o->ids);
  lists_of(o, lists);
  for (size_t i = 0; i < LISTS; i++)
    um_list_init(lists[i]);
  um_list_init(&o->done);
  um_list_init(&o->cut);
  um_victims_init(&o->victims, overflow, o->queued);
  o->max_messages = max_messages;
  o->max_bytes = max_bytes;
}

static void free_list(struct um_outbox *o, struct um_list *list) {
  while (!um_list_empty(list)) {
    struct um_op *op = op_of(list->next);
    um_list_remove(&op->also);
    um_op_free(&o->pool, op);
  }
}

void um_outbox_done(struct um_outbox *o) {
  struct um_list *lists[LISTS];
  lists_of(o, lists);
  for (size_t i = 0; i < LISTS; i++)
    free_list(o, lists[i]);
  free_list(o, &o->done);
  um_victims_done(&o->victims);
  um_timeouts_done(&o->timeouts);
  um_op_pool_done(&o->pool);
  um_packet_ids_done(&o->ids);
}

/* Those who have none. */

#define NONE ((struct um_outbox *)&none)
#define EMPTY(list)                                                            \
  { &NONE->list, &NONE->list }

static const struct um_outbox none = {
    .requests = EMPTY(requests),
    .rereleases = EMPTY(rereleases),
    .resends = EMPTY(resends),
    .queued = {EMPTY(queued[UM_URGENT]), EMPTY(queued[UM_NORMAL]),
               EMPTY(queued[UM_BULK])},
    .asked = EMPTY(asked),
    .sent = EMPTY(sent),
    .released = EMPTY(released),
    .done = EMPTY(done),
    .cut = EMPTY(cut),
};

struct um_outbox *um_outbox_none(void) {
  return NONE;
}

int um_outbox_open(struct um_outbox **o, uvmqtt_overflow_t overflow,
                   size_t max_messages, uint64_t max_bytes) {
  if (*o != NONE)
    return 0;
  struct um_outbox *made = um_malloc(sizeof *made);
  if (made == NULL)
    return UM_ENOMEM;
  um_outbox_init(made, overflow, max_messages, max_bytes);
  *o = made;
  return 0;
}

void um_outbox_close(struct um_outbox **o) {
  if (*o == NONE)
    return;
  um_outbox_done(*o);
  um_free(*o);
  *o = NONE;
}

static bool holds_nothing(const struct um_outbox *o) {
  return o->n_waiting == 0 && o->n_inflight == 0 && um_list_empty(&o->done);
}

void um_outbox_rest(struct um_outbox **o) {
  if (holds_nothing(*o))
    um_outbox_close(o);
}

static bool is_publish(const struct um_op *op) {
  return op->kind == UM_OP_PUBLISH;
}

/* When it must be looked at: once sent it cannot expire any more, once
 * detached nobody waits. */
static uint64_t due_of(const struct um_op *op) {
  bool expires = op->state == UM_OP_QUEUED && op->expires < op->times_out &&
                 !UM_MUTANT(23);
  if (op->detached)
    return UINT64_MAX;
  return expires ? op->expires : op->times_out;
}

static struct um_list *lane_of(struct um_outbox *o, const struct um_op *op) {
  size_t lane = UM_MUTANT(66) ? UM_NORMAL : um_lane_of(op);
  return is_publish(op) ? &o->queued[lane] : &o->requests;
}

void um_outbox_add(struct um_outbox *o, struct um_op *op) {
  assert(op->state == UM_OP_QUEUED);
  um_list_push(lane_of(o, op), &op->link);
  o->n_waiting++;
  if (is_publish(op))
    um_victims_put(&o->victims, op, false);
  if (op->due != UINT64_MAX)
    um_timeouts_put(&o->timeouts, op);
  if (op->id == 0)
    return; /* the session's own */
  op->charged = true;
  o->n_messages++;
  o->n_bytes += op->charge;
}

void um_outbox_add_first(struct um_outbox *o, struct um_list *ops) {
  while (!um_list_empty(ops)) {
    struct um_op *op = op_of(ops->prev);
    um_list_remove(&op->link);
    um_outbox_add(o, op);
    um_list_remove(&op->link);
    um_list_push_front(&o->requests, &op->link);
  }
}

void um_outbox_drop_restores(struct um_outbox *o) {
  struct um_list *at = o->requests.next;
  while (at != &o->requests) {
    struct um_op *op = op_of(at);
    at = at->next;
    if (op->id != 0)
      continue;
    um_outbox_finish(o, op, 0, 0);
    um_outbox_free(o, op);
  }
}

static size_t n_filters(const struct um_op *op) {
  return op->kind == UM_OP_SUBSCRIBE ? op->u.subscribe.n : op->u.unsubscribe.n;
}

static const char *filter_at(const struct um_op *op, size_t i) {
  return op->kind == UM_OP_SUBSCRIBE ? op->u.subscribe.filters[i].filter
                                     : op->u.unsubscribe.filters[i];
}

static bool share_filter(const struct um_op *a, const struct um_op *b) {
  for (size_t i = 0; i < n_filters(a); i++)
    for (size_t k = 0; k < n_filters(b); k++)
      if (strcmp(filter_at(a, i), filter_at(b, k)) == 0)
        return true;
  return false;
}

/* Is the opposite under way for one of its filters? A server may answer the two
 * in any order, and the last word must be the user's last word. */
static bool is_crossed(const struct um_outbox *o, const struct um_op *op) {
  const struct um_list *l;
  for (l = o->asked.next; l != &o->asked; l = l->next)
    if (op_of(l)->kind != op->kind && share_filter(op_of(l), op))
      return true;
  return false;
}

struct um_op *um_outbox_next(const struct um_outbox *o, size_t quota) {
  if (!um_list_empty(&o->requests) && !is_crossed(o, op_of(o->requests.next)))
    return op_of(o->requests.next); /* [MQTT-3.3.4-8/5], [MQTT-4.9.0-3/5] */
  if (!um_list_empty(&o->rereleases))
    return op_of(o->rereleases.next);
  bool room = o->inflight_quota < quota; /* [MQTT-4.9.0-2/5] */
  if (UM_MUTANT(45) && room && !um_list_empty(&o->queued[UM_NORMAL]))
    return op_of(o->queued[UM_NORMAL].next); /* new ones before old ones */
  if (!um_list_empty(&o->resends))           /* [MQTT-4.6.0-1/both] */
    return room ? op_of(UM_MUTANT(16) ? o->resends.prev /* Paho: by id */
                                      : o->resends.next)
                : NULL;
  for (size_t i = 0; o->n_waiting != 0 && i < UM_LANES; i++) {
    struct um_op *op = op_of(o->queued[i].next);
    bool any = !um_list_empty(&o->queued[i]);
    if (any && (room || op->u.message.qos == 0))
      return op;
  }
  return NULL;
}

bool um_outbox_idle(const struct um_outbox *o) {
  return o->n_waiting == 0 && um_list_empty(&o->rereleases) &&
         um_list_empty(&o->resends);
}

int um_outbox_take_id(struct um_outbox *o, struct um_op *op) {
  if (op->pid == 0 || UM_MUTANT(21)) /* a new id when sent again */
    op->pid = um_packet_id_take(&o->ids, op);
  return op->pid == 0 ? UM_ENOMEM : 0;
}

static void give_id_back(struct um_outbox *o, struct um_op *op) {
  if (op->pid != 0)
    um_packet_id_give_back(&o->ids, op->pid);
  op->pid = 0;
}

static void count(struct um_outbox *o, struct um_op *op, bool on) {
  if (op->counted == on)
    return;
  op->counted = on;
  o->inflight_quota += on ? 1u : -(size_t)1;
}

static void move(struct um_op *op, struct um_list *to) {
  um_list_remove(&op->link);
  um_list_push(to, &op->link);
}

static void retime(struct um_outbox *o, struct um_op *op) {
  if (op->timer == 0)
    return;
  op->due = due_of(op);
  if (op->state == UM_OP_DONE)
    um_timeouts_remove(&o->timeouts, op);
  else
    um_timeouts_moved(&o->timeouts, op);
}

/* QUEUED is the only state that counts as waiting; the rest is in flight. */
static void set_state(struct um_outbox *o, struct um_op *op,
                      enum um_op_state state) {
  bool was = op->state == UM_OP_QUEUED, is = state == UM_OP_QUEUED;
  if (was)
    o->n_waiting--;
  else
    o->n_inflight--;
  if (is)
    o->n_waiting++;
  else if (state != UM_OP_DONE)
    o->n_inflight++;
  op->state = (uint8_t)state;
  if (was)
    um_victims_remove(&o->victims, op);
  retime(o, op);
}

void um_outbox_sent(struct um_outbox *o, struct um_op *op) {
  assert(op->state == UM_OP_QUEUED || op->state == UM_OP_SENT);
  set_state(o, op, UM_OP_SENT);
  if (is_publish(op))
    count(o, op, true);
  move(op, is_publish(op) ? &o->sent : &o->asked);
}

void um_outbox_released(struct um_outbox *o, struct um_op *op) {
  assert(op->state == UM_OP_SENT || op->state == UM_OP_RELEASED);
  set_state(o, op, UM_OP_RELEASED);
  count(o, op, !UM_MUTANT(50)); /* PUBREC frees no place */
  move(op, &o->released);
}

void um_outbox_requeue(struct um_outbox *o, struct um_op *op) {
  set_state(o, op, UM_OP_QUEUED);
  count(o, op, false);
  give_id_back(o, op);
  op->sent_before = false;
  um_list_remove(&op->link);
  um_list_push_front(lane_of(o, op), &op->link);
  if (is_publish(op))
    um_victims_put(&o->victims, op, true);
}

void um_outbox_finish(struct um_outbox *o, struct um_op *op, int status,
                      uint8_t reason) {
  set_state(o, op, UM_OP_DONE);
  if (!UM_MUTANT(26) || reason < 0x80) /* aws: a place leaks per refusal */
    count(o, op, false);
  give_id_back(o, op);
  if (op->detached) {
    o->n_detached--;
    um_list_remove(&op->also);
  } else {
    op->status = status;
    op->reason = reason;
  }
  move(op, &o->done);
}

void um_outbox_detach(struct um_outbox *o, struct um_op *op, int status) {
  assert(op->state == UM_OP_SENT || op->state == UM_OP_RELEASED);
  op->detached = true;
  op->status = status;
  o->n_detached++;
  retime(o, op);
  if (op->cb != NULL)
    um_list_push(&o->cut, &op->also);
}

void um_outbox_told(struct um_op *op) {
  um_list_remove(&op->also);
  op->cb = NULL;
}

void um_outbox_uncharge(struct um_outbox *o, struct um_op *op) {
  o->n_messages -= op->charged;
  o->n_bytes -= op->charged ? op->charge : 0;
  op->charged = false;
}

void um_outbox_free(struct um_outbox *o, struct um_op *op) {
  assert(op->state == UM_OP_DONE);
  um_outbox_uncharge(o, op);
  o->n_dropped -= op->dropped;
  o->dropped_bytes -= op->dropped ? op->charge : 0;
  um_op_free(&o->pool, op);
}

void um_outbox_put_off(struct um_outbox *o, struct um_op *op, uint64_t until) {
  op->overdue = true;
  op->times_out = until;
  retime(o, op);
}

/* From the back, so that the front of the lane keeps the order. */
static void requeue_list(struct um_outbox *o, struct um_list *list) {
  while (!um_list_empty(list))
    um_outbox_requeue(o, op_of(list->prev));
}

static void finish_detached(struct um_outbox *o, struct um_list *list) {
  struct um_list *l = list->next;
  while (l != list) {
    struct um_op *op = op_of(l);
    l = l->next;
    if (op->detached)
      um_outbox_finish(o, op, 0, 0);
  }
}

void um_outbox_link_down(struct um_outbox *o) {
  finish_detached(o, &o->asked);
  if (UM_MUTANT(11) &&
      o != NONE) /* ids from 1 at each connection, taken or not */
    o->ids.last = 0;
  if (!UM_MUTANT(35)) /* requests that never complete */
    requeue_list(o, &o->asked);
}

/* Appends what is left of an older list behind what was sent since: the order
 * of first sending is kept because `resends` empties before anything new is
 * sent. */
static void again(struct um_outbox *o, struct um_list *from,
                  struct um_list *to) {
  struct um_list rest;
  um_list_init(&rest);
  um_list_splice(&rest, to);
  um_list_splice(to, from);
  um_list_splice(to, &rest);
  for (struct um_list *l = to->next; l != to; l = l->next) {
    op_of(l)->sent_before = true;
    count(o, op_of(l), false);
  }
}

void um_outbox_resume(struct um_outbox *o) {
  again(o, &o->sent, &o->resends);
  if (!UM_MUTANT(48)) /* PUBREL lost with the connection */
    again(o, &o->released, &o->rereleases);
  /* a PUBREL will be sent whatever the quota, so its place is taken */
  for (struct um_list *l = o->rereleases.next; l != &o->rereleases; l = l->next)
    count(o, op_of(l), true);
  if (UM_MUTANT(19)) /* PUBLISH again after PUBREC */
    for (struct um_list *l = o->rereleases.next; l != &o->rereleases;
         l = l->next)
      op_of(l)->state = UM_OP_SENT;
}

static void finish_list(struct um_outbox *o, struct um_list *list, int status) {
  while (!um_list_empty(list))
    um_outbox_finish(o, op_of(list->next), status, 0);
}

static size_t length(const struct um_list *list) {
  size_t n = 0;
  for (const struct um_list *l = list->next; l != list; l = l->next)
    n++;
  return n;
}

size_t um_outbox_session_lost(struct um_outbox *o, int status) {
  um_outbox_resume(o);
  finish_detached(o, &o->resends);
  size_t n = length(&o->resends);
  finish_list(o, &o->rereleases, 0);
  if (status && !UM_MUTANT(49))
    finish_list(o, &o->resends, status);
  else
    requeue_list(o, &o->resends);
  return n;
}

size_t um_outbox_drop_queued(struct um_outbox *o) {
  size_t n = 0;
  for (size_t i = 0; i < UM_LANES; i++) {
    n += length(&o->queued[i]);
    finish_list(o, &o->queued[i], UVMQTT_EDROPPED);
  }
  return n;
}

/* Each list is nearly in order already, so merging them one after the other
 * costs little more than one walk. */
static void merge(struct um_list *into, struct um_list *from) {
  struct um_list *at = into->next;
  while (!um_list_empty(from)) {
    struct um_op *op = op_of(from->next);
    while (at != into && op_of(at)->id < op->id)
      at = at->next;
    while (at->prev != into && op_of(at->prev)->id > op->id)
      at = at->prev;
    um_list_remove(&op->link);
    um_list_insert(at, &op->link);
  }
}

void um_outbox_cancel_all(struct um_outbox *o, int status) {
  struct um_list *lists[LISTS], all;
  um_list_init(&all);
  lists_of(o, lists);
  for (size_t i = 0; i < LISTS; i++)
    merge(&all, lists[i]);
  finish_list(o, &all, status);
}
