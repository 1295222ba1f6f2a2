/* What the client took in, packet by packet. Part of the judge. */
#include "sim/world.h"

/* The server made a new session for a CONNECT whose CONNACK was lost, so that
 * Session Present speaks of another session than we believe. Nobody can know;
 * what is sent again reaches it a second time. */
static void masked_loss(struct world *w) {
  struct judge *j = &w->judge;
  for (size_t i = 0; i < j->n_flights; i++)
    if (j->flights[i].kind == ASK_PUBLISH && !j->flights[i].released)
      judge_request(w, &j->flights[i])->allowed++;
  w->app.unsure = true;
}

/* QoS 2 messages of the broker's that are not released. */

int judge_find_open(const struct judge *j, uint16_t pid) {
  for (size_t i = 0; i < j->n_open; i++)
    if (j->open[i].pid == pid)
      return (int)i;
  return -1;
}

bool judge_open(struct world *w, uint16_t pid) {
  return judge_find_open(&w->judge, pid) >= 0;
}

void judge_add_open(struct world *w, uint16_t pid, uint32_t message) {
  struct judge *j = &w->judge;
  j->open = judge_grow(j->open, j->n_open, &j->cap_open, sizeof j->open[0]);
  j->open[j->n_open++] = (struct incoming){pid, message};
}

static bool is_held(const struct judge *j, uint16_t pid) {
  for (size_t i = 0; i < j->n_held; i++)
    if (j->held[i].pid == pid)
      return true;
  return false;
}

static void hold(struct judge *j, uint16_t pid, uint32_t message) {
  j->held = judge_grow(j->held, j->n_held, &j->cap_held, sizeof j->held[0]);
  j->held[j->n_held++] = (struct incoming){pid, message};
}

/* Answers to the library's own requests are its business; it acknowledges them
 * by itself, and does not tell of one that is too late. */
static bool is_private(struct world *w, uint32_t message) {
  return w->ledger.inbound[message].topic >= TOPIC_REPLIES;
}

static void came_publish(struct world *w, const struct arrival *a) {
  struct judge *j = &w->judge;
  uint8_t qos = a->flags >> 1 & 3;
  bool known = qos == 2 && judge_open(w, a->pid);
  bool own = is_private(w, a->message), manual = w->climate.manual_ack;
  struct debt d = {
      .pid = a->pid, .number = a->message, .acked = !manual || own || known};
  if (qos == 2 && is_held(j, a->pid))
    return; /* one PUBREC will answer both */
  if (!known && !own) {
    judge_queue_add(&j->due, d);
    j->callbacks_due++;
  }
  d.callback = j->callbacks_due;
  if (qos == 2 && own && !known)
    judge_add_open(w, a->pid, a->message);
  else if (qos == 2 && manual && !known)
    hold(j, a->pid, a->message);
  if (qos != 0)
    judge_queue_add(&j->owe[qos == 1 ? OWE_PUBACK : OWE_PUBREC], d);
}

static void answered(struct world *w, struct flight *f, uint8_t reason) {
  struct request *r = judge_request(w, f);
  r->answered = true;
  r->answer = reason;
  judge_remove_flight(w, f);
}

static void came_pubrec(struct world *w, const struct arrival *a) {
  struct judge *j = &w->judge;
  struct flight *f = judge_flight(w, a->pid);
  struct debt d = {.pid = a->pid, .reason = f == NULL ? 0x92 : 0};
  if (f == NULL && a->reason >= 0x80)
    return;
  if (f != NULL && a->reason >= 0x80) {
    answered(w, f, a->reason);
    return;
  }
  judge_queue_add(&j->owe[OWE_PUBREL], d);
  if (f == NULL)
    return;
  judge_request(w, f)->received = true;
  f->released = true;
  f->order = ++j->order;
}

static void came_pubrel(struct world *w, const struct arrival *a) {
  struct judge *j = &w->judge;
  int i = judge_find_open(j, a->pid);
  struct debt d = {.pid = a->pid, .reason = i < 0 ? 0x92 : 0};
  if (i >= 0)
    j->open[i] = j->open[--j->n_open];
  judge_queue_add(&j->owe[OWE_PUBCOMP], d);
}

