#include "sim/world.h"

#include "sim/memory.h"
#include "sim/weather.h"
#include <stdio.h>

#define EVENTS_MAX 400000u
#define REST 20000u /* ms after the last action */

uint64_t roll(struct world *w, uint64_t n) {
  return prng_below(&w->prng, n);
}

uint64_t range(struct world *w, uint64_t lo, uint64_t hi) {
  return prng_range(&w->prng, lo, hi);
}

bool chance(struct world *w, unsigned permille) {
  return prng_chance(&w->prng, permille);
}

bool fault(struct world *w, unsigned permille) {
  return !w->healed && chance(w, permille);
}

void at(struct world *w, uint64_t when, event_fn fn, void *arg, uint64_t n) {
  clock_at(&w->clock, &w->prng, when, fn, arg, n);
}

void violation(struct world *w, const char *invariant, const char *text,
               uint64_t a, uint64_t b, uint64_t c) {
  if (w->violated)
    return;
  note(w, text, a, b, c);
  snprintf(w->verdict, sizeof w->verdict, text, (unsigned long long)a,
           (unsigned long long)b, (unsigned long long)c);
  w->violated = true;
  w->invariant = invariant;
}

/* What goes on by itself. */

static void next_action(struct world *w, void *arg, uint64_t n);
static void finish(struct world *w, void *arg, uint64_t n);

static void plan_action(struct world *w) {
  bool more = w->app.acted < w->climate.actions;
  uint64_t wait = roll(w, 2 * (uint64_t)w->climate.pace);
  at(w, w->clock.now + (more ? wait : REST), more ? next_action : finish, NULL,
     0);
}

static void next_action(struct world *w, void *arg, uint64_t n) {
  (void)arg;
  (void)n;
  app_act(w);
  plan_action(w);
}

static void traffic(struct world *w, void *arg, uint64_t n) {
  (void)arg;
  (void)n;
  if (w->healed)
    return;
  broker_traffic(w);
  at(w, w->clock.now + roll(w, 2 * (uint64_t)w->climate.traffic), traffic, NULL,
     0);
}

/* The end of a seed: in every fourth one faults end and all must finish. */

/* With a Receive Maximum of 1 each takes two round trips. */
static uint64_t backlog(struct world *w) {
  uint64_t n = 0;
  for (size_t i = w->app.first_request; i < w->ledger.n_requests; i++)
    n += w->ledger.requests[i].completed == 0;
  for (size_t i = 0; i < SESSIONS; i++)
    n += w->broker.sessions[i].n_out;
  return n;
}

static uint64_t patience(struct world *w) {
  const struct climate *k = &w->climate;
  uint64_t t = 3 * ((uint64_t)k->reconnect_max + 30000) +
               (20 + 8 * backlog(w)) * k->latency + k->connect_timeout + 2000;
  if (w->store.busy_until > w->clock.now)
    t += w->store.busy_until - w->clock.now;
  return t;
}

/* An earlier client object, and messages that were given up because the server
 * of a later connection does not take them, may leave something for ever. */
static bool matters(struct world *w, uint32_t number) {
  const struct request *r = &w->ledger.requests[number];
  return r->kind == ASK_PUBLISH && r->life == w->driver.life &&
         !r->no_callback && r->status == 0;
}

static size_t open_at_broker(struct world *w, const struct bsession *s) {
  size_t n = 0;
  for (size_t i = 0; i < s->n_in; i++)
    n += matters(w, s->in[i].message);
  return n;
}

static size_t in_flight(struct world *w) {
  size_t n = 0;
  for (size_t i = 0; i < w->judge.n_flights; i++)
    n += w->judge.flights[i].kind != ASK_PUBLISH ||
         matters(w, w->judge.flights[i].number);
  return n;
}

/* Nothing is in flight, so nothing is stored. */
static bool forgotten_by_store(struct world *w) {
  const struct image *i = &w->store.durable;
  return memory.failed != 0 || (i->n_rows == 0 && i->n_ins == 0);
}

/* I17: neither side holds what the other does not know of. */
static bool mirrored(struct world *w) {
  const struct judge *j = &w->judge;
  struct conn *c = broker_client(w);
  struct bsession *s = c == NULL ? NULL : broker_session(w, c);
  const struct um_session *own = &w->driver.session;
  if (s == NULL || own->outbox->n_inflight != 0)
    return false;
  if (judge_blind(w) || w->app.unsure)
    return true;
  if (own->inbox.n_open != 0 || !forgotten_by_store(w))
    return false;
  for (size_t i = 0; i < DEBTS; i++)
    if (j->owe[i].first != j->owe[i].n)
      return false;
  return s->n_out == 0 && open_at_broker(w, s) == 0 && in_flight(w) == 0 &&
         j->n_open == 0;
}

static void check_subscriptions(struct world *w) {
  struct bsession *s = broker_session(w, broker_client(w));
  bool inherits = w->driver.life > 1; /* those of a client object before */
  for (unsigned f = 0; f < HANDLED_FILTERS && !w->app.unsure; f++)
    if (s->subs[f].on != w->app.subscribed[f] && !w->app.unknown[f] &&
        !(inherits && s->subs[f].on))
      violation(w, "I17", "filter %llu: broker %llu, application %llu", f,
                s->subs[f].on, w->app.subscribed[f]);
}

