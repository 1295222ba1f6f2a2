#include "session/handlers.h"

#include "base/err.h"
#include "base/mutant.h"
#include "session/session.h"
#include <string.h>

/* ms after SUBACK in which a server is taken to have sent the retained messages
 * of a subscription. Matters only while the next SUBSCRIBE for the same filter
 * is not yet answered: what comes then is either the rest of the earlier one's
 * or, from a server that sends them before SUBACK, already the next one's. */
#define SETTLING 10000u

static void on_asked(struct um_session *s, struct um_inner *inner,
                     const uvmqtt_result_t *result);

static bool conflicts(const struct um_filter *f, const uvmqtt_subscription_t *o,
                      uint32_t identifier) {
  return f->identifier != identifier || f->no_local != o->no_local ||
         f->retain_as_published != o->retain_as_published;
}

/* Asking the server. */

static void forget_op(struct um_filter *f, uint64_t id) {
  if (id == f->for_whom)
    f->for_whom = 0;
  if (id != f->op_id)
    return;
  f->op = NULL;
  f->op_id = 0;
}

static uint8_t highest_qos(const struct um_filter *f) {
  uint8_t qos = 0;
  struct um_list *l;
  for (l = f->handlers.next; l != &f->handlers; l = l->next)
    if (um_handler_of(l)->qos > qos)
      qos = um_handler_of(l)->qos;
  return qos;
}

static uint8_t least_retain_handling(const struct um_filter *f) {
  uint8_t least = 2;
  struct um_list *l;
  for (l = f->handlers.next; l != &f->handlers; l = l->next)
    if (um_handler_of(l)->retain_handling < least)
      least = um_handler_of(l)->retain_handling;
  return least;
}

/* Does a SUBSCRIBE make the server send it retained messages? */
static bool wants_retained(const uvmqtt_handler_t *h, bool is_new) {
  return h->retain_handling == 0 || (h->retain_handling == 1 && is_new);
}

static void await(uvmqtt_handler_t *h, uint64_t id, bool is_new) {
  struct um_filter *f = h->filter;
  h->asked = id;
  if (!wants_retained(h, is_new))
    return;
  h->retained = id;
  f->for_whom = id;
}

static void raise(struct um_filter *f, const uvmqtt_handler_t *h) {
  um_op_raise(f->op, h->qos, h->retain_handling);
  if (h->qos > f->op_qos)
    f->op_qos = h->qos;
}

/* With the SUBSCRIBE under way, if it says enough or can still be made to. */
static bool join(struct um_filter *f, uvmqtt_handler_t *h, bool is_new) {
  if (f->op_id == 0)
    return false;
  if (f->op != NULL && f->op->state == UM_OP_QUEUED) {
    raise(f, h);
    await(h, f->op_id, is_new);
    return true;
  }
  if (h->retain_handling == 0 || h->qos > f->op_qos)
    return false;
  h->asked = f->op_id;
  return true;
}

static struct um_op *queued_op(const struct um_session *s, uint64_t id) {
  const struct um_list *requests = &s->outbox->requests;
  if (um_list_empty(requests))
    return NULL;
  struct um_op *op = um_list_of(requests->prev, struct um_op, link);
  return op->id == id ? op : NULL;
}

static int ask(struct um_session *s, struct um_filter *f, uvmqtt_handler_t *h,
               bool is_new) {
  uvmqtt_property_t p =
      UVMQTT_PROPERTY_NUM(SUBSCRIPTION_IDENTIFIER, f->identifier);
  uvmqtt_subscription_t o = {.filter = f->text,
                             .qos = highest_qos(f),
                             .no_local = f->no_local,
                             .retain_as_published = f->retain_as_published,
                             .retain_handling = h->retain_handling};
  uint64_t id;
  int r = um_session_subscribe(s, s->now, &o, 1, &p, f->identifier != 0,
                               um_inner, &f->asked, &id);
  if (r)
    return r;
  f->n_asked++;
  f->op = queued_op(s, id);
  f->op_id = id;
  f->op_qos = o.qos;
  await(h, id, is_new);
  return 0;
}

static void tell_handler(struct um_session *s, uvmqtt_handler_t *h,
                         const uvmqtt_result_t *result);

/* Nothing was asked: what was granted before holds for this handler, too. */
static void tell_granted(struct um_session *s, struct um_due *due) {
  uvmqtt_handler_t *h = um_list_of(due, uvmqtt_handler_t, due);
  uint8_t reason = h->filter->reason;
  uvmqtt_result_t result = {.id = due->id, .status = due->status};
  if (result.status == 0) {
    result.reason = reason;
    result.reasons = &reason;
    result.n_reasons = 1;
  }
  tell_handler(s, h, &result);
}

