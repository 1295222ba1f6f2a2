/* When the client tries again, says something, and gives up. Part of the
 * judge. */
#include "sim/world.h"

/* Attempts. */

void judge_kicked(struct world *w) {
  w->judge.kicked = true;
}

static uint64_t floor_of(enum um_backoff_class c) {
  switch (c) {
  case UM_BACKOFF_BUSY:
    return 5000;
  case UM_BACKOFF_TAKEOVER:
    return 10000;
  case UM_BACKOFF_SLOW:
    return 30000;
  default:
    return 1;
  }
}

/* By the reason, in our own words. */
static enum um_backoff_class class_of(struct world *w) {
  const struct driver *d = &w->driver;
  if (d->poisoned >= 5)
    return UM_BACKOFF_POISON;
  switch (d->error_reason) {
  case 0x8E:
    return UM_BACKOFF_TAKEOVER;
  case 0x89:
  case 0x8B:
  case 0x97:
  case 0x9F:
    return UM_BACKOFF_BUSY;
  case 0x84:
  case 0x85:
  case 0x86:
  case 0x87:
  case 0x8A:
  case 0x8C:
  case 0x9C:
  case 0x9D:
    return UM_BACKOFF_SLOW;
  default:
    break;
  }
  return d->error_code == UVMQTT_EVERSION ||
                 d->error_code == UVMQTT_ENOCLIENTID ||
                 d->error_code == UVMQTT_EAUTH
             ? UM_BACKOFF_SLOW
             : UM_BACKOFF_TRANSIENT;
}

void judge_delay(struct world *w, int64_t delay) {
  enum um_backoff_class c = class_of(w);
  struct judge *j = &w->judge;
  const struct climate *k = &w->climate;
  bool stable = w->driver.heard_connack &&
                w->clock.now - w->driver.online_since >= k->reconnect_stable;
  if (stable)
    j->doublings = 0;
  uint64_t most = (uint64_t)k->reconnect_min << j->doublings;
  if (most > k->reconnect_max)
    most = k->reconnect_max;
  if (j->doublings < 20)
    j->doublings++;
  uint64_t least = floor_of(c), ms = (uint64_t)delay;
  if (c == UM_BACKOFF_POISON)
    least = most = k->reconnect_max;
  else if (c != UM_BACKOFF_TRANSIENT && most < least)
    most = least;
  if (ms < least || ms > least + most)
    violation(w, "I15", "a back-off of %llu ms, not within %llu and %llu", ms,
              least, least + most);
  j->not_before = w->clock.now + ms;
  j->kicked = false;
}

void judge_attempt(struct world *w) {
  struct judge *j = &w->judge;
  note(w, "link: attempt %llu", w->driver.attempt, 0, 0);
  if (!j->kicked && w->clock.now < j->not_before)
    violation(w, "I15", "an attempt %llu ms too early",
              j->not_before - w->clock.now, 0, 0);
}

/* Time. */

static void check_keep_alive(struct world *w, uint64_t interval) {
  struct judge *j = &w->judge;
  uint64_t now = w->clock.now;
  if (now - j->last_tx > interval)
    violation(w, "I13", "nothing was sent for %llu ms, Keep Alive is %llu",
              now - j->last_tx, interval, 0);
  if (now - j->last_rx > interval + interval / 2 + 1000)
    violation(w, "I14", "a dead server was not noticed for %llu ms",
              now - j->last_rx, 0, 0);
  if (j->pinging && now - j->pinged > 2 * interval + 1000)
    violation(w, "I14", "a PINGREQ was not answered for %llu ms",
              now - j->pinged, 0, 0);
}

void judge_slept(struct world *w) {
  struct judge *j = &w->judge;
  j->last_tx = j->last_rx = j->pinged = w->clock.now;
  j->last_busy = j->slept = w->clock.now;
}

void judge_time(struct world *w) {
  struct judge *j = &w->judge;
  uint64_t now = w->clock.now;
  if (w->driver.busy || w->driver.session.out.len != 0)
    j->last_busy = j->last_tx = now;
  if (w->driver.session.paused || w->driver.not_reading)
    j->last_rx = j->pinged = now;
  if (j->conn == 0 || !j->welcome || j->said_disconnect || j->rejecting ||
      judge_blind(w) || j->terms.keep_alive == 0)
    return;
  if (w->driver.stream_closing)
    return;
  check_keep_alive(w, (uint64_t)j->terms.keep_alive * 1000);
}
