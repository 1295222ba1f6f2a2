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
  for (size_t i = 0; i < DEBTS; i++)
    free(j->owe[i].items);
  free(j->due.items);
  struct memory before = memory_aside();
  um_scratch_done(&j->scratch);
  memory_back(before);
}

static void *grow(void *p, size_t n, size_t *cap, size_t size) {
  if (n < *cap)
    return p;
  *cap = *cap == 0 ? 32 : 2 * *cap;
  p = realloc(p, *cap * size);
  if (p == NULL)
    abort();
  return p;
}

static void queue_add(struct queue *q, struct debt item) {
  if (q->first == q->n)
    queue_clear(q);
  q->items = grow(q->items, q->n, &q->cap, sizeof item);
  q->items[q->n++] = item;
}

static void clear_debts(struct judge *j) {
  for (size_t i = 0; i < DEBTS; i++)
    queue_clear(&j->owe[i]);
  queue_clear(&j->due);
  j->callbacks_due = j->callbacks_done = 0;
}

void judge_reset(struct world *w) {
  struct judge *j = &w->judge;
  j->n_flights = j->n_open = 0;
  j->order = j->parted = j->generation = 0;
  memset(j->newest, 0, sizeof j->newest);
  j->had_session = j->connected_once = j->must_clean = j->fell_back = false;
  j->assigned[0] = '\0';
  j->restore_open = j->vague = false;
  j->conn = 0;
  j->not_before = j->not_after = 0;
  j->kicked = true;
  j->doublings = 0;
  clear_debts(j);
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
  j->flights =
      grow(j->flights, j->n_flights, &j->cap_flights, sizeof j->flights[0]);
  j->flights[j->n_flights] = (struct flight){
      .pid = pid, .kind = kind, .number = number, .order = ++j->order};
  return &j->flights[j->n_flights++];
}

static void remove_flight(struct world *w, struct flight *f) {
  struct judge *j = &w->judge;
  if (f->counted)
    j->unacked--;
  *f = j->flights[--j->n_flights];
}

static struct request *request_of(struct world *w, const struct flight *f) {
  return &w->ledger.requests[f->number];
}

/* Nothing of the old session counts any more. What had been sent and not
 * confirmed may reach the broker once more. */
void judge_end_session(struct world *w) {
  struct judge *j = &w->judge;
  for (size_t i = 0; i < j->n_flights; i++) {
    struct request *r = request_of(w, &j->flights[i]);
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
      remove_flight(w, &j->flights[i]);
      return;
    }
}

/* The server made a new session for a CONNECT whose CONNACK was lost, so that
 * Session Present speaks of another session than we believe. Nobody can know;
 * what is sent again reaches it a second time. */
static void masked_loss(struct world *w) {
  struct judge *j = &w->judge;
  for (size_t i = 0; i < j->n_flights; i++)
    if (j->flights[i].kind == ASK_PUBLISH && !j->flights[i].released)
      request_of(w, &j->flights[i])->allowed++;
  w->app.unsure = true;
}

/* What came in. */

static int find_open(const struct judge *j, uint16_t pid) {
  for (size_t i = 0; i < j->n_open; i++)
    if (j->open[i].pid == pid)
      return (int)i;
  return -1;
}

bool judge_open(struct world *w, uint16_t pid) {
  return find_open(&w->judge, pid) >= 0;
}

static void came_publish(struct world *w, const struct arrival *a) {
  struct judge *j = &w->judge;
  uint8_t qos = a->flags >> 1 & 3;
  bool known = qos == 2 && find_open(j, a->pid) >= 0;
  struct debt d = {.pid = a->pid, .number = a->message};
  if (!known) {
    queue_add(&j->due, d);
    j->callbacks_due++;
  }
  d.callback = j->callbacks_due;
  if (qos == 2 && !known) {
    j->open = grow(j->open, j->n_open, &j->cap_open, sizeof j->open[0]);
    j->open[j->n_open++] = (struct incoming){a->pid, a->message};
  }
  if (qos != 0)
    queue_add(&j->owe[qos == 1 ? OWE_PUBACK : OWE_PUBREC], d);
}

static void answered(struct world *w, struct flight *f, uint8_t reason) {
  struct request *r = request_of(w, f);
  r->answered = true;
  r->answer = reason;
  remove_flight(w, f);
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
  queue_add(&j->owe[OWE_PUBREL], d);
  if (f == NULL)
    return;
  request_of(w, f)->received = true;
  f->released = true;
  f->order = ++j->order;
}

static void came_pubrel(struct world *w, const struct arrival *a) {
  struct judge *j = &w->judge;
  int i = find_open(j, a->pid);
  struct debt d = {.pid = a->pid, .reason = i < 0 ? 0x92 : 0};
  if (i >= 0)
    j->open[i] = j->open[--j->n_open];
  queue_add(&j->owe[OWE_PUBCOMP], d);
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
    queue_add(&j->owe[OWE_PUBREL], (struct debt){.pid = next->pid});
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

static void came_connack(struct world *w, struct conn *c,
                         const struct arrival *a) {
  struct judge *j = &w->judge;
  if (a->reason != 0)
    return;
  j->welcome = true;
  j->present = c->peer.present;
  j->terms = c->peer.terms;
  cap_in_flight(w);
  uint64_t generation = c->peer.generation;
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
  remove_flight(w, f);
  if (was && !restoring(&w->judge))
    w->judge.restore_open = false;
}

static void came(struct world *w, struct conn *c, const struct arrival *a) {
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
  case UVMQTT_PINGRESP:
    w->judge.pinging = false;
    break;
  }
}

