/* What the application is told, and what it says to that. Part of sim/app.h. */
#include "sim/world.h"

/* Acknowledging. */

static struct token *token_at(struct app *a, unsigned i) {
  return &a->tokens[i % TOKENS_MAX];
}

static uint8_t draw_reason(struct world *w) {
  static const uint8_t reasons[] = {0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
  return fault(w, w->climate.rejects) ? reasons[roll(w, sizeof reasons)] : 0;
}

static bool is_current(struct world *w, const struct token *t) {
  return t->conn == w->driver.conn && w->driver.session.state == UM_SESSION_UP;
}

static int expected_of_ack(struct world *w, const struct token *t,
                           uint8_t reason) {
  if (!is_current(w, t))
    return UVMQTT_ESTALE;
  if (t->used)
    return UM_ENOENT;
  return reason >= 0x80 && w->driver.session.version == UM_V311 ? UVMQTT_ENOTSUP
                                                                : 0;
}

static void ack(struct world *w, struct token *t, uint8_t reason) {
  int expected = expected_of_ack(w, t, reason);
  /* the books before the call: what may leave leaves inside it */
  if (expected == 0)
    judge_acked(w, t->number, t->qos, reason);
  int status = call_ack(w, t->token, reason);
  note(w, "app: acknowledges message %llu with %llu, -%llu", t->number, reason,
       (uint64_t)-status);
  if (w->driver.closing || judge_blind(w) || status == UM_ENOMEM)
    return;
  if (status != expected && !(expected == UVMQTT_ESTALE && t->used))
    violation(w, "I4", "acknowledging message %llu gives -%llu, not -%llu",
              t->number, (uint64_t)-status, (uint64_t)-expected);
  if (status == 0)
    t->used = true;
}

void app_ack_some(struct world *w) {
  struct app *a = &w->app;
  unsigned kept = a->n_tokens < TOKENS_MAX ? a->n_tokens : TOKENS_MAX;
  if (kept == 0)
    return;
  if (!w->healed) {
    ack(w, token_at(a, a->n_tokens - 1 - (unsigned)roll(w, kept)),
        draw_reason(w));
    return;
  }
  for (unsigned i = a->n_tokens - kept; i != a->n_tokens; i++)
    if (!token_at(a, i)->used && is_current(w, token_at(a, i)))
      ack(w, token_at(a, i), 0);
}

/* The oldest one kept makes room, acknowledged. */
static void take_token(struct world *w, const uvmqtt_message_t *m,
                       uint32_t number) {
  struct app *a = &w->app;
  struct token *t = token_at(a, a->n_tokens);
  if (m->token == 0)
    return;
  if (a->n_tokens >= TOKENS_MAX && !t->used && is_current(w, t))
    ack(w, t, 0);
  *t = (struct token){m->token, w->driver.conn, number, m->qos, false};
  a->n_tokens++;
  if (!chance(w, w->climate.late_acks))
    ack(w, t, draw_reason(w));
}

/* Messages. */

static bool is_reply(const uvmqtt_message_t *m) {
  unsigned topic = topic_index(m->topic);
  return topic >= TOPIC_REPLIES && topic < ALL_TOPICS;
}

static void ponder(struct world *w, const uvmqtt_message_t *m) {
  uint32_t number = payload_read(m->payload.data, m->payload.len, 'B');
  const uvmqtt_property_t *to = uvmqtt_property_find(
      m->properties, m->n_properties, UVMQTT_PROPERTY_RESPONSE_TOPIC);
  take_token(w, m, number);
  if (to != NULL && !judge_blind(w) && chance(w, 700))
    app_answer(w, m, number);
  app_reenter(w);
}

static void check_heard(struct world *w) {
  if (w->app.in_call)
    violation(w, "I9", "a message is delivered inside a call", 0, 0, 0);
  if (w->app.parts_total != 0)
    violation(w, "I3", "another message, and %llu of %llu bytes came of one",
              w->app.parts.len, w->app.parts_total, 0);
  if (w->app.paused)
    violation(w, "I9", "a message is delivered while reading is stopped", 0, 0,
              0);
}

/* An answer that came too late for the client object that asked. */
static void hear_stray(struct world *w, const uvmqtt_message_t *m) {
  if (m->token != 0)
    call_ack(w, m->token, 0);
}

static void hear(struct world *w, const uvmqtt_message_t *m) {
  check_heard(w);
  if (is_reply(m)) {
    hear_stray(w, m);
    return;
  }
  judge_message(w, m);
  ponder(w, m);
  judge_message_done(w);
}

/* Handlers: which of them get it. */

static bool wants(const struct handling *h, const char *topic) {
  return h->serial != 0 && filter_matches(filters[h->filter], topic);
}

/* Those without an identifier, which the server may not know of yet. */
static unsigned who_wants(struct world *w, const uvmqtt_message_t *m,
                          uint32_t serials[HANDLERS_MAX]) {
  unsigned n = 0;
  for (unsigned i = 0; i < HANDLERS_MAX; i++) {
    const struct handling *h = &w->app.handlers[i];
    bool must = wants(h, m->topic) && h->identifier == 0;
    serials[i] = must ? h->serial : 0;
    n += must;
  }
  return n;
}

void app_dispatched(struct world *w) {
  struct app *a = &w->app;
  if (!a->dispatch.open)
    return;
  a->dispatch.open = false;
  for (unsigned i = 0; i < HANDLERS_MAX; i++)
    if (a->dispatch.expected[i] != 0 && !(a->dispatch.called >> i & 1) &&
        a->handlers[i].serial == a->dispatch.expected[i] &&
        !w->driver.closing && !judge_blind(w))
      violation(w, "I3", "a handler of filter %llu was passed over",
                a->handlers[i].filter, 0, 0);
}

void app_message(struct world *w, const uvmqtt_message_t *m) {
  uint32_t serials[HANDLERS_MAX];
  app_dispatched(w);
  if (who_wants(w, m, serials) != 0 && !m->retain && !judge_blind(w))
    violation(w, "I3", "a message with handlers came to nobody", 0, 0, 0);
  hear(w, m);
}

static int place_of(struct world *w, uint32_t serial) {
  for (int i = 0; i < HANDLERS_MAX; i++)
    if (w->app.handlers[i].serial == serial)
      return i;
  return -1;
}

static bool goes_on(struct world *w, uint32_t number, int i) {
  return w->app.dispatch.open && w->app.dispatch.number == number &&
         !(w->app.dispatch.called >> i & 1) &&
         w->app.handlers[i].serial > w->app.dispatch.last;
}

void app_heard(uvmqtt_t *up, const uvmqtt_message_t *m, void *arg) {
  struct world *w = (struct world *)(void *)up;
  struct app *a = &w->app;
  uint32_t serial = (uint32_t)(uintptr_t)arg;
  int i = place_of(w, serial);
  if (w->driver.closing || i < 0) {
    violation(w, "I9", "a handler that is gone was called", 0, 0, 0);
    return;
  }
  if (!wants(&a->handlers[i], m->topic) && !judge_blind(w))
    violation(w, "I3", "a handler was called for another filter", 0, 0, 0);
  uint32_t number = payload_read(m->payload.data, m->payload.len, 'B');
  if (goes_on(w, number, i)) {
    a->dispatch.called |= 1u << i;
    a->dispatch.last = serial;
    app_reenter(w);
    return;
  }
  app_dispatched(w);
  a->dispatch.open = true;
  a->dispatch.number = number;
  who_wants(w, m, a->dispatch.expected);
  a->dispatch.called = 1u << i;
  a->dispatch.last = serial;
  for (unsigned k = 0; k < HANDLERS_MAX; k++)
    if (a->dispatch.expected[k] != 0 && a->dispatch.expected[k] < serial &&
        !judge_blind(w))
      violation(w, "I3", "a handler was passed over", 0, 0, 0);
  hear(w, m);
}

void app_refused(struct world *w, uint32_t request) {
  for (unsigned i = 0; i < HANDLERS_MAX; i++)
    if (w->app.handlers[i].serial != 0 && w->app.handlers[i].request == request)
      w->app.handlers[i].serial = 0;
}

/* Large ones. */

static void begin_parts(struct world *w, const uvmqtt_chunk_t *c) {
  struct app *a = &w->app;
  app_dispatched(w);
  if (a->parts_total != 0)
    violation(w, "I3", "a message ended after %llu of %llu bytes, untold",
              a->parts.len, a->parts_total, 0);
  bytes_clear(&a->parts);
  a->parts_total = c->total;
}

static void abort_parts(struct world *w, const uvmqtt_chunk_t *c) {
  struct app *a = &w->app;
  note(w, "app: a message ends after %llu bytes", a->parts.len, 0, 0);
  if (a->parts_total == 0 || c->offset != a->parts.len || !c->last)
    violation(w, "I3", "an end that is none", 0, 0, 0);
  a->parts_total = 0;
}

static void whole(struct world *w, const uvmqtt_chunk_t *c) {
  struct app *a = &w->app;
  uvmqtt_message_t m = *c->message;
  m.payload = (uvmqtt_bytes_t){bytes_head(&a->parts), a->parts.len};
  a->parts_total = 0;
  hear(w, &m);
}

void app_chunk(struct world *w, const uvmqtt_chunk_t *c) {
  struct app *a = &w->app;
  judge_part(w);
  if (c->total == UVMQTT_CHUNK_ABORTED) {
    abort_parts(w, c);
    return;
  }
  if (c->offset == 0)
    begin_parts(w, c);
  if (c->offset != a->parts.len || c->total != a->parts_total ||
      c->total <= w->climate.chunk_threshold)
    violation(w, "I3", "a part at %llu of %llu, not at %llu", c->offset,
              c->total, a->parts.len);
  bytes_add(&a->parts, c->message->payload.data, c->message->payload.len);
  if (c->last != (a->parts.len == c->total))
    violation(w, "I3", "%llu of %llu bytes, last %llu", a->parts.len, c->total,
              c->last);
  if (c->last)
    whole(w, c);
  else
    app_reenter(w);
}

/* Completions. */

static void believe(struct world *w, const struct request *r, uint32_t number,
                    const uvmqtt_result_t *result) {
  struct app *a = &w->app;
  bool about_filter = r->kind == ASK_SUBSCRIBE || r->kind == ASK_UNSUBSCRIBE;
  if (!about_filter || number + 1 < a->sub_request[r->filter])
    return;
  /* an earlier SUBSCRIBE of it may have been granted, and the answer lost */
  a->unknown[r->filter] = result->status != 0;
  if (result->status != 0)
    return;
  a->sub_request[r->filter] = number + 1;
  a->subscribed[r->filter] = r->kind == ASK_SUBSCRIBE;
}

void app_completed(struct world *w, uint32_t number,
                   const uvmqtt_result_t *result) {
  if (number >= w->ledger.n_requests) {
    violation(w, "I9", "a completion of nothing", 0, 0, 0);
    return;
  }
  struct request *r = &w->ledger.requests[number];
  note(w, "app: request %llu completed with -%llu, reason %llu", number,
       (uint64_t)-result->status, result->reason);
  if (w->app.in_call)
    violation(w, "I9", "request %llu completes inside a call", number, 0, 0);
  if (++r->completed != 1)
    violation(w, "I9", "request %llu completes for the time %llu", number,
              r->completed, 0);
  if (r->life != w->driver.life || !w->driver.alive)
    violation(w, "I9", "request %llu completes after the close", number, 0, 0);
  if (r->id != 0 && r->id != result->id)
    violation(w, "I9", "request %llu completes as %llu instead of %llu", number,
              result->id, r->id);
  r->status = result->status;
  judge_completion(w, number, result);
  believe(w, r, number, result);
  if (r->kind == ASK_SUBSCRIBE && result->status != 0)
    app_refused(w, number);
  app_reenter(w);
}

/* Answers to requests. */

void app_replied(uvmqtt_t *up, int status, const uvmqtt_message_t *reply,
                 void *arg) {
  struct world *w = (struct world *)(void *)up;
  uint32_t number = (uint32_t)(uintptr_t)arg;
  const struct request *r = &w->ledger.requests[number];
  uvmqtt_result_t result = {.id = r->id, .status = status};
  if (status == 0 && !judge_blind(w)) {
    uint32_t n = payload_read(reply->payload.data, reply->payload.len, 'B');
    bool known = n < w->ledger.n_inbound;
    bool mine = known && w->ledger.inbound[n].replies == number + 1;
    if (!known || (!mine && !r->bare && w->judge.version == UM_V5))
      violation(w, "I3", "request %llu was answered by message %llu", number, n,
                0);
  }
  if (status == 0)
    check_heard(w);
  app_completed(w, number, &result);
}

/* Authentication. */

static void say_late(struct world *w, void *arg, uint64_t life);

static void say(struct world *w) {
  struct app *a = &w->app;
  uint8_t data = (uint8_t)(a->auth.said + 1);
  enum um_session_state s = w->driver.session.state;
  bool talking = s == UM_SESSION_GREETING || s == UM_SESSION_UP;
  bool due = a->auth.open && a->auth.conn == w->driver.conn && talking;
  a->auth.open = false;
  int r = call_auth(w, (uvmqtt_bytes_t){&data, 1});
  if (r == UM_ENOMEM) { /* nothing was said */
    a->auth.open = due;
    at(w, w->clock.now + 100, say_late, NULL, w->driver.life);
  }
  if (r == UM_ENOMEM || w->driver.closing || judge_blind(w))
    return;
  if (r != (due ? 0 : UVMQTT_ESTALE) &&
      !(r == UVMQTT_ENOTSUP && !link_knows_secrets(&w->driver)))
    violation(w, "I13", "an answer to AUTH gives -%llu, was due: %llu",
              (uint64_t)-r, due, 0);
}

static void say_late(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life == w->driver.life && w->driver.alive && !w->driver.closing)
    say(w);
}

static void go_on(struct world *w, const uvmqtt_auth_t *auth) {
  struct app *a = &w->app;
  a->auth.open = true;
  a->auth.conn = w->driver.conn;
  a->auth.said = auth->data.len == 1 ? *(const uint8_t *)auth->data.data : 0;
  if (chance(w, 400)) {
    at(w, w->clock.now + roll(w, 1500), say_late, NULL, w->driver.life);
    return;
  }
  say(w);
  if (chance(w, 300))
    say(w); /* again: refused */
}

void app_auth(struct world *w, const uvmqtt_auth_t *auth) {
  static const uint8_t first = 1;
  bool connack = auth->step == UVMQTT_AUTH_SUCCESS &&
                 w->driver.session.state == UM_SESSION_GREETING;
  w->app.auth.open = false;
  if (auth->step == UVMQTT_AUTH_CONTINUE)
    go_on(w, auth);
  else if (auth->step == UVMQTT_AUTH_START)
    call_auth(w, (uvmqtt_bytes_t){&first, 1});
  w->judge.undecided = connack;
  app_reenter(w);
  w->judge.undecided = false;
}
