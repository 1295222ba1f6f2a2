/* What the application asks for. Part of sim/app.h. */
#include "sim/world.h"
#include <stdio.h>

/* Passed so that the library has something to call; app_completed is told. */
static void on_completion(uvmqtt_t *m, const uvmqtt_result_t *r, void *arg) {
  (void)m;
  (void)r;
  (void)arg;
}

/* The ledger knows requests before the library does, as bytes may leave inside
 * the call. */
static uint32_t enter_request(struct world *w, struct request r) {
  r.accepted = w->clock.now;
  r.life = w->driver.life;
  r.accepting = true;
  r.allowed = 1;
  w->app.in_call = true;
  return ledger_add_request(w, &r);
}

static void leave_request(struct world *w, uint32_t number, int status,
                          uint64_t id) {
  struct request *r = &w->ledger.requests[number];
  w->app.in_call = false;
  r->accepting = false;
  r->id = id;
  note(w, "app: request %llu of kind %llu, refused with -%llu", number, r->kind,
       (uint64_t)-status);
  note(w, "  filter %llu topic %llu QoS %llu", r->filter, r->topic, r->qos);
  note(w, "  lane %llu time-out %llu, %llu bytes", r->lane, r->timeout,
       r->size);
  if (status != 0 && r->written != 0)
    violation(w, "I9", "request %llu was refused and sent", number, 0, 0);
  if (status == UVMQTT_ESTORE && !w->store.failed)
    violation(w, "I10", "request %llu is refused for the store's sake", number,
              0, 0);
  if (status != 0)
    r->completed = 1; /* refused: nothing will come */
}

static void *arg_of(uint32_t number) {
  return (void *)(uintptr_t)number;
}

/* Who had to give way. */

#define PENDING_MAX 512u

struct snapshot {
  bool taken;
  size_t n;
  uvmqtt_pending_t list[PENDING_MAX];
  const struct request *of[PENDING_MAX]; /* NULL: not in the ledger */
};

static const struct request *by_id(struct world *w, uint64_t id) {
  const struct ledger *l = &w->ledger;
  for (size_t i = w->app.first_request; i < l->n_requests; i++)
    if (l->requests[i].id == id)
      return &l->requests[i];
  return NULL;
}

/* While nothing can be sent only victims vanish. */
static void look(struct world *w, struct snapshot *s) {
  s->taken = w->climate.overflow != UVMQTT_OVERFLOW_REFUSE &&
             w->driver.session.state != UM_SESSION_UP;
  if (s->taken)
    s->n = call_get_pending(w, s->list, PENDING_MAX);
  s->taken = s->taken && s->n <= PENDING_MAX;
}

static bool holds(const struct snapshot *s, uint64_t id) {
  for (size_t i = 0; i < s->n; i++)
    if (s->list[i].id == id)
      return true;
  return false;
}

/* Would `a` have had to go before `b`? */
static bool goes_first(struct world *w, const uvmqtt_pending_t *p,
                       const struct request *a, const struct request *b) {
  if (a == NULL || p->sent || p->type != UVMQTT_PUBLISH || !is_message(a))
    return false;
  if (w->climate.overflow == UVMQTT_OVERFLOW_DROP_OLDEST_QOS0 && p->qos != 0)
    return false;
  return judge_urgency(a) > judge_urgency(b) ||
         (judge_urgency(a) == judge_urgency(b) && a->accepted < b->accepted);
}