static bool judging(struct world *w, const struct conn *c) {
  return c != NULL && !judge_blind(w);
}

bool judge_blind(struct world *w) {
  return w->judge.vague || w->climate.byzantine == MUTATED;
}

void judge_catch_up(struct world *w) {
  struct judge *j = &w->judge;
  struct conn *c = net_find(w, j->conn);
  if (!judging(w, c))
    return;
  uint64_t taken =
      w->driver.session.counters.packets_received - j->taken_before;
  while (c->n_judged < taken && c->n_judged < c->n_arrivals) {
    const struct arrival *a = &c->arrivals[c->n_judged++];
    if (a->type == 0 && c->n_judged < taken)
      violation(w, "I13", "a packet was taken in after a bad one", 0, 0, 0);
    came(w, c, a);
  }
}

/* Connections. */

void judge_opened(struct world *w, uint64_t conn) {
  struct judge *j = &w->judge;
  clear_debts(j);
  j->conn = conn;
  j->said_connect = j->welcome = j->said_disconnect = false;
  j->rejecting = j->pinging = false;
  j->unacked = 0;
  j->resent = 0;
  j->taken_before = w->driver.session.counters.packets_received;
  for (size_t i = 0; i < j->n_flights; i++)
    j->flights[i].here = j->flights[i].counted = false;
}

void judge_fed(struct world *w, size_t len) {
  (void)len;
  w->judge.last_rx = w->clock.now;
}

void judge_feed_done(struct world *w) {
  judge_catch_up(w);
}

void judge_connected(struct world *w, const uvmqtt_connack_t *k) {
  struct judge *j = &w->judge;
  judge_catch_up(w);
  struct conn *c = net_find(w, j->conn);
  if (!judging(w, c))
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
  return code <= UVMQTT_EMALFORMED && code > UVMQTT_EREFUSED;
}

/* Our server breaks the standard only on purpose. */
void judge_failed(struct world *w, int code) {
  struct judge *j = &w->judge;
  struct conn *c = net_find(w, j->conn);
  judge_catch_up(w);
  if (code == UM_ENOMEM) /* did the last packet have its effect or not? */
    j->vague = true;
  if (!judging(w, c) || !is_violation(code))
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
      remove_flight(w, &j->flights[i]);
  }
}

/* Deliveries. */

/* Is its acknowledgement made already, before the callback? */
static bool acknowledged_early(struct world *w, const struct debt *d) {
  const struct um_buf *out = &w->driver.session.out;
  const uint8_t *p = out->len == 0 ? NULL : um_buf_head(out);
  for (size_t i = 0; i + 4 <= out->len; i++)
    if ((p[i] == 0x40 || p[i] == 0x50) && (p[i + 1] == 2 || p[i + 1] == 3) &&
        (p[i + 2] << 8 | p[i + 3]) == d->pid &&
        i + 4 + p[i + 1] - 2u == out->len)
      return true;
  return false;
}

void judge_message(struct world *w, const uvmqtt_message_t *m) {
  struct judge *j = &w->judge;
  judge_catch_up(w);
  if (!judging(w, net_find(w, j->conn)))
    return;
  uint32_t number = payload_read(m->payload.data, m->payload.len, 'B');
  if (number >= w->ledger.n_inbound) {
    violation(w, "I3", "a payload was delivered that nobody sent", 0, 0, 0);
    return;
  }
  struct inbound *in = &w->ledger.inbound[number];
  struct debt *next = queue_head(&j->due);
  note(w, "app: message %llu of QoS %llu", number, m->qos, 0);
  if (in->planted)
    violation(w, "I13", "a message from behind a bad packet was delivered", 0,
              0, 0);
  else if (next == NULL || next->number != number)
    violation(w, in->qos == 2 ? "I3" : "I6",
              "message %llu was delivered, due was %llu", number,
              next == NULL ? 0 : next->number, 0);
  else if (in->qos != 0 && in->life != w->driver.life &&
           acknowledged_early(w, next))
    violation(w, "I4", "message %llu is acknowledged before its callback",
              number, 0, 0);
  else
    j->due.first++;
  bool v5 = j->version == UM_V5;
  if (strcmp(m->topic, topics[in->topic]) != 0 || m->qos != in->qos ||
      m->retain != in->retain || m->payload.len != in->size ||
      !properties_intact(m->properties, m->n_properties, number,
                         v5 && in->properties))
    violation(w, "I3", "message %llu was damaged", number, 0, 0);
  if (in->life != w->driver.life)
    in->in_life = 0;
  in->life = w->driver.life;
  in->in_life++;
  in->delivered++;
  if (in->qos == 0 && in->delivered > 1)
    violation(w, "I5", "message %llu of QoS 0 was delivered %llu times", number,
              in->delivered, 0);
  if (in->qos == 2 && in->in_life > 1)
    violation(w, "I3", "message %llu of QoS 2 was delivered %llu times", number,
              in->in_life, 0);
}

void judge_message_done(struct world *w) {
  w->judge.callbacks_done++;
}