/* Of a filter's first handler nothing is known that was agreed on for it. */
static bool is_enough(const struct um_filter *f, const struct um_sub *known,
                      const uvmqtt_handler_t *h) {
  return f->granted && known != NULL && h->retain_handling != 0 &&
         h->qos <= known->options.qos;
}

static void remember(struct um_session *s, const struct um_filter *f) {
  struct um_sub *known = um_subs_find(&s->subs, f->text);
  if (known != NULL && !um_list_empty(&f->handlers))
    known->options.retain_handling = least_retain_handling(f);
}

static int subscribe(struct um_session *s, uvmqtt_handler_t *h) {
  struct um_filter *f = h->filter;
  const struct um_sub *known = um_subs_find(&s->subs, f->text);
  if (is_enough(f, known, h)) {
    h->asked = s->next_id++;
    um_due_put(s, &h->due, h->asked, 0, tell_granted);
    remember(s, f);
    return 0;
  }
  bool is_new = !f->granted || known == NULL;
  return join(f, h, is_new) ? 0 : ask(s, f, h, is_new);
}

static int add(struct um_session *s, struct um_filter *f,
               const uvmqtt_subscription_t *o, uvmqtt_handler_t **ret) {
  uvmqtt_handler_t *h = um_filters_add_handler(s->filters, f);
  int r = UM_ENOMEM;
  if (h != NULL) {
    h->qos = o->qos;
    h->retain_handling = o->retain_handling;
    r = subscribe(s, h);
  }
  if (r && h != NULL)
    um_filters_free_handler(h);
  if (r) {
    um_filters_release(s->filters, f);
    return r;
  }
  *ret = h;
  return 0;
}

int um_session_handle(struct um_session *s, uint64_t now,
                      const uvmqtt_subscription_t *filter, uint32_t identifier,
                      uvmqtt_handler_cb cb, void *arg, uvmqtt_request_cb done,
                      void *done_arg, uvmqtt_handler_t **ret) {
  uvmqtt_handler_t *h;
  s->now = now;
  if (s->journal.broken)
    return UVMQTT_ESTORE;
  if (s->filters == NULL)
    s->filters = um_filters_new();
  if (s->filters == NULL)
    return UM_ENOMEM;
  struct um_filter *f = um_filters_find(s->filters, filter->filter);
  if (f != NULL && conflicts(f, filter, identifier))
    return UVMQTT_ECONFLICT;
  if (f == NULL)
    f = um_filters_add(s->filters, filter, identifier);
  if (f == NULL)
    return UM_ENOMEM;
  f->asked.completed = on_asked;
  int r = add(s, f, filter, &h);
  if (r)
    return r;
  h->cb = cb;
  h->arg = arg;
  h->done = done;
  h->done_arg = done_arg;
  if (ret != NULL)
    *ret = h;
  return 0;
}

/* What the server answered. */

static uvmqtt_handler_t *awaiting(const struct um_filter *f, uint64_t id) {
  struct um_list *l;
  for (l = f->handlers.next; l != &f->handlers; l = l->next)
    if (um_handler_of(l)->asked == id)
      return um_handler_of(l);
  return NULL;
}

static bool brings_retained(const struct um_filter *f, uint64_t id) {
  struct um_list *l;
  for (l = f->handlers.next; l != &f->handlers; l = l->next)
    if (um_handler_of(l)->retained == id)
      return true;
  return false;
}

static void note_granted(struct um_session *s, struct um_filter *f,
                         const uvmqtt_result_t *result) {
  f->granted = true;
  f->reason = result->n_reasons != 0 ? result->reasons[0] : result->reason;
  remember(s, f);
  if (!brings_retained(f, result->id))
    return;
  f->current = result->id;
  f->settled_at = s->now + SETTLING;
}

/* The last handler was refused what an earlier one, gone since, had got. */
static void give_back(struct um_session *s, struct um_filter *f, int status) {
  const char *text = f->text;
  if (f->granted && um_list_empty(&f->handlers) && status != UM_ECANCELED)
    um_session_unsubscribe(s, s->now, &text, 1, NULL, 0, NULL, NULL, NULL);
}

static void refuse(struct um_session *s, uvmqtt_handler_t *h, int status) {
  struct um_filter *f = h->filter;
  h->refused = h->done == NULL;
  um_filters_take_out(s->filters, h);
  give_back(s, f, status);
  um_filters_release(s->filters, f);
}

/* Refused, it goes; it stays where there is nobody to hear of it, so that what
 * uvmqtt_handle returned is still something. */
static void tell_handler(struct um_session *s, uvmqtt_handler_t *h,
                         const uvmqtt_result_t *from) {
  uvmqtt_result_t result = {.id = from->id, .status = UM_ECANCELED};
  uvmqtt_request_cb done = h->done;
  if (!s->halted) /* else the one told before has closed the client */
    result = *from;
  h->asked = 0;
  if (result.status)
    refuse(s, h, result.status);
  um_inner_complete(s, done, h->done_arg, &result);
  if (result.status && done != NULL)
    um_filters_free_handler(h);
}