static void check_victim(struct world *w, const struct snapshot *before,
                         const struct snapshot *after, size_t i,
                         const struct request *newer) {
  const uvmqtt_pending_t *p = &before->list[i];
  const struct request *r = by_id(w, p->id);
  bool of_topic = w->climate.overflow == UVMQTT_OVERFLOW_LATEST_PER_TOPIC;
  if (p->sent || p->type != UVMQTT_PUBLISH)
    violation(w, "I9", "request of id %llu gave way", p->id, 0, 0);
  else if (r == NULL)
    return; /* the PUBLISH of a request: the library's own */
  else if (r->completed != 0)
    violation(w, "I9", "request of id %llu gave way after its end", p->id, 0,
              0);
  else if (w->climate.overflow == UVMQTT_OVERFLOW_DROP_OLDEST_QOS0 &&
           p->qos != 0)
    violation(w, "I9", "id %llu of QoS %llu gave way", p->id, p->qos, 0);
  else if (of_topic && r->topic != newer->topic)
    violation(w, "I9", "id %llu of another topic gave way", p->id, 0, 0);
  else if (!of_topic && judge_urgency(r) < judge_urgency(newer))
    violation(w, "I9", "id %llu is more urgent and gave way", p->id, 0, 0);
  for (size_t k = 0; k < after->n && r != NULL && !of_topic; k++)
    if (after->list[k].id != newer->id &&
        goes_first(w, &after->list[k], by_id(w, after->list[k].id), r))
      violation(w, "I9", "id %llu gave way before id %llu", p->id,
                after->list[k].id, 0);
}

static void check_victims(struct world *w, const struct snapshot *before,
                          const struct request *newer) {
  static struct snapshot after;
  if (!before->taken)
    return;
  look(w, &after);
  for (size_t i = 0; i < before->n && after.taken; i++)
    if (!holds(&after, before->list[i].id))
      check_victim(w, before, &after, i, newer);
}

/* Messages. */

static uint8_t draw_lane(struct world *w) {
  return (uint8_t)(chance(w, w->climate.urgencies) ? range(w, 1, 2) : 0);
}

static size_t properties_of(const struct request *r, uint32_t number,
                            char text[16], uvmqtt_property_t *p) {
  size_t n = 0;
  snprintf(text, 16, "n%u", number);
  if (r->properties)
    p[n++] = (uvmqtt_property_t)UVMQTT_USER_PROPERTY("k", text);
  if (r->interval != 0)
    p[n++] = (uvmqtt_property_t)UVMQTT_PROPERTY_NUM(MESSAGE_EXPIRY_INTERVAL,
                                                    r->interval);
  return n;
}

static int hand_over(struct world *w, const struct request *r,
                     const uvmqtt_message_t *m, uint32_t number,
                     const uvmqtt_message_t *question, uint64_t *ret_id) {
  const char *to = r->reply == TOPIC_REPLIES + 2 ? NULL : topics[r->reply];
  uvmqtt_request_cb cb = r->no_callback ? NULL : on_completion;
  if (r->kind == ASK_REQUEST)
    return call_request(w, m, to, r->timeout, app_replied, arg_of(number),
                        ret_id);
  if (question != NULL)
    return call_respond(w, question, m, cb, arg_of(number), ret_id);
  return call_publish(w, m, cb, arg_of(number), ret_id);
}

static void send_message(struct world *w, struct request r,
                         const uvmqtt_message_t *question) {
  static struct snapshot before;
  uvmqtt_property_t p[2];
  char text[16];
  uint64_t id = 0;
  look(w, &before);
  uint32_t number = enter_request(w, r);
  uint8_t *payload = malloc(r.size);
  if (payload == NULL)
    abort();
  payload_write(payload, r.size, 'A', number);
  uvmqtt_message_t m = {.topic = topics[r.topic],
                        .payload = {payload, r.size},
                        .qos = r.qos,
                        .retain = r.retain,
                        .dup = chance(w, 50), /* to be ignored */
                        .lane = (uvmqtt_lane_t)r.lane,
                        .timeout = r.kind == ASK_REQUEST ? 0 : r.timeout,
                        .properties = p,
                        .n_properties = properties_of(&r, number, text, p)};
  int status = hand_over(w, &r, &m, number, question, &id);
  memset(payload, 0xEE, r.size); /* copied before the call returned */
  free(payload);
  leave_request(w, number, status, id);
  if (status == 0 && r.kind == ASK_PUBLISH)
    check_victims(w, &before, &w->ledger.requests[number]);
}