static void check_messages(struct world *w) {
  for (size_t i = w->app.first_request; i < w->ledger.n_requests; i++) {
    const struct request *r = &w->ledger.requests[i];
    bool ok = r->kind == ASK_PUBLISH && r->qos != 0 && r->completed != 0 &&
              r->status == 0 && !r->no_callback && r->id != 0;
    if (ok && r->routed == 0 && !r->swallowed)
      violation(w, "I1", "message %llu is lost", i, 0, 0);
  }
}

static bool at_rest(struct world *w) {
  return w->driver.state == ONLINE && app_satisfied(w) && mirrored(w);
}

static void check_rest(struct world *w, void *arg, uint64_t end) {
  (void)arg;
  if (w->store.failed || w->driver.closing) { /* nothing more comes of it */
    call_close(w);
    return;
  }
  if (!at_rest(w) && w->clock.now < end) {
    at(w, w->clock.now + 500, check_rest, NULL, end);
    return;
  }
  if (!at_rest(w)) {
    struct conn *c = broker_client(w);
    struct bsession *s = c == NULL ? NULL : broker_session(w, c);
    note(w, "rest: in flight %llu, open %llu, debts %llu",
         w->driver.session.outbox->n_inflight, w->driver.session.inbox.n_open,
         w->judge.n_flights + w->judge.n_open);
    note(w, "rest: open %llu, flights %llu, stored %llu", w->judge.n_open,
         w->judge.n_flights, w->store.durable.n_ins);
    for (size_t i = 0; i < w->judge.n_open; i++)
      note(w, "rest: open %llu of message %llu", w->judge.open[i].pid,
           w->judge.open[i].message, 0);
    note(w, "rest: broker has a session %llu, out %llu, in %llu", s != NULL,
         s == NULL ? 0 : s->n_out, s == NULL ? 0 : s->n_in);
    violation(w, "I14", "state %llu, satisfied %llu, mirrored %llu",
              w->driver.state, app_satisfied(w), mirrored(w));
    return;
  }
  if (!judge_blind(w)) {
    check_subscriptions(w);
    check_messages(w);
  }
  call_close(w);
}

static void heal(struct world *w) {
  note(w, "faults end", 0, 0, 0);
  w->healed = true;
  w->healed_at = w->clock.now;
  w->climate.alloc_failures = 0;
  memory.prng = NULL;
  w->climate.store_delay = 10;
  w->climate.ack_delay = 20;
  w->climate.auth_rounds = 1;
  if (w->climate.latency > 200)
    w->climate.latency = 200;
  w->climate.splits /= 4;
  w->climate.window = 65536;
  for (size_t i = 0; i < CONNS_MAX; i++)
    if (w->net.conns[i].used && w->net.conns[i].peer.spoilt)
      w->net.conns[i].pipe[UP].dark = true;
  net_heal(w);
  app_heal(w);
  at(w, w->clock.now + 500, check_rest, NULL, w->clock.now + patience(w));
}

static void finish(struct world *w, void *arg, uint64_t n) {
  (void)arg;
  (void)n;
  if (!w->driver.alive) { /* about to begin again */
    at(w, w->clock.now + 1000, finish, NULL, 0);
    return;
  }
  if (w->climate.liveness) {
    heal(w);
    return;
  }
  w->healed = true; /* no new client after this one */
  call_close(w);
}

/* I12 */
static void check_memory(struct world *w) {
  const struct climate *k = &w->climate;
  uint64_t most = k->queue_bytes + (uint64_t)k->queue_messages * 512 +
                  4 * (uint64_t)k->packet_max + (1u << 20);
  if (memory.live > most)
    violation(w, "I12", "%llu bytes are held, %llu are too many", memory.live,
              most, 0);
}

static void begin(struct world *w, uint64_t seed, bool print) {
  memset(w, 0, sizeof *w);
  memset(&memory, 0, sizeof memory);
  w->seed = seed;
  w->trace.all = print;
  prng_seed(&w->prng, seed);
  clock_init(&w->clock, chance(w, 500) ? 0 : range(w, 1, 1u << 31));
  climate_draw(w);
  net_init(w);
  broker_init(w);
  store_init(w);
  judge_init(w);
  if (w->climate.alloc_failures != 0) {
    memory.prng = &w->prng;
    memory.per_million = w->climate.alloc_failures;
  }
  app_start(w);
  plan_action(w);
  if (w->climate.traffic != 0)
    at(w, w->clock.now, traffic, NULL, 0);
  weather_begin(w);
}

static void end(struct world *w) {
  driver_done(w);
  app_done(w);
  net_done(w);
  broker_done(w);
  store_done(w);
  judge_done(w);
  ledger_done(w);
  clock_done(&w->clock);
}

bool world_run(struct world *w, uint64_t seed, bool print) {
  struct event e;
  begin(w, seed, print);
  uint64_t start = w->clock.now;
  while (!w->violated && !w->app.ended && clock_next(&w->clock, &e)) {
    e.fn(w, e.arg, e.n);
    judge_time(w);
    check_memory(w);
    if (++w->events > EVENTS_MAX)
      violation(w, "I14", "%llu events and no end", w->events, 0, 0);
  }
  w->ended_at = w->clock.now;
  w->virtual_ms = w->clock.now - start;
  if (!w->violated && !w->app.ended)
    violation(w, "I14", "nothing happens any more", 0, 0, 0);
  end(w);
  if (!w->violated && memory.blocks != 0)
    violation(w, "I12", "%llu blocks of memory are left", memory.blocks, 0, 0);
  return !w->violated;
}
