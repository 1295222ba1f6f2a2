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
  return ledger_add_inbound(w, &(struct inbound){.topic = topic,
                                                 .qos = qos,
                                                 .retain = chance(w, 200),
                                                 .properties = chance(w, 300),
                                                 .size = size});
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
      offer(w, s, (unsigned)roll(w, TOPICS), (uint8_t)roll(w, 3));
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
  struct bytes body = {0};
  if (c->peer.version == UM_V5) {
    put8(&body, reason);
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