static void publish(struct world *w) {
  const struct climate *k = &w->climate;
  struct request r = {.kind = ASK_PUBLISH,
                      .topic = (unsigned)roll(w, TOPICS),
                      .qos = (uint8_t)roll(w, 3),
                      .retain = chance(w, 100),
                      .properties = chance(w, 150),
                      .no_callback = chance(w, 100),
                      .lane = draw_lane(w)};
  bool large = chance(w, 30);
  r.size = (uint32_t)range(w, PAYLOAD_LEAST, large ? k->payload_max : 60);
  if (chance(w, k->expiring))
    r.interval = (uint32_t)range(w, 1, 60);
  if (chance(w, k->timing_out))
    r.timeout = (uint32_t)range(w, 1, 30000);
  send_message(w, r, NULL);
}

static void ask_question(struct world *w) {
  struct request r = {.kind = ASK_REQUEST,
                      .topic = TOPIC_QUESTIONS,
                      .qos = (uint8_t)roll(w, 3),
                      .size = PAYLOAD_LEAST,
                      .reply =
                          (unsigned)range(w, TOPIC_REPLIES, ALL_TOPICS - 1),
                      .timeout = (uint32_t)range(w, 100, 20000)};
  send_message(w, r, NULL);
}

void app_answer(struct world *w, const uvmqtt_message_t *question,
                uint32_t number) {
  struct request r = {.kind = ASK_PUBLISH,
                      .topic = TOPIC_ANSWERS,
                      .qos = (uint8_t)roll(w, 3),
                      .size = PAYLOAD_LEAST,
                      .answers = number + 1};
  send_message(w, r, question);
}

/* Subscriptions. */

void app_subscribe(struct world *w) {
  unsigned f = (unsigned)roll(w, PLAIN_FILTERS);
  uint8_t qos = (uint8_t)roll(w, 3);
  uint32_t number = enter_request(
      w, (struct request){.kind = ASK_SUBSCRIBE, .filter = f, .qos = qos});
  uvmqtt_subscription_t s = {.filter = filters[f], .qos = qos};
  uint64_t id = 0;
  int status = call_subscribe(w, &s, 1, on_completion, arg_of(number), &id);
  leave_request(w, number, status, id);
}

static void unsubscribe(struct world *w) {
  unsigned f = (unsigned)roll(w, PLAIN_FILTERS);
  uint32_t number =
      enter_request(w, (struct request){.kind = ASK_UNSUBSCRIBE, .filter = f});
  uint64_t id = 0;
  int status =
      call_unsubscribe(w, &filters[f], 1, on_completion, arg_of(number), &id);
  leave_request(w, number, status, id);
}

/* Handlers. */

static struct handling *place(struct world *w, bool used) {
  unsigned first = (unsigned)roll(w, HANDLERS_MAX);
  for (unsigned i = 0; i < HANDLERS_MAX; i++) {
    struct handling *h = &w->app.handlers[(first + i) % HANDLERS_MAX];
    if ((h->serial != 0) == used)
      return h;
  }
  return NULL;
}

static bool fits_others(struct world *w, const struct handling *h) {
  for (unsigned i = 0; i < HANDLERS_MAX; i++) {
    const struct handling *o = &w->app.handlers[i];
    if (o->serial != 0 && o->filter == h->filter &&
        (o->identifier != h->identifier || o->no_local != h->no_local))
      return false;
  }
  return true;
}

static void handle(struct world *w) {
  bool v5 = w->climate.version == UVMQTT_VERSION_5;
  struct handling *to = place(w, false);
  struct handling h = {
      .filter = (unsigned)range(w, PLAIN_FILTERS, HANDLED_FILTERS - 1),
      .serial = ++w->app.handler_serial,
      .no_local = v5 && chance(w, 50)};
  if (to == NULL)
    return;
  if (chance(w, 30))
    h.identifier = 1 + h.filter;
  uint8_t qos = (uint8_t)roll(w, 3);
  uvmqtt_subscription_t s = {.filter = filters[h.filter],
                             .qos = qos,
                             .no_local = h.no_local,
                             .retain_handling = v5 ? (uint8_t)roll(w, 3) : 0};
  h.request = enter_request(
      w,
      (struct request){.kind = ASK_SUBSCRIBE, .filter = h.filter, .qos = qos});
  bool fits = fits_others(w, &h);
  int status = call_handle(w, &s, h.identifier, app_heard, arg_of(h.serial),
                           on_completion, arg_of(h.request), &h.h);
  leave_request(w, h.request, status, 0);
  if ((status == UVMQTT_ECONFLICT) == fits &&
      (status == 0 || status == UVMQTT_ECONFLICT))
    violation(w, "I9", "a handler that fits its like %llu got -%llu", fits,
              (uint64_t)-status, 0);
  if (status == 0)
    *to = h;
}

