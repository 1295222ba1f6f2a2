#include "sim/app.h"

#include "sim/memory.h"
#include "sim/world.h"

static void begin_client(struct world *w) {
  struct app *a = &w->app;
  a->blocks_before = memory.blocks;
  a->first_request = (uint32_t)w->ledger.n_requests;
  memset(a->subscribed, 0, sizeof a->subscribed);
  memset(a->unknown, 0, sizeof a->unknown);
  memset(a->sub_request, 0, sizeof a->sub_request);
  memset(a->handlers, 0, sizeof a->handlers);
  memset(&a->dispatch, 0, sizeof a->dispatch);
  memset(&a->auth, 0, sizeof a->auth);
  a->paused = a->unsure = a->left = a->high = a->knocked = false;
  a->n_tokens = 0;
  a->parts_total = 0;
  bytes_clear(&a->parts);
  driver_new(w);
  judge_reset(w);
}

static void begin_again(struct world *w, void *arg, uint64_t n) {
  (void)arg;
  (void)n;
  begin_client(w);
  call_connect(w);
}

static void pause_reading(struct world *w, bool on) {
  w->app.paused = on;
  call_read(w, !on);
}

static void unpause(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life == w->driver.life)
    pause_reading(w, false);
}

static void come_back(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life == w->driver.life && !w->store.failed)
    call_connect(w);
}

static void leave(struct world *w) {
  static const uvmqtt_disconnect_mode_t modes[] = {
      UVMQTT_DISCONNECT_FLUSH, UVMQTT_DISCONNECT_FLUSH, UVMQTT_DISCONNECT_NOW,
      UVMQTT_DISCONNECT_DRAIN};
  uint32_t timeout = (uint32_t)(chance(w, 500) ? 0 : range(w, 1, 20000));
  int r = call_disconnect(w, modes[roll(w, 4)], timeout);
  if (r != (w->app.left ? UM_EALREADY : 0) && w->driver.alive &&
      !w->driver.closing)
    violation(w, "I9", "a disconnect was refused with -%llu", (uint64_t)-r, 0,
              0);
  if (r == 0) {
    w->app.left = true;
    w->app.left_at = w->clock.now;
  }
  at(w, w->clock.now + roll(w, 20000), come_back, NULL, w->driver.life);
}

/* One thing that a program does. */
static void act(struct world *w) {
  const struct climate *k = &w->climate;
  if (!w->driver.alive)
    return;
  if (fault(w, k->closes))
    call_close(w);
  else if (fault(w, k->leaves))
    leave(w);
  else if (fault(w, k->pauses)) {
    pause_reading(w, true);
    at(w, w->clock.now + roll(w, 10000), unpause, NULL, w->driver.life);
  } else if (chance(w, 20))
    call_ping(w);
  else if (k->manual_ack && chance(w, 300))
    app_ack_some(w);
  else
    app_ask(w);
}

void app_act(struct world *w) {
  unsigned burst = chance(w, 80) ? (unsigned)range(w, 2, 15) : 1;
  w->app.acted++;
  while (burst-- != 0)
    act(w);
}

void app_start(struct world *w) {
  memset(&w->app, 0, sizeof w->app);
  begin_client(w);
  for (int i = 0; i < 3; i++)
    app_subscribe(w);
  call_connect(w);
}

void app_done(struct world *w) {
  bytes_done(&w->app.parts);
}

static void ack_rest(struct world *w, void *arg, uint64_t n) {
  (void)arg;
  (void)n;
  if (!w->driver.alive || w->driver.closing)
    return;
  app_ack_some(w);
  at(w, w->clock.now + 200, ack_rest, NULL, 0);
}

void app_heal(struct world *w) {
  if (!w->driver.alive)
    return;
  pause_reading(w, false);
  if (!w->store.failed)
    call_connect(w);
  if (w->climate.manual_ack)
    ack_rest(w, NULL, 0);
}

/* Only what the callback asked for itself, so that it comes to an end. */
void app_reenter(struct world *w) {
  if (!w->healed && chance(w, w->climate.reentry))
    act(w);
}

void app_connected(struct world *w) {
  app_reenter(w);
}

