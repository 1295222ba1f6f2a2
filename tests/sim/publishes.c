/* PUBLISH that the client writes. Part of the judge. */
#include "sim/memory.h"
#include "sim/world.h"

/* PUBLISH. */

/* [MQTT-3.3.2-7/5], [MQTT-3.3.2-8/5]: aliases are of this connection. */
static const char *topic_of(struct world *w, const struct um_packet *p) {
  struct judge *j = &w->judge;
  const char *topic = p->u.publish.topic;
  uint32_t alias = judge_number_of(p, UVMQTT_PROPERTY_TOPIC_ALIAS, 0);
  uint32_t most = j->terms.alias_max;
  if (w->climate.alias_out < most)
    most = w->climate.alias_out;
  if (alias == 0)
    return topic;
  if (alias > most || (*topic == '\0' && j->aliases[alias] == 0)) {
    violation(w, "I13", "topic alias %llu, %llu are allowed", alias, most, 0);
    return topic;
  }
  if (*topic != '\0')
    j->aliases[alias] = topic_index(topic) + 1;
  unsigned i = j->aliases[alias] - 1;
  return i < ALL_TOPICS ? topics[i] : topic;
}

static void check_answer(struct world *w, const struct um_packet *p,
                         const struct request *r) {
  const uvmqtt_property_t *data = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_CORRELATION_DATA);
  const uint8_t *b = data == NULL ? NULL : data->value.bin.data;
  if (r->answers == 0 || w->judge.version != UM_V5)
    return;
  if (b == NULL || data->value.bin.len != 4 ||
      ((uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]) != r->answers - 1)
    violation(w, "I13", "an answer to request %llu says another one",
              r->answers - 1, 0, 0);
}

static void check_content(struct world *w, const struct um_packet *p,
                          uint32_t number) {
  const struct um_publish *m = &p->u.publish;
  const struct request *r = &w->ledger.requests[number];
  bool properties = r->properties && w->judge.version == UM_V5;
  if (strcmp(topic_of(w, p), topics[r->topic]) != 0 || m->qos != r->qos ||
      m->retain != r->retain || m->payload.len != r->size ||
      !properties_intact(p->properties, p->n_properties, number, properties))
    violation(w, "I13", "request %llu was damaged on its way out", number, 0,
              0);
  check_answer(w, p, r);
  if (m->qos > w->judge.terms.max_qos || (m->retain && !w->judge.terms.retain))
    violation(w, "I13", "request %llu is more than the server allows", number,
              0, 0);
  if (r->life != w->driver.life)
    violation(w, "I9", "request %llu of a closed client was sent", number, 0,
              0);
}

/* [MQTT-3.3.2-6/5]. Bytes that wait for the store or the kernel were made
 * earlier, with more of the interval left. */
static void check_expiry(struct world *w, const struct um_packet *p,
                         uint32_t number, bool again) {
  const struct request *r = &w->ledger.requests[number];
  uint64_t now = w->clock.now;
  uint32_t said =
      judge_number_of(p, UVMQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 0);
  if (r->interval == 0)
    return;
  uint64_t end = r->accepted + (uint64_t)r->interval * 1000;
  uint64_t left = end > now ? (end - now + 999) / 1000 : 1;
  bool prompt =
      w->climate.storing != STORE_LATE && w->judge.last_busy < r->accepted;
  if (prompt && !again && now >= end)
    violation(w, "I18", "request %llu was sent %llu ms after it expired",
              number, now - end, 0);
  if (w->judge.version != UM_V5)
    return;
  if (said > r->interval || said == 0 || (prompt && said != left))
    violation(w, "I18", "request %llu says %llu s, %llu are left", number, said,
              left);
}

/* I18: what ended before it was sent. */
static void check_ended(struct world *w, uint32_t number, bool again) {
  const struct request *r = &w->ledger.requests[number];
  uint64_t now = w->clock.now;
  bool prompt = w->climate.storing != STORE_LATE &&
                w->judge.last_busy < r->accepted && !r->lost && !again;
  if (r->never)
    violation(w, "I18", "request %llu was given up and sent", number, 0, 0);
  bool answered = r->kind == ASK_REQUEST && r->completed && r->status == 0;
  if (prompt && r->timeout != 0 && !answered &&
      now > r->accepted + r->timeout + 1)
    violation(w, "I18", "request %llu was sent after its time-out", number, 0,
              0);
}

/* Something more urgent waits, and for nothing: at QoS 0 what goes may pass a
 * lane whose head waits for a place in the quota. What is dropped or expired
 * may not be told yet. */
static bool waits_in_vain(struct world *w, const struct request *o,
                          const struct request *r) {
  bool may_end = o->cancelled || o->never || o->interval != 0 ||
                 o->timeout != 0 || o->lost || judge_beyond(w, o);
  return o->kind == ASK_PUBLISH && judge_urgency(o) < judge_urgency(r) &&
         o->completed == 0 && !o->no_callback && o->written == 0 &&
         !o->accepting && r->qos != 0 && !may_end;
}

