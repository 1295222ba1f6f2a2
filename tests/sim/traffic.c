/* What the broker does of its own: messages of others, restarts, farewells.
 * Part of sim/broker.h. */
#include "sim/greeting.h"
#include "sim/world.h"

#define QUEUE_MAX 200u

static bool wanted(const struct bsession *s, unsigned topic, uint8_t *ret_qos) {
  bool found = false;
  *ret_qos = 0;
  for (size_t i = 0; i < FILTERS; i++) {
    if (!s->subs[i].on || !filter_matches(filters[i], topics[topic]))
      continue;
    found = true;
    if (s->subs[i].qos > *ret_qos)
      *ret_qos = s->subs[i].qos;
  }
  return found;
}

uint32_t broker_new_message(struct world *w, unsigned topic, uint8_t qos,
                            uint32_t size) {
  struct inbound m = {.topic = topic,
                      .qos = qos,
                      .retain = topic < TOPICS && chance(w, 200),
                      .properties = chance(w, 300),
                      .size = size,
                      .asks = chance(w, w->climate.questions)};
  return ledger_add_inbound(w, &m);
}

static void enqueue(struct bsession *s, uint32_t message) {
  if (s->n_out == s->cap_out) {
    s->cap_out = s->cap_out == 0 ? 16 : 2 * s->cap_out;
    s->out = realloc(s->out, s->cap_out * sizeof s->out[0]);
    if (s->out == NULL)
      abort();
  }
  s->out[s->n_out++] = (struct outgoing){.message = message};
}

static void offer(struct world *w, struct bsession *s, unsigned topic,
                  uint8_t qos) {
  uint8_t most;
  if (!s->exists || !wanted(s, topic, &most) || s->n_out >= QUEUE_MAX)
    return;
  struct conn *c = net_find(w, s->conn);
  qos = qos < most ? qos : most;
  if (qos == 0 && c == NULL)
    return;
  uint64_t most_bytes = chance(w, 30) ? w->climate.payload_max : 40;
  if (most_bytes > INBOUND_MAX)
    most_bytes = INBOUND_MAX;
  uint32_t size = (uint32_t)range(w, PAYLOAD_LEAST, most_bytes);
  enqueue(s, broker_new_message(w, topic, qos, size));
  if (c != NULL)
    broker_pump(w, c);
}

/* Answers to the client's requests. */

static void on_reply(struct world *w, void *arg, uint64_t number) {
  struct inbound *m = &w->ledger.inbound[number];
  (void)arg;
  for (size_t i = 0; i < SESSIONS; i++) {
    struct bsession *s = &w->broker.sessions[i];
    uint8_t most;
    if (!s->exists || !wanted(s, m->topic, &most) || s->n_out >= QUEUE_MAX)
      continue;
    struct conn *c = net_find(w, s->conn);
    m->qos = m->qos < most ? m->qos : most;
    if (m->qos == 0 && c == NULL)
      continue;
    enqueue(s, (uint32_t)number);
    if (c != NULL)
      broker_pump(w, c);
    return; /* the numbers are those of one session */
  }
}

static bool has_text(const struct um_packet *p, const char *text) {
  const uvmqtt_property_t *found = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_RESPONSE_TOPIC);
  return found != NULL && strcmp(found->value.str, text) == 0;
}

/* Made where there was no way to say it, and sent on to a server of 5.0. */
static bool is_bare(const struct world *w, const struct um_packet *p) {
  bool spoke_311 = false;
  for (unsigned i = 0; i < SERVERS; i++)
    spoke_311 |= w->judge.fell_back[i];
  return spoke_311 &&
         uvmqtt_property_find(p->properties, p->n_properties,
                              UVMQTT_PROPERTY_RESPONSE_TOPIC) == NULL;
}