static void close_failed(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life != w->driver.life || w->driver.closing)
    return;
  if ((w->driver.wanted || w->driver.has_stream) && !w->app.knocked)
    violation(w, "I14", "goes on though the store has failed", 0, 0, 0);
  if (w->driver.session.state != UM_SESSION_DOWN)
    violation(w, "I14", "waits for a store that has failed", 0, 0, 0);
  if (!app_satisfied(w))
    violation(w, "I9", "a request is held though the store has failed", 0, 0,
              0);
  call_close(w);
}

/* D03: it will not be told anything else. */
static void knock(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life != w->driver.life || w->driver.state != OFFLINE)
    return;
  w->app.knocked = true;
  call_connect(w);
}

/* D03: it is told, and then nothing is left. */
static void store_failed(struct world *w) {
  if (!w->store.failed)
    violation(w, "I10", "the store is said to have failed", 0, 0, 0);
  if (w->app.knocked)
    return;
  bool again = chance(w, 500);
  if (again)
    at(w, w->clock.now + 100, knock, NULL, w->driver.life);
  at(w, w->clock.now + (again ? 3000 : 200), close_failed, NULL,
     w->driver.life);
}

void app_disconnected(struct world *w, int code) {
  if (code == UVMQTT_ESTORE)
    store_failed(w);
  else if (!w->store.failed)
    app_reenter(w);
}

void app_left(struct world *w, const struct leave *l, int status,
              size_t n_left) {
  note(w, "app: left with -%llu, %llu requests are left", (uint64_t)-status,
       n_left, 0);
  if (!w->app.left)
    violation(w, "I9", "a disconnect ends that nobody asked for", 0, 0, 0);
  w->app.left = false;
  if (l->again) { /* the wish of long ago */
    judge_kicked(w);
    w->app.knocked = w->store.failed;
  }
}

uvmqtt_redirect_verdict_t app_redirected(struct world *w) {
  return w->climate.redirect;
}

void app_water(struct world *w, bool high) {
  const struct um_outbox *o = w->driver.session.outbox;
  if (high == w->app.high)
    violation(w, "I12", "the water is said to be as it was", 0, 0, 0);
  if (high && o->n_bytes < w->climate.high_water)
    violation(w, "I12", "high water at %llu bytes", o->n_bytes, 0, 0);
  w->app.high = high;
  app_reenter(w);
}

void app_notice(struct world *w, const uvmqtt_notice_t *n) {
  struct judge *j = &w->judge;
  if (n->kind == UVMQTT_NOTICE_VERSION_FALLBACK)
    j->fell_back[link_target(&w->driver)] = true;
  if (n->kind == UVMQTT_NOTICE_SESSION_MISMATCH) {
    j->must_clean = true;
    if (w->climate.byzantine == HONEST)
      violation(w, "I13", "an honest server is said to lie", 0, 0, 0);
  }
  unsigned f = n->filter == NULL ? FILTERS : filter_index(n->filter);
  if (f < FILTERS) {
    w->app.subscribed[f] = false;
    w->app.unknown[f] = true; /* an answer may have been lost before */
  }
  app_reenter(w);
}

/* I9, I12 at the end of each client object. */
void app_closed(struct world *w) {
  const struct ledger *l = &w->ledger;
  note(w, "app: client %llu is closed", w->driver.life, 0, 0);
  for (size_t i = w->app.first_request; i < l->n_requests; i++)
    if (l->requests[i].completed == 0 && !l->requests[i].no_callback)
      violation(w, "I9", "request %llu never completed", i, 0, 0);
  if (w->app.left)
    violation(w, "I9", "a disconnect never ended", 0, 0, 0);
  if (memory.blocks != w->app.blocks_before)
    violation(w, "I12", "%llu blocks of memory are left after close",
              memory.blocks - w->app.blocks_before, 0, 0);
  if (!w->healed)
    at(w, w->clock.now + roll(w, 5000), begin_again, NULL, 0);
  else
    w->app.ended = true;
}

bool app_satisfied(struct world *w) {
  const struct ledger *l = &w->ledger;
  for (size_t i = w->app.first_request; i < l->n_requests; i++)
    if (l->requests[i].completed == 0 && !l->requests[i].no_callback)
      return false;
  return true;
}
