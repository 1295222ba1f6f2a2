/* Packets from the client, after CONNECT. Part of sim/broker.h. */
#include "sim/greeting.h"
#include "sim/world.h"

static void ack(struct world *w, struct conn *c, uint8_t type, uint16_t pid,
                uint8_t reason) {
  broker_answer(w, c,
                (struct answer){
                    .type = type,
                    .pid = pid,
                    .reason = c->peer.version == UM_V5 ? reason : (uint8_t)0});
}

static struct incoming *find_in(struct bsession *s, uint16_t pid) {
  for (size_t i = 0; i < s->n_in; i++)
    if (s->in[i].pid == pid)
      return &s->in[i];
  return NULL;
}

static void add_in(struct bsession *s, uint16_t pid, uint32_t message) {
  if (s->n_in == s->cap_in) {
    s->cap_in = s->cap_in == 0 ? 16 : 2 * s->cap_in;
    s->in = realloc(s->in, s->cap_in * sizeof s->in[0]);
    if (s->in == NULL)
      abort();
  }
  s->in[s->n_in++] = (struct incoming){pid, message};
}

static void route(struct world *w, uint32_t number) {
  struct request *r = &w->ledger.requests[number];
  r->routed++;
  if (judge_blind(w))
    return;
  if (r->qos == 0 && r->routed > 1)
    violation(w, "I5", "message %llu of QoS 0 reached the broker %llu times",
              number, r->routed, 0);
  if (r->qos == 2 && r->routed > r->allowed)
    violation(w, "I2", "message %llu of QoS 2 reached the broker %llu times",
              number, r->routed, 0);
}

static uint8_t refusal(struct world *w, struct conn *c) {
  static const uint8_t reasons[] = {0x80, 0x83, 0x87, 0x90, 0x97, 0x99};
  if (c->peer.version != UM_V5 || !fault(w, w->climate.rejects))
    return chance(w, 100) ? 0x10 : 0;
  return reasons[roll(w, sizeof reasons)];
}

static void recv_qos2(struct world *w, struct conn *c, uint16_t pid,
                      uint32_t number) {
  struct bsession *s = broker_session(w, c);
  struct incoming *known = find_in(s, pid);
  uint8_t reason = 0;
  if (known != NULL && known->message != number) {
    struct request *old = &w->ledger.requests[known->message];
    if (old->life == w->ledger.requests[number].life && !judge_blind(w))
      violation(w, "I8", "id %llu of message %llu is taken for %llu", pid,
                known->message, number);
    w->ledger.requests[number].swallowed = true;
  }
  if (known == NULL) {
    reason = refusal(w, c);
    if (reason < 0x80) {
      add_in(s, pid, number);
      route(w, number);
    }
  }
  ack(w, c, UVMQTT_PUBREC, pid, reason);
}

static void recv_publish(struct world *w, struct conn *c,
                         const struct um_packet *p) {
  const struct um_publish *m = &p->u.publish;
  uint32_t number = payload_read(m->payload.data, m->payload.len, 'A');
  if (number >= w->ledger.n_requests) {
    violation(w, "I13", "a payload came that nobody sent", 0, 0, 0);
    return;
  }
  if (w->ledger.requests[number].kind == ASK_REQUEST)
    broker_replies(w, c, number, p);
  if (m->qos == 2) {
    recv_qos2(w, c, p->id, number);
    return;
  }
  uint8_t reason = m->qos == 0 ? 0 : refusal(w, c);
  if (reason < 0x80)
    route(w, number);
  if (m->qos == 1)
    ack(w, c, UVMQTT_PUBACK, p->id, reason);
}

static void recv_pubrel(struct world *w, struct conn *c,
                        const struct um_packet *p) {
  struct bsession *s = broker_session(w, c);
  struct incoming *in = find_in(s, p->id);
  if (in != NULL)
    *in = s->in[--s->n_in];
  ack(w, c, UVMQTT_PUBCOMP, p->id, in == NULL ? 0x92 : 0);
}

static uint8_t subscribe_one(struct world *w, struct conn *c,
                             const uvmqtt_subscription_t *f,
                             uint32_t identifier) {
  unsigned i = filter_index(f->filter);
  struct bsession *s = broker_session(w, c);
  if (i == FILTERS) {
    violation(w, "I13", "a filter came that nobody asked for", 0, 0, 0);
    return 0x80;
  }
  if (fault(w, w->climate.rejects))
    return c->peer.version == UM_V5 ? 0x87 : 0x80;
  s->subs[i].on = true;
  s->subs[i].qos = f->qos;
  s->subs[i].identifier = identifier;
  return f->qos;
}

static void recv_subscribe(struct world *w, struct conn *c,
                           const struct um_packet *p) {
  struct answer a = {.type = UVMQTT_SUBACK, .pid = p->id};
  const uvmqtt_property_t *identifier = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER);
  for (size_t i = 0; i < p->u.subscribe.n && i < FILTERS; i++)
    a.codes[a.n++] =
        subscribe_one(w, c, &p->u.subscribe.filters[i],
                      identifier == NULL ? 0 : identifier->value.num);
  broker_answer(w, c, a);
}

static void recv_unsubscribe(struct world *w, struct conn *c,
                             const struct um_packet *p) {
  struct answer a = {.type = UVMQTT_UNSUBACK, .pid = p->id};
  struct bsession *s = broker_session(w, c);
  for (size_t i = 0; i < p->u.unsubscribe.n && i < FILTERS; i++) {
    unsigned k = filter_index(p->u.unsubscribe.filters[i]);
    bool had = k < FILTERS && s->subs[k].on;
    if (k < FILTERS)
      s->subs[k].on = false;
    a.codes[a.n++] = had ? 0 : 0x11;
  }
  broker_answer(w, c, a);
}

static void recv_disconnect(struct world *w, struct conn *c,
                            const struct um_packet *p) {
  const uvmqtt_property_t *expiry = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL);
  if (expiry != NULL)
    c->peer.expiry = expiry->value.num;
  greeting_end(w, c);
  c->peer.leaving = true;
  net_broker_close(w, c, chance(w, 200));
}

void broker_handle(struct world *w, struct conn *c, const struct um_packet *p) {
  switch (p->type) {
  case UVMQTT_PUBLISH:
    recv_publish(w, c, p);
    break;
  case UVMQTT_PUBACK:
  case UVMQTT_PUBCOMP:
    broker_acked(w, c, p->id);
    break;
  case UVMQTT_PUBREC:
    broker_received(w, c, p->id, p->reason);
    break;
  case UVMQTT_PUBREL:
    recv_pubrel(w, c, p);
    break;
  case UVMQTT_SUBSCRIBE:
    recv_subscribe(w, c, p);
    break;
  case UVMQTT_UNSUBSCRIBE:
    recv_unsubscribe(w, c, p);
    break;
  case UVMQTT_PINGREQ:
    if (!c->peer.mute)
      ack(w, c, UVMQTT_PINGRESP, 0, 0);
    break;
  case UVMQTT_DISCONNECT:
    recv_disconnect(w, c, p);
    break;
  }
}
