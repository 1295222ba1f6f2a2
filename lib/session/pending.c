#include "session/pending.h"

static struct um_op *op_of(const struct um_list *link) {
  return um_list_of(link, struct um_op, link);
}

static struct um_op *find_in(const struct um_list *list, uint64_t id) {
  const struct um_list *front = list->next, *back = list->prev;
  while (front != list) {
    if (op_of(front)->id == id)
      return op_of(front);
    if (op_of(back)->id == id)
      return op_of(back);
    if (front == back || front->next == back)
      return NULL;
    front = front->next;
    back = back->prev;
  }
  return NULL;
}

/* Not a restoring SUBSCRIBE, and not complete for the user. */
static bool is_pending(const struct um_op *op) {
  return op->id != 0 && !op->detached;
}

struct um_op *um_pending_find(const struct um_outbox *o, uint64_t id) {
  const struct um_list *lists[UM_OUTBOX_LISTS];
  struct um_op *op = NULL;
  um_outbox_lists(o, lists);
  for (size_t i = 0; op == NULL && i < UM_OUTBOX_LISTS; i++)
    op = find_in(lists[i], id);
  return op != NULL && is_pending(op) ? op : NULL;
}

static size_t n_own(const struct um_list *list) {
  size_t n = 0;
  for (const struct um_list *l = list->next; l != list; l = l->next)
    n += op_of(l)->id == 0;
  return n;
}

size_t um_pending_count(const struct um_outbox *o) {
  return o->n_waiting + o->n_inflight - o->n_detached - n_own(&o->requests) -
         n_own(&o->asked);
}

static uvmqtt_pending_t describe(const struct um_op *op) {
  uvmqtt_pending_t p = {
      .id = op->id, .sent = op->state != UM_OP_QUEUED, .bytes = op->charge};
  switch (op->kind) {
  case UM_OP_PUBLISH:
    p.type = UVMQTT_PUBLISH;
    p.qos = op->u.message.qos;
    p.topic = op->u.message.topic;
    break;
  case UM_OP_SUBSCRIBE:
    p.type = UVMQTT_SUBSCRIBE;
    p.topic = op->u.subscribe.filters[0].filter;
    break;
  default:
    p.type = UVMQTT_UNSUBSCRIBE;
    p.topic = op->u.unsubscribe.filters[0];
    break;
  }
  return p;
}

/* The list is a heap with the newest on top while it is filled, so that it
 * keeps the oldest without memory of its own. */
struct heap {
  uvmqtt_pending_t *at;
  size_t n, max;
};

static void swap(uvmqtt_pending_t *a, uvmqtt_pending_t *b) {
  uvmqtt_pending_t c = *a;
  *a = *b;
  *b = c;
}

static void sink(struct heap *h, size_t i) {
  for (;;) {
    size_t child = 2 * i + 1;
    if (child + 1 < h->n && h->at[child + 1].id > h->at[child].id)
      child++;
    if (child >= h->n || h->at[child].id <= h->at[i].id)
      return;
    swap(&h->at[i], &h->at[child]);
    i = child;
  }
}

static void push(struct heap *h, const struct um_op *op) {
  size_t i = h->n++;
  h->at[i] = describe(op);
  while (i != 0 && h->at[(i - 1) / 2].id < h->at[i].id) {
    swap(&h->at[i], &h->at[(i - 1) / 2]);
    i = (i - 1) / 2;
  }
}

static void take(struct heap *h, const struct um_op *op) {
  if (!is_pending(op))
    return;
  if (h->n < h->max) {
    push(h, op);
  } else if (op->id < h->at[0].id) {
    h->at[0] = describe(op);
    sink(h, 0);
  }
}

static void sort(struct heap *h) {
  while (h->n > 1) {
    h->n--;
    swap(&h->at[0], &h->at[h->n]);
    sink(h, 0);
  }
}

size_t um_pending_list(const struct um_outbox *o, uvmqtt_pending_t *list,
                       size_t n) {
  const struct um_list *lists[UM_OUTBOX_LISTS];
  struct heap h = {list, 0, n};
  um_outbox_lists(o, lists);
  for (size_t i = 0; i < UM_OUTBOX_LISTS && n != 0; i++)
    for (const struct um_list *l = lists[i]->next; l != lists[i]; l = l->next)
      take(&h, op_of(l));
  size_t filled = h.n;
  sort(&h);
  return filled;
}
