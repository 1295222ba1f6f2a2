#include "sim/judge.h"

#include "sim/memory.h"
#include "sim/world.h"

void judge_init(struct world *w) {
  memset(&w->judge, 0, sizeof w->judge);
  w->judge.scratch.from = UM_CLIENT;
}

static void queue_clear(struct queue *q) {
  q->first = q->n = 0;
}

void judge_done(struct world *w) {
  struct judge *j = &w->judge;
  free(j->flights);
  free(j->open);
  free(j->held);
  for (size_t i = 0; i < DEBTS; i++)
    free(j->owe[i].items);
  free(j->due.items);
  struct memory before = memory_aside();
  um_scratch_done(&j->scratch);
  memory_back(before);
}

void *judge_grow(void *p, size_t n, size_t *cap, size_t size) {
  if (n < *cap)
    return p;
  *cap = *cap == 0 ? 32 : 2 * *cap;
  p = realloc(p, *cap * size);
  if (p == NULL)
    abort();
  return p;
}

void judge_queue_add(struct queue *q, struct debt item) {
  if (q->first == q->n)
    queue_clear(q);
  q->items = judge_grow(q->items, q->n, &q->cap, sizeof item);
  q->items[q->n++] = item;
}

static void clear_debts(struct judge *j) {
  for (size_t i = 0; i < DEBTS; i++)
    queue_clear(&j->owe[i]);
  queue_clear(&j->due);
  j->n_held = 0;
  j->callbacks_due = j->callbacks_done = 0;
}

void judge_reset(struct world *w) {
  struct judge *j = &w->judge;
  j->n_flights = j->n_open = 0;
  j->order = j->parted = j->generation = 0;
  memset(j->newest, 0, sizeof j->newest);
  j->had_session = j->connected_once = j->must_clean = false;
  memset(j->fell_back, 0, sizeof j->fell_back);
  j->assigned[0] = '\0';
  j->restore_open = j->vague = false;
  j->conn = 0;
  j->not_before = j->not_after = 0;
  j->kicked = true;
  j->doublings = 0;
  clear_debts(j);
}

unsigned judge_urgency(const struct request *r) {
  static const unsigned by_lane[] = {[UVMQTT_LANE_URGENT] = 0,
                                     [UVMQTT_LANE_NORMAL] = 1,
                                     [UVMQTT_LANE_BULK] = 2};
  return by_lane[r->lane];
}

bool judge_has_store(const struct world *w) {
  return w->climate.storing != STORE_NONE;
}

uint32_t judge_number_of(const struct um_packet *p, uvmqtt_property_id_t id,
                         uint32_t otherwise) {
  const uvmqtt_property_t *found =
      uvmqtt_property_find(p->properties, p->n_properties, id);
  return found == NULL ? otherwise : found->value.num;
}

/* Identifiers. */

struct flight *judge_flight(struct world *w, uint16_t pid) {
  struct judge *j = &w->judge;
  for (size_t i = 0; i < j->n_flights; i++)
    if (j->flights[i].pid == pid)
      return &j->flights[i];
  return NULL;
}

struct flight *judge_add_flight(struct world *w, uint16_t pid, uint8_t kind,
                                uint32_t number) {
  struct judge *j = &w->judge;
  j->flights = judge_grow(j->flights, j->n_flights, &j->cap_flights,
                          sizeof j->flights[0]);
  j->flights[j->n_flights] = (struct flight){
      .pid = pid, .kind = kind, .number = number, .order = ++j->order};
  return &j->flights[j->n_flights++];
}

void judge_remove_flight(struct world *w, struct flight *f) {
  struct judge *j = &w->judge;
  if (f->counted)
    j->unacked--;
  *f = j->flights[--j->n_flights];
}

struct request *judge_request(struct world *w, const struct flight *f) {
  return &w->ledger.requests[f->number];
}

/* Nothing of the old session counts any more. What had been sent and not
 * confirmed may reach the broker once more. */
void judge_end_session(struct world *w) {
  struct judge *j = &w->judge;
  for (size_t i = 0; i < j->n_flights; i++) {
    struct request *r = judge_request(w, &j->flights[i]);
    if (j->flights[i].kind != ASK_PUBLISH)
      continue;
    r->lost = true;
    r->in_session = false;
    if (!j->flights[i].released && w->climate.lost == UVMQTT_LOST_REPUBLISH)
      r->allowed++;
  }
  j->n_flights = j->n_open = 0;
  j->unacked = 0;
  j->parted = 0;
  memset(j->newest, 0, sizeof j->newest);
}

/* Sent on an earlier connection, and the server of now does not take it. */
void judge_given_up(struct world *w, uint32_t number) {
  struct judge *j = &w->judge;
  for (size_t i = 0; i < j->n_flights; i++)
    if (j->flights[i].kind == ASK_PUBLISH && j->flights[i].number == number) {
      judge_remove_flight(w, &j->flights[i]);
      return;
    }
}