/* PUBRELs that were not answered are owed again, in the order of PUBREC. */
static void owe_releases(struct world *w) {
  struct judge *j = &w->judge;
  uint64_t last = 0;
  for (;;) {
    const struct flight *next = NULL;
    for (size_t i = 0; i < j->n_flights; i++) {
      const struct flight *f = &j->flights[i];
      if (f->released && f->order > last &&
          (next == NULL || f->order < next->order))
        next = f;
    }
    if (next == NULL)
      return;
    last = next->order;
    judge_queue_add(&j->owe[OWE_PUBREL], (struct debt){.pid = next->pid});
  }
}

/* By the option; 20 on 3.1.1, where a server cannot say what it bears. */
static void cap_in_flight(struct world *w) {
  struct judge *j = &w->judge;
  uint16_t cap = w->climate.max_inflight;
  if (cap == 0 && j->version == UM_V311)
    cap = 20;
  if (cap != 0 && cap < j->terms.receive_maximum)
    j->terms.receive_maximum = cap;
}

/* LOST_DROP: none of what waits is sent any more. */
static void drop_waiting(struct world *w) {
  struct ledger *l = &w->ledger;
  for (size_t i = w->app.first_request; i < l->n_requests; i++)
    if (w->climate.lost == UVMQTT_LOST_DROP &&
        l->requests[i].kind == ASK_PUBLISH && l->requests[i].completed == 0)
      l->requests[i].never = true;
}

static void came_connack(struct world *w, struct conn *c,
                         const struct arrival *a) {
  struct judge *j = &w->judge;
  if (a->reason != 0)
    return;
  memcpy(j->assigned, c->peer.client_id, sizeof j->assigned);
  if (!w->driver.heard_connack)
    return; /* left inside on_auth: who that is not believed changes nothing */
  j->welcome = true;
  j->present = c->peer.present;
  j->terms = c->peer.terms;
  cap_in_flight(w);
  uint64_t generation = c->peer.generation;
  j->auth = AUTH_NOBODY;
  if (!j->present && j->had_session && !j->clean)
    drop_waiting(w);
  if (!j->present && j->had_session)
    judge_end_session(w);
  else if (j->present && j->generation != generation)
    masked_loss(w);
  if (!j->present) {
    w->app.unsure = false;
    j->restore_open = true;
  }
  j->generation = generation;
  j->had_session = true;
  j->must_clean = false;
  memcpy(j->assigned, c->peer.client_id, sizeof j->assigned);
  j->last_tx = j->last_rx = w->clock.now;
  owe_releases(w);
}

static bool restoring(const struct judge *j) {
  for (size_t i = 0; i < j->n_flights; i++)
    if (j->flights[i].kind != ASK_PUBLISH && j->flights[i].number == RESTORE)
      return true;
  return false;
}

static void came_suback(struct world *w, struct flight *f) {
  bool was = f->number == RESTORE;
  judge_remove_flight(w, f);
  if (was && !restoring(&w->judge))
    w->judge.restore_open = false;
}

static void came_auth(struct world *w, uint8_t reason) {
  struct judge *j = &w->judge;
  j->auth = reason == 0x18 ? AUTH_CLIENT : AUTH_NOBODY;
  j->authentic = reason == 0;
}

void judge_came(struct world *w, struct conn *c, const struct arrival *a) {
  struct flight *f = a->pid == 0 ? NULL : judge_flight(w, a->pid);
  switch (a->type) {
  case UVMQTT_CONNACK:
    came_connack(w, c, a);
    break;
  case UVMQTT_PUBLISH:
    came_publish(w, a);
    break;
  case UVMQTT_PUBACK:
  case UVMQTT_PUBCOMP:
    if (f != NULL)
      answered(w, f, a->reason);
    break;
  case UVMQTT_PUBREC:
    came_pubrec(w, a);
    break;
  case UVMQTT_PUBREL:
    came_pubrel(w, a);
    break;
  case UVMQTT_SUBACK:
  case UVMQTT_UNSUBACK:
    if (f != NULL)
      came_suback(w, f);
    break;
  case UVMQTT_AUTH:
    came_auth(w, a->reason);
    break;
  case UVMQTT_PINGRESP:
    w->judge.pinging = false;
    break;
  }
}
