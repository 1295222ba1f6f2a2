#include "sim/weather.h"

#include "sim/byzantine.h"
#include "sim/world.h"

static void stall(struct world *w, struct conn *c) {
  uint64_t ms = chance(w, 500) ? range(w, 50, 2000) : range(w, 2000, 120000);
  enum direction d = chance(w, 500) ? UP : DOWN;
  note(w, "weather: direction %llu stalls for %llu ms", d, ms, 0);
  net_stall(w, c, d, w->clock.now + ms);
}

static void cut_by_broker(struct world *w, struct conn *c) {
  bool reset = chance(w, 500);
  note(w, "weather: the broker closes, reset %llu", reset, 0, 0);
  broker_lost(w, c);
  c = net_find(w, w->driver.conn);
  if (c != NULL && c->broker_here) {
    c->peer.leaving = true;
    net_broker_close(w, c, reset);
  }
}

static void half_open(struct world *w, struct conn *c) {
  unsigned which = (unsigned)roll(w, 3);
  note(w, "weather: half open, %llu", which, 0, 0);
  if (which != 1)
    net_darken(w, c, UP);
  if (which != 0)
    net_darken(w, c, DOWN);
}

static void no_way(struct world *w, struct conn *c) {
  uint64_t until = w->clock.now + range(w, 100, 30000);
  (void)c;
  note(w, "weather: no new connections", 0, 0, 0);
  if (chance(w, 500))
    w->net.refusing_until = until;
  else
    w->net.black_until = until;
}

static void restart(struct world *w, struct conn *c) {
  bool remember = chance(w, 600);
  (void)c;
  if (!chance(w, w->climate.restarts))
    return;
  note(w, "weather: the broker restarts, remembers %llu", remember, 0, 0);
  broker_restart(w, remember);
  if (chance(w, 500))
    w->net.refusing_until = w->clock.now + roll(w, 10000);
}

static void farewell(struct world *w, struct conn *c) {
  static const uint8_t reasons[] = {0x80, 0x8B, 0x89, 0x97, 0x98, 0x9F};
  uint8_t reason = reasons[roll(w, sizeof reasons)];
  if (chance(w, w->climate.redirects))
    reason = chance(w, 500) ? 0x9C : 0x9D;
  if (!c->peer.accepted || c->peer.leaving || !c->broker_here)
    return;
  note(w, "weather: DISCONNECT %llu", reason, 0, 0);
  broker_disconnect(w, c, reason);
}

static void take_over(struct world *w, struct conn *c) {
  (void)c;
  if (!chance(w, 200))
    return;
  note(w, "weather: take-over", 0, 0, 0);
  broker_take_over(w);
}

/* N75: everything works but the answer to PINGREQ. */
static void fall_mute(struct world *w, struct conn *c) {
  if (!chance(w, 300))
    return;
  note(w, "weather: the broker answers no PINGREQ", 0, 0, 0);
  c->peer.mute = true;
}

/* The process is stopped, or the machine sleeps: what was planned meanwhile
 * happens late, in the order of its time. */
static void suspend(struct world *w, struct conn *c) {
  uint64_t ms = chance(w, 500) ? range(w, 100, 5000) : range(w, 5000, 3600000);
  (void)c;
  if (!chance(w, 150))
    return;
  note(w, "weather: stopped for %llu ms", ms, 0, 0);
  w->clock.now += ms;
  judge_slept(w);
}

static void misbehave(struct world *w, struct conn *c) {
  bool open = c->peer.accepted && !c->peer.leaving && c->broker_here &&
              c->client_here && !c->pipe[DOWN].fin;
  if (w->climate.byzantine == BAD_PACKETS && open && c->peer.expected == 0)
    byzantine_send(w, c);
}

static void (*const faults[])(struct world *, struct conn *) = {
    stall,     stall,     cut_by_broker, cut_by_broker, cut_by_broker,
    half_open, no_way,    restart,       farewell,      take_over,
    misbehave, misbehave, fall_mute,     suspend,
};

static void strike(struct world *w, void *arg, uint64_t n) {
  struct conn *c = net_find(w, w->driver.conn);
  (void)arg;
  (void)n;
  if (w->healed)
    return;
  if (c != NULL && c->connected)
    faults[roll(w, sizeof faults / sizeof faults[0])](w, c);
  at(w, w->clock.now + roll(w, 2 * (uint64_t)w->climate.weather), strike, NULL,
     0);
}

void weather_begin(struct world *w) {
  if (w->climate.weather != 0)
    at(w, w->clock.now + roll(w, 2 * (uint64_t)w->climate.weather), strike,
       NULL, 0);
}