bool judge_judging(struct world *w, const struct conn *c) {
  return c != NULL && !judge_blind(w);
}

bool judge_blind(struct world *w) {
  return w->judge.vague || w->climate.byzantine == MUTATED;
}

void judge_catch_up(struct world *w) {
  struct judge *j = &w->judge;
  struct conn *c = net_find(w, j->conn);
  if (!judge_judging(w, c) || j->undecided)
    return;
  uint64_t taken = um_counters_total(&w->driver.session.counters, UM_RECEIVED) -
                   j->taken_before;
  while (c->n_judged < taken && c->n_judged < c->n_arrivals) {
    const struct arrival *a = &c->arrivals[c->n_judged++];
    if (a->type == 0 && c->n_judged < taken)
      violation(w, "I13", "a packet was taken in after a bad one", 0, 0, 0);
    judge_came(w, c, a);
  }
}

/* Connections. */

void judge_opened(struct world *w, uint64_t conn) {
  struct judge *j = &w->judge;
  clear_debts(j);
  j->conn = conn;
  j->said_connect = j->welcome = j->said_disconnect = false;
  j->rejecting = j->pinging = j->authentic = false;
  j->auth = AUTH_NOBODY;
  memset(j->aliases, 0, sizeof j->aliases);
  j->unacked = 0;
  j->resent = 0;
  j->taken_before = um_counters_total(&w->driver.session.counters, UM_RECEIVED);
  for (size_t i = 0; i < j->n_flights; i++)
    j->flights[i].here = j->flights[i].counted = false;
}

/* Behind the parts of a large message no PINGRESP can come. */
static void note_parts(struct world *w) {
  if (um_chunk_is_under_way(&w->driver.session) || w->app.parts_total != 0)
    w->judge.pinged = w->clock.now;
}

/* As long as it has not left it cannot be answered. */
void judge_moved(struct world *w) {
  w->judge.last_rx = w->judge.pinged = w->clock.now;
}

void judge_part(struct world *w) {
  w->judge.pinged = w->clock.now;
}

void judge_fed(struct world *w) {
  note_parts(w);
  w->judge.last_rx = w->clock.now;
}

void judge_feed_done(struct world *w) {
  judge_catch_up(w);
  note_parts(w);
  app_dispatched(w);
}

void judge_connected(struct world *w, const uvmqtt_connack_t *k) {
  struct judge *j = &w->judge;
  judge_catch_up(w);
  struct conn *c = net_find(w, j->conn);
  if (!judge_judging(w, c))
    return;
  const struct terms *t = &j->terms;
  if (!j->welcome || k->session_present != j->present ||
      k->version != j->version || k->receive_maximum != t->receive_maximum ||
      k->maximum_qos != t->max_qos || k->retain_available != t->retain ||
      k->keep_alive != t->keep_alive ||
      strcmp(k->client_id, c->peer.client_id) != 0)
    violation(w, "I13", "CONNACK was not understood: version %llu, %llu, %llu",
              k->version, k->receive_maximum, k->keep_alive);
}

static bool is_violation(int code) {
  return (code <= UVMQTT_EMALFORMED && code > UVMQTT_EREFUSED) ||
         code == UVMQTT_EAUTH;
}

/* Our server breaks the standard only on purpose. */
void judge_failed(struct world *w, int code) {
  struct judge *j = &w->judge;
  struct conn *c = net_find(w, j->conn);
  judge_catch_up(w);
  if (code == UM_ENOMEM) /* did the last packet have its effect or not? */
    j->vague = true;
  if (!judge_judging(w, c) || !is_violation(code))
    return;
  j->rejecting = true;
  if (c->peer.expected == 0)
    violation(w, "I13", "a legal packet was refused with -%llu",
              (uint64_t)-code, 0, 0);
  else if (c->peer.expected != code)
    violation(w, "I13", "a bad packet was refused with -%llu instead of -%llu",
              (uint64_t)-code, (uint64_t)-c->peer.expected, 0);
}

static void check_last_word(struct world *w) {
  struct judge *j = &w->judge;
  /* best effort: when it cannot be written, or not made, it is not */
  bool busy =
      w->driver.busy || j->last_busy == w->clock.now || memory.failed != 0;
  if (j->rejecting && j->version == UM_V5 && !j->said_disconnect && !busy)
    violation(w, "I13", "a bad packet was not answered with DISCONNECT", 0, 0,
              0);
}

void judge_closed(struct world *w, uint64_t conn) {
  struct judge *j = &w->judge;
  if (j->conn == 0 || j->conn != conn)
    return;
  judge_catch_up(w);
  check_last_word(w);
  j->conn = 0;
  j->unacked = 0;
  if (j->welcome)
    j->parted = w->clock.now;
  clear_debts(j);
  for (size_t i = 0; i < j->n_flights;) {
    j->flights[i].counted = false;
    if (j->flights[i].kind == ASK_PUBLISH)
      i++;
    else
      judge_remove_flight(w, &j->flights[i]);
  }
}