static bool is_last(struct world *w, const struct handling *h) {
  for (unsigned i = 0; i < HANDLERS_MAX; i++) {
    const struct handling *o = &w->app.handlers[i];
    if (o != h && o->serial != 0 && o->filter == h->filter)
      return false;
  }
  return true;
}

static void unhandle(struct world *w) {
  struct handling *h = place(w, true);
  if (h == NULL)
    return;
  struct request *asked = &w->ledger.requests[h->request];
  struct handling gone = *h;
  enum request_kind kind = is_last(w, h) ? ASK_UNSUBSCRIBE : ASK_NOTHING;
  asked->cancelled = asked->completed == 0;
  h->serial = 0;
  uint32_t number =
      enter_request(w, (struct request){.kind = kind, .filter = gone.filter});
  int status = call_unhandle(w, gone.h, on_completion, arg_of(number));
  leave_request(w, number, status, 0);
  if (status != 0)
    *h = gone;
}

/* Giving up. */

static struct request *any_open(struct world *w) {
  struct ledger *l = &w->ledger;
  uint32_t first = w->app.first_request;
  size_t n = l->n_requests - first;
  size_t from = (size_t)roll(w, n);
  for (size_t i = 0; i < n; i++) {
    struct request *r = &l->requests[first + (from + i) % n];
    if (r->completed == 0 && r->id != 0 && !r->no_callback &&
        r->kind != ASK_REAUTH)
      return r;
  }
  return NULL;
}

static const uvmqtt_pending_t *pending(struct world *w, uint64_t id) {
  static struct snapshot s;
  s.n = call_get_pending(w, s.list, PENDING_MAX);
  for (size_t i = 0; i < s.n && i < PENDING_MAX; i++)
    if (s.list[i].id == id)
      return &s.list[i];
  return NULL;
}

static void cancel(struct world *w) {
  struct request *r = any_open(w);
  if (r == NULL)
    return;
  const uvmqtt_pending_t *p = pending(w, r->id);
  bool was_pending = p != NULL, unsent = was_pending && !p->sent;
  int status = call_cancel(w, r->id);
  note(w, "app: gives request %llu up, -%llu",
       (uint64_t)(r - w->ledger.requests), (uint64_t)-status, 0);
  if (status == UM_ENOENT && was_pending)
    violation(w, "I9", "id %llu is pending and cannot be given up", r->id, 0,
              0);
  if (status == UM_EALREADY && r->qos != 0)
    violation(w, "I9", "id %llu of QoS %llu is in a buffer", r->id, r->qos, 0);
  if (status != 0)
    return;
  r->cancelled = true;
  r->never = unsent && is_message(r);
}

static void reauthenticate(struct world *w) {
  uint8_t data = 0;
  uint64_t id = 0;
  bool up = w->driver.session.state == UM_SESSION_UP;
  uint32_t number = enter_request(w, (struct request){.kind = ASK_REAUTH});
  int status = call_reauthenticate(w, (uvmqtt_bytes_t){&data, 1}, on_completion,
                                   arg_of(number), &id);
  leave_request(w, number, status, id);
  if (status == UM_ENOTCONN && up)
    violation(w, "I9", "re-authentication while online is refused", 0, 0, 0);
}

void app_ask(struct world *w) {
  const struct climate *k = &w->climate;
  if (chance(w, 140))
    app_subscribe(w);
  else if (chance(w, 60))
    unsubscribe(w);
  else if (chance(w, k->handlers))
    (chance(w, 650) ? handle : unhandle)(w);
  else if (chance(w, k->cancels))
    cancel(w);
  else if (chance(w, k->requests))
    ask_question(w);
  else if (chance(w, k->reauths))
    reauthenticate(w);
  else
    publish(w);
}