static void check_lane(struct world *w, uint32_t number) {
  const struct request *all = w->ledger.requests;
  if (w->climate.urgencies == 0 || memory.failed != 0 ||
      w->climate.overflow != UVMQTT_OVERFLOW_REFUSE)
    return;
  for (uint32_t i = w->app.first_request; i < number; i++)
    if (waits_in_vain(w, &all[i], &all[number]))
      violation(w, "I6", "request %llu was sent before %llu, more urgent",
                number, i, 0);
}

/* Requests wait for their SUBACK first. */
static void check_first_order(struct world *w, uint32_t number) {
  const struct request *r = &w->ledger.requests[number];
  uint32_t *newest = &w->judge.newest[r->lane][r->topic][r->qos];
  if (r->kind == ASK_REQUEST)
    return;
  check_lane(w, number);
  if (number + 1 <= *newest)
    violation(w, "I6", "request %llu was sent after %llu", number, *newest - 1,
              0);
  *newest = number + 1;
}

/* Without a callback nobody hears that a message was given up, and with one it
 * may be a little later. */
static bool unsent(struct world *w) {
  const struct judge *j = &w->judge;
  for (size_t i = 0; i < j->n_flights; i++) {
    const struct flight *f = &j->flights[i];
    if (f->kind != ASK_PUBLISH || f->released || f->here)
      continue;
    const struct request *r = &w->ledger.requests[f->number];
    if (!r->no_callback && r->completed == 0 && !judge_beyond(w, r))
      return true;
  }
  return false;
}

static struct flight *first_time(struct world *w, const struct um_packet *p,
                                 uint32_t number) {
  struct request *r = &w->ledger.requests[number];
  struct judge *j = &w->judge;
  /* what waited for the kernel or the store when the connection ended counts
   * as sent */
  bool maybe_again = j->parted != 0 && r->accepted <= j->parted;
  if (p->u.publish.dup && !maybe_again)
    violation(w, "I13", "request %llu has DUP the first time", number, 0, 0);
  if (r->in_session)
    violation(w, "I8", "request %llu changed its id to %llu", number, p->id, 0);
  if (unsent(w))
    violation(w, "I6", "request %llu was sent before what must go again",
              number, 0, 0);
  check_first_order(w, number);
  judge_check_epoch(w);
  r->in_session = true;
  return judge_add_flight(w, p->id, ASK_PUBLISH, number);
}

static void another_time(struct world *w, const struct um_packet *p,
                         struct flight *f, uint32_t number) {
  struct judge *j = &w->judge;
  if (f->kind != ASK_PUBLISH || f->number != number)
    violation(w, "I8", "id %llu of %llu is taken for %llu", p->id, f->number,
              number);
  else if (f->here)
    violation(w, "I13", "request %llu was sent twice on a connection", number,
              0, 0);
  else if (f->released)
    violation(w, "I2", "request %llu was sent again after PUBREC", number, 0,
              0);
  else if (!p->u.publish.dup)
    violation(w, "I13", "request %llu was sent again without DUP", number, 0,
              0);
  else if (f->order < j->resent)
    violation(w, "I6", "request %llu was sent again out of order", number, 0,
              0);
  j->resent = f->order;
}

/* R3, R4, R6. */
static void check_publish_stored(struct world *w, uint16_t pid,
                                 uint32_t number) {
  const struct row *row = store_row(w, pid);
  if (!judge_has_store(w))
    return;
  if (row == NULL || row->message != number || row->state != UM_OP_SENT)
    violation(w, "I10", "R6: request %llu leaves as %llu before its row",
              number, pid, 0);
  if (w->climate.client_id[0] == '\0' && w->judge.version == UM_V5 &&
      strcmp(w->store.durable.client_id, w->judge.assigned) != 0)
    violation(w, "I10", "R4: request %llu leaves before the assigned id",
              number, 0, 0);
}

static void count(struct world *w, struct flight *f) {
  struct judge *j = &w->judge;
  f->here = f->counted = true;
  if (++j->unacked > j->terms.receive_maximum)
    violation(w, "I7", "%llu messages without an answer, %llu are allowed",
              j->unacked, j->terms.receive_maximum, 0);
}

void judge_wrote_publish(struct world *w, const struct um_packet *p) {
  const struct um_publish *m = &p->u.publish;
  uint32_t number = payload_read(m->payload.data, m->payload.len, 'A');
  if (number >= w->ledger.n_requests ||
      !is_message(&w->ledger.requests[number])) {
    violation(w, "I13", "a payload is sent that nobody gave", 0, 0, 0);
    return;
  }
  struct flight *f = m->qos == 0 ? NULL : judge_flight(w, p->id);
  check_content(w, p, number);
  check_expiry(w, p, number, m->dup);
  if (f == NULL)
    check_ended(w, number, m->dup);
  if (w->ledger.requests[number].written++ != 0 && m->qos == 0)
    violation(w, "I5", "request %llu of QoS 0 was sent again", number, 0, 0);
  if (m->qos == 0) {
    check_first_order(w, number);
    return;
  }
  if (f == NULL)
    f = first_time(w, p, number);
  else
    another_time(w, p, f, number);
  count(w, f);
  check_publish_stored(w, p->id, number);
}
