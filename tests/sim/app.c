#include "sim/app.h"

#include "sim/memory.h"
#include "sim/world.h"
#include <stdio.h>

/* Passed so that the library has something to call; app_completed is told. */
static void on_completion(uvmqtt_t *m, const uvmqtt_result_t *r, void *arg) {
  (void)m;
  (void)r;
  (void)arg;
}

static void begin_client(struct world *w) {
  w->app.blocks_before = memory.blocks;
  w->app.first_request = (uint32_t)w->ledger.n_requests;
  memset(w->app.subscribed, 0, sizeof w->app.subscribed);
  memset(w->app.unknown, 0, sizeof w->app.unknown);
  memset(w->app.sub_request, 0, sizeof w->app.sub_request);
  w->app.paused = w->app.unsure = false;
  driver_new(w);
  judge_reset(w);
}

static void begin_again(struct world *w, void *arg, uint64_t n) {
  (void)arg;
  (void)n;
  begin_client(w);
  driver_connect(w);
}

/* Requests: the ledger knows them before the library does, as bytes may leave
 * inside the call. */

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
  if (status != 0 && r->written != 0)
    violation(w, "I9", "request %llu was refused and sent", number, 0, 0);
  if (status != 0)
    r->completed = 1; /* refused: nothing will come */
}

static void *arg_of(uint32_t number) {
  return (void *)(uintptr_t)number;
}

static void publish(struct world *w) {
  const struct climate *k = &w->climate;
  struct request r = {.kind = ASK_PUBLISH,
                      .topic = (unsigned)roll(w, TOPICS),
                      .qos = (uint8_t)roll(w, 3),
                      .retain = chance(w, 100),
                      .properties = chance(w, 150),
                      .no_callback = chance(w, 100),
                      .size = PAYLOAD_LEAST};
  bool large = chance(w, 30);
  r.size = (uint32_t)range(w, PAYLOAD_LEAST, large ? k->payload_max : 60);
  if (chance(w, k->expiring))
    r.interval = (uint32_t)range(w, 1, 60);
  uint32_t number = enter_request(w, r);
  char text[16];
  snprintf(text, sizeof text, "n%u", number);
  uvmqtt_property_t p[2];
  size_t n = 0;
  if (r.properties)
    p[n++] = (uvmqtt_property_t)UVMQTT_USER_PROPERTY("k", text);
  if (r.interval != 0)
    p[n++] = (uvmqtt_property_t)UVMQTT_PROPERTY_NUM(MESSAGE_EXPIRY_INTERVAL,
                                                    r.interval);
  uint8_t *payload = malloc(r.size);
  if (payload == NULL)
    abort();
  payload_write(payload, r.size, 'A', number);
  uvmqtt_message_t m = {.topic = topics[r.topic],
                        .payload = {payload, r.size},
                        .qos = r.qos,
                        .retain = r.retain,
                        .dup = chance(w, 50), /* to be ignored */
                        .properties = p,
                        .n_properties = n};
  uint64_t id = 0;
  int status = driver_publish(w, &m, r.no_callback ? NULL : on_completion,
                              arg_of(number), &id);
  memset(payload, 0xEE, r.size); /* copied before the call returned */
  free(payload);
  leave_request(w, number, status, id);
}

static void subscribe(struct world *w) {
  unsigned f = (unsigned)roll(w, FILTERS);
  uint8_t qos = (uint8_t)roll(w, 3);
  uint32_t number = enter_request(
      w, (struct request){.kind = ASK_SUBSCRIBE, .filter = f, .qos = qos});
  uvmqtt_subscription_t s = {.filter = filters[f], .qos = qos};
  uint64_t id = 0;
  int status = driver_subscribe(w, &s, 1, on_completion, arg_of(number), &id);
  leave_request(w, number, status, id);
}

static void unsubscribe(struct world *w) {
  unsigned f = (unsigned)roll(w, FILTERS);
  uint32_t number =
      enter_request(w, (struct request){.kind = ASK_UNSUBSCRIBE, .filter = f});
  uint64_t id = 0;
  int status =
      driver_unsubscribe(w, &filters[f], 1, on_completion, arg_of(number), &id);
  leave_request(w, number, status, id);
}

static void pause_reading(struct world *w, bool on) {
  w->app.paused = on;
  driver_read(w, !on);
}

static void unpause(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life == w->driver.life)
    pause_reading(w, false);
}

static void come_back(struct world *w, void *arg, uint64_t life) {
  (void)arg;
  if (life == w->driver.life)
    driver_connect(w);
}

static void leave(struct world *w) {
  driver_disconnect(w, chance(w, 600));
  at(w, w->clock.now + roll(w, 20000), come_back, NULL, w->driver.life);
}

/* One thing that a program does. */
static void act(struct world *w) {
  const struct climate *k = &w->climate;
  if (!w->driver.alive)
    return;
  if (fault(w, k->closes))
    driver_close(w);
  else if (fault(w, k->leaves))
    leave(w);
  else if (fault(w, k->pauses)) {
    pause_reading(w, true);
    at(w, w->clock.now + roll(w, 10000), unpause, NULL, w->driver.life);
  } else if (chance(w, 20))
    driver_ping(w);
  else if (chance(w, 140))
    subscribe(w);
  else if (chance(w, 60))
    unsubscribe(w);
  else
    publish(w);
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
    subscribe(w);
  driver_connect(w);
}

void app_heal(struct world *w) {
  if (!w->driver.alive)
    return;
  pause_reading(w, false);
  driver_connect(w);
}

/* Only what the callback asked for itself, so that it comes to an end. */
static void reenter(struct world *w) {
  if (!w->healed && chance(w, w->climate.reentry))
    act(w);
}

void app_connected(struct world *w) {
  reenter(w);
}

void app_message(struct world *w, const uvmqtt_message_t *m) {
  if (w->app.in_call)
    violation(w, "I9", "a message is delivered inside a call", 0, 0, 0);
  if (w->driver.closing) {
    violation(w, "I9", "a message after close", 0, 0, 0);
    return;
  }
  judge_message(w, m);
  reenter(w);
  judge_message_done(w);
}

static void believe(struct world *w, const struct request *r, uint32_t number,
                    const uvmqtt_result_t *result) {
  struct app *a = &w->app;
  if (r->kind == ASK_PUBLISH || number + 1 < a->sub_request[r->filter])
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
  if (r->id != result->id)
    violation(w, "I9", "request %llu completes as %llu instead of %llu", number,
              result->id, r->id);
  r->status = result->status;
  judge_completion(w, number, result);
  believe(w, r, number, result);
  reenter(w);
}

void app_notice(struct world *w, const uvmqtt_notice_t *n) {
  struct judge *j = &w->judge;
  if (n->kind == UVMQTT_NOTICE_VERSION_FALLBACK)
    j->fell_back = true;
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
  reenter(w);
}

/* I9, I12 at the end of each client object. */
void app_closed(struct world *w) {
  const struct ledger *l = &w->ledger;
  note(w, "app: client %llu is closed", w->driver.life, 0, 0);
  for (size_t i = w->app.first_request; i < l->n_requests; i++)
    if (l->requests[i].completed == 0 && !l->requests[i].no_callback)
      violation(w, "I9", "request %llu never completed", i, 0, 0);
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