static void on_asked(struct um_session *s, struct um_inner *inner,
                     const uvmqtt_result_t *result) {
  struct um_filter *f = um_list_of(inner, struct um_filter, asked);
  uvmqtt_handler_t *h;
  forget_op(f, result->id);
  if (result->status == 0)
    note_granted(s, f, result);
  while ((h = awaiting(f, result->id)) != NULL)
    tell_handler(s, h, result);
  f->n_asked--;
  um_filters_release(s->filters, f);
}

bool um_handlers_own(const struct um_op *op) {
  return op->cb == um_inner && op->kind == UM_OP_SUBSCRIBE;
}

static bool are_identifiers_offered(const struct um_session *s) {
  return s->version == UM_V5 && s->limits.identifier_available;
}

void um_handlers_sending(struct um_session *s, const struct um_op *op,
                         struct um_packet *p) {
  struct um_inner *inner = op->arg;
  struct um_filter *f = um_list_of(inner, struct um_filter, asked);
  bool offered = are_identifiers_offered(s);
  um_filters_identify(s->filters, f, offered && f->identifier != 0);
  if (!offered)
    p->n_properties = 0; /* there is no other */
}

/* A new subscription: Retain Handling 1 counts, too. */
static void renew_retained(struct um_session *s, struct um_filter *f) {
  struct um_list *l;
  if (f->current == 0)
    f->current = 1; /* before all that is still to be answered */
  f->settled_at = s->now + SETTLING;
  for (l = f->handlers.next; l != &f->handlers; l = l->next) {
    uvmqtt_handler_t *h = um_handler_of(l);
    if (h->asked == 0 && h->retain_handling != 2)
      h->retained = f->current;
  }
}

void um_handlers_restoring(struct um_session *s) {
  if (s->filters == NULL)
    return;
  struct um_list *l, *all = &s->filters->list;
  bool offered = are_identifiers_offered(s);
  for (l = all->next; l != all; l = l->next) {
    struct um_filter *f = um_list_of(l, struct um_filter, link);
    struct um_sub *known = um_subs_find(&s->subs, f->text);
    if (known == NULL)
      continue;
    if (f->identifier != 0)
      known->identifier = offered ? f->identifier : 0;
    um_filters_identify(s->filters, f, offered && f->identifier != 0);
    renew_retained(s, f);
  }
}

/* Removing. */

/* Nobody waits any more for a SUBSCRIBE that was not sent. */
static void withdraw(struct um_session *s, struct um_filter *f) {
  struct um_op *op = f->op;
  if (op == NULL || op->state != UM_OP_QUEUED || awaiting(f, op->id) != NULL)
    return;
  forget_op(f, op->id);
  um_outbox_finish(s->outbox, op, UM_ECANCELED, 0);
}

static void tell_parted(struct um_session *s, struct um_due *due) {
  uvmqtt_handler_t h = *um_list_of(due, uvmqtt_handler_t, due);
  uvmqtt_result_t canceled = {.id = due->id, .status = UM_ECANCELED};
  uvmqtt_result_t result = {.id = due->id, .status = due->status};
  um_filters_free_handler(um_list_of(due, uvmqtt_handler_t, due));
  if (h.asked != 0)
    um_inner_complete(s, h.done, h.done_arg, &canceled);
  um_inner_complete(s, h.bye, h.bye_arg, s->halted ? &canceled : &result);
}

static void part(struct um_session *s, uvmqtt_handler_t *h) {
  struct um_filter *f = h->filter;
  um_due_remove(&h->due);
  h->refused = false;
  if (f != NULL) {
    um_filters_take_out(s->filters, h);
    withdraw(s, f);
    um_filters_release(s->filters, f);
  }
  if (h->bye != NULL || (h->asked != 0 && h->done != NULL))
    um_due_put(s, &h->due, s->next_id++, 0, tell_parted);
  else
    um_filters_free_handler(h);
}

static bool is_last(const uvmqtt_handler_t *h) {
  if (UM_MUTANT(59)) /* gives up what others have handlers for */
    return h->filter != NULL;
  return h->filter != NULL && h->filter->handlers.next == &h->link &&
         h->filter->handlers.prev == &h->link;
}

int um_session_unhandle(struct um_session *s, uint64_t now, uvmqtt_handler_t *h,
                        uvmqtt_request_cb done, void *done_arg) {
  s->now = now;
  if (h->filter == NULL && !h->refused)
    return UM_ENOENT;
  if (is_last(h)) {
    const char *text = h->filter->text;
    int r =
        um_session_unsubscribe(s, now, &text, 1, NULL, 0, done, done_arg, NULL);
    if (r)
      return r;
  } else {
    h->bye = done;
    h->bye_arg = done_arg;
  }
  part(s, h);
  return 0;
}