void broker_replies(struct world *w, struct conn *c, uint32_t number,
                    const struct um_packet *p) {
  const struct request *r = &w->ledger.requests[number];
  const uvmqtt_property_t *data = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_CORRELATION_DATA);
  struct inbound m = {.topic = r->reply,
                      .qos = (uint8_t)roll(w, 3),
                      .size = PAYLOAD_LEAST,
                      .replies = number + 1};
  bool v5 = c->peer.version == UM_V5;
  bool bare = is_bare(w, p) && data == NULL;
  w->ledger.requests[number].bare |= bare;
  if (v5 && !bare && !judge_blind(w) &&
      (data == NULL || data->value.bin.len > sizeof m.correlation ||
       !has_text(p, topics[r->reply])))
    violation(w, "I13", "request %llu does not say where to answer", number, 0,
              0);
  const struct bsession *s = broker_session(w, c);
  bool sure = w->climate.rejects == 0 && !w->app.unsure && !judge_blind(w);
  if (sure && r->written == 1 && !s->subs[filter_index(topics[r->reply])].on)
    violation(w, "I13",
              "request %llu is sent, and nobody would hear the answer", number,
              0, 0);
  if (w->violated || fault(w, w->climate.silences))
    return;
  if (data != NULL) {
    m.n_correlation = data->value.bin.len;
    memcpy(m.correlation, data->value.bin.data, m.n_correlation);
  }
  at(w, w->clock.now + roll(w, 2 * (uint64_t)w->climate.ack_delay + 1),
     on_reply, NULL, ledger_add_inbound(w, &m));
}

/* [MQTT-4.4.0-1/311] leaves it open to send again while connected. */
static void storm(struct world *w, struct bsession *s) {
  struct conn *c = net_find(w, s->conn);
  if (c == NULL || c->peer.version == UM_V5 || !fault(w, w->climate.storms))
    return;
  for (size_t i = 0; i < s->n_out; i++)
    if (s->out[i].state == OUT_SENT && s->out[i].here)
      broker_publish(w, c, s->out[i].message, s->out[i].pid, true);
}

void broker_traffic(struct world *w) {
  for (size_t i = 0; i < SESSIONS; i++) {
    struct bsession *s = &w->broker.sessions[i];
    unsigned burst = chance(w, 100) ? (unsigned)range(w, 2, 12) : 1;
    while (burst-- != 0)
      offer(w, s, (unsigned)roll(w, HEARD_TOPICS), (uint8_t)roll(w, 3));
    storm(w, s);
  }
}

void broker_restart(struct world *w, bool remember) {
  for (size_t i = 0; i < CONNS_MAX; i++) {
    struct conn *c = &w->net.conns[i];
    if (c->used && c->broker_here)
      broker_lost(w, c);
    if (c->used && c->broker_here) {
      c->peer.leaving = true;
      net_broker_close(w, c, chance(w, 500));
    }
  }
  for (size_t i = 0; i < SESSIONS && !remember; i++)
    broker_drop_session(&w->broker.sessions[i]);
}

void broker_disconnect(struct world *w, struct conn *c, uint8_t reason) {
  struct bytes body = {0}, properties = {0};
  if (c->peer.version == UM_V5) {
    put8(&body, reason);
    greeting_put_reference(&properties, reason);
    if (properties.len != 0) {
      put_varint(&body, properties.len);
      bytes_add(&body, bytes_head(&properties), properties.len);
    }
    bytes_done(&properties);
    broker_send(w, c, 0xE0, &body, 0, reason, 0);
  }
  bytes_done(&body);
  greeting_end(w, c);
  c->peer.leaving = true;
  net_broker_close(w, c, false);
}

/* Somebody else with our identifier comes and goes. */
void broker_take_over(struct world *w) {
  struct conn *c = broker_client(w);
  struct bsession *s = c == NULL ? NULL : broker_session(w, c);
  if (s == NULL)
    return;
  size_t index = (size_t)(s - w->broker.sessions);
  broker_disconnect(w, c, 0x8E);
  if (chance(w, 500))
    broker_drop_session(&w->broker.sessions[index]);
}
