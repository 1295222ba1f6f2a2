#include "client/verdict.h"

#include "client/client.h"
#include "client/pump.h"
#include "client/report.h"

#define POISON_AFTER 5u    /* in a row ended by violations ... */
#define DISPLACED_AFTER 3u /* in a row cut by the peer ... */
#define SOON 10000u        /* ... so many ms after CONNACK */

static bool is_violation(int code) {
  return code <= UVMQTT_EMALFORMED && code > UVMQTT_EREFUSED;
}

static void tell(uvmqtt_t *m, uvmqtt_notice_kind_t kind) {
  uvmqtt_notice_t notice = {.kind = kind};
  um_pump_events.notice(m, &notice);
}

static bool ended_soon(const uvmqtt_t *m, uint64_t now) {
  return m->heard_connack && now - m->online_since < SOON;
}

/* A server that breaks the protocol soon after each CONNACK. What ended before
 * CONNACK says nothing of it. */
static void count_violation(uvmqtt_t *m, int code, uint64_t now) {
  bool bad = is_violation(code);
  bool silent_loss = !m->heard_connack && !bad;
  if (silent_loss)
    return;
  m->past.violated = bad && ended_soon(m, now) ? m->past.violated + 1 : 0;
  if (m->past.violated == POISON_AFTER)
    tell(m, UVMQTT_NOTICE_BROKER_MISBEHAVING);
}

/* On 3.1.1 nobody says 0x8E, and some 5.0 servers do not either: another client
 * with our identifier shows only by what it does to us. Connections that lasted
 * for .reconnect_stable were no fight. */
static void count_cut(uvmqtt_t *m, int code, uint64_t now) {
  bool cut = code == UV_EOF || code == UV_ECONNRESET ||
             code == UV_EPIPE; /* the same, found by a write */
  bool stable = now - m->online_since >= m->options.shared->reconnect_stable;
  bool counts = cut && ended_soon(m, now) && !stable;
  m->past.cut = counts ? m->past.cut + 1 : 0;
  if (m->past.cut == DISPLACED_AFTER)
    tell(m, UVMQTT_NOTICE_DISPLACED);
}

void um_verdict_count(uvmqtt_t *m, int code, uint64_t now) {
  count_violation(m, code, now);
  count_cut(m, code, now);
}

bool um_verdict_is_poison(const uvmqtt_t *m) {
  return m->past.violated >= POISON_AFTER;
}

static enum um_backoff_class own_verdict(const uvmqtt_t *m, int code) {
  if (um_verdict_is_poison(m))
    return UM_BACKOFF_POISON;
  if (m->past.cut >= DISPLACED_AFTER)
    return UM_BACKOFF_DISPLACED;
  return um_backoff_class_of(code, m->session.ending.reason);
}

enum um_backoff_class um_verdict(uvmqtt_t *m, int code) {
  enum um_backoff_class own = own_verdict(m, code);
  uvmqtt_retry_t proposed = um_backoff_public(own), said = proposed;
  uvmqtt_error_t room;
  if (m->options.shared->on_retry != NULL && !m->closing)
    said = m->options.shared->on_retry(m, um_report_last(m, &room), proposed);
  return said == proposed ? own : um_backoff_of(said);
}
