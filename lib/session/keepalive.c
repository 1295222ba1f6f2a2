#include "session/keepalive.h"

#include "base/mutant.h"

#include <string.h>

#define GRACE 1u /* ms: one more turn of the loop, in which it reads */

static uint64_t later(uint64_t t, uint64_t ms) {
  return t > UM_NEVER - ms ? UM_NEVER : t + ms;
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t in_any_case(const struct um_keepalive *k) {
  return k->interval == 0 ? UM_NEVER : later(k->pinged, 2 * k->interval);
}

void um_keepalive_start(struct um_keepalive *k, uint64_t now,
                        uint16_t seconds) {
  memset(k, 0, sizeof *k);
  k->interval = seconds * 1000u;
  k->last_tx = k->last_rx = now;
}

void um_keepalive_stop(struct um_keepalive *k) {
  memset(k, 0, sizeof *k);
}

void um_keepalive_sent(struct um_keepalive *k, uint64_t now) {
  k->last_tx = now;
}

void um_keepalive_received(struct um_keepalive *k, uint64_t now) {
  k->last_rx = now;
  k->probing = false;
  if (now < in_any_case(k)) /* later only the PINGRESP itself helps */
    k->suspect = false;
}

void um_keepalive_pinged(struct um_keepalive *k, uint64_t now) {
  k->last_tx = k->asked = now;
  if (k->waiting)
    return; /* the older one decides */
  k->waiting = true;
  k->pinged = now;
}

void um_keepalive_answered(struct um_keepalive *k, uint64_t now) {
  if (k->waiting)
    k->rtt = (uint32_t)least(now - k->asked, UINT32_MAX);
  k->waiting = k->suspect = false;
}

void um_keepalive_probed(struct um_keepalive *k, uint64_t now,
                         uint64_t within) {
  k->probed_by = k->probing ? least(k->probed_by, now + within) : now + within;
  k->probing = true;
}

void um_keepalive_busy(struct um_keepalive *k, uint64_t now) {
  if (k->waiting)
    k->pinged = now;
  k->suspect = false;
}

/* t, as long after `now` as it was after `since`; what is newer is now's. */
static uint64_t shift(uint64_t t, uint64_t since, uint64_t now) {
  return t < since ? t + (now - since) : now;
}

void um_keepalive_deaf(struct um_keepalive *k, uint64_t now, bool deaf) {
  if (deaf == k->deaf)
    return;
  k->deaf = deaf;
  if (deaf) {
    k->deaf_since = now;
    return;
  }
  k->last_rx = shift(k->last_rx, k->deaf_since, now);
  k->pinged = shift(k->pinged, k->deaf_since, now);
  if (k->probing) /* it was sent into silence of our own making */
    k->probed_by = later(k->probed_by, now - k->deaf_since);
  k->suspect = false;
}

/* A tenth early, a second at most: scheduling must not make us late. Silence
 * of the server counts as well as ours, else a half-open connection would never
 * be noticed by a client that only publishes. */
static uint64_t ping_due(const struct um_keepalive *k) {
  if (k->interval == 0)
    return UM_NEVER;
  uint64_t early = least(k->interval / 10, 1000);
  uint64_t idle = k->waiting ? k->last_tx : least(k->last_tx, k->last_rx);
  if (UM_MUTANT(27)) /* any received byte puts the PINGREQ off */
    idle = k->last_rx;
  if (UM_MUTANT(28)) /* who publishes never notices a half-open connection */
    idle = k->last_tx;
  return later(idle, k->interval - early);
}

/* Of the Keep Alive alone. */
static uint64_t ping_verdict(const struct um_keepalive *k) {
  if (k->interval == 0 || !k->waiting)
    return UM_NEVER;
  uint64_t moved = k->last_rx > k->pinged ? k->last_rx : k->pinged;
  uint64_t end = UM_MUTANT(29) ? UM_NEVER : in_any_case(k);
  return least(later(moved, k->interval / 2), end);
}

static uint64_t verdict_due(const struct um_keepalive *k) {
  uint64_t verdict = ping_verdict(k);
  if (k->deaf)
    return UM_NEVER;
  return k->probing ? least(k->probed_by, verdict) : verdict;
}

uint64_t um_keepalive_deadline(const struct um_keepalive *k) {
  uint64_t verdict = verdict_due(k);
  if (k->suspect && verdict != UM_NEVER)
    verdict = later(k->suspected, GRACE);
  return least(ping_due(k), verdict);
}

static bool is_dead(struct um_keepalive *k, uint64_t now) {
  if (now < verdict_due(k))
    return false;
  if (k->suspect)
    return now >= later(k->suspected, GRACE);
  k->suspect = true;
  k->suspected = now;
  return false;
}

enum um_keepalive_action um_keepalive_tick(struct um_keepalive *k,
                                           uint64_t now) {
  if (is_dead(k, now))
    return UM_KEEPALIVE_DEAD;
  return now >= ping_due(k) ? UM_KEEPALIVE_PING : UM_KEEPALIVE_NONE;
}
