#include "sim/broker.h"

#include "sim/greeting.h"
#include "sim/memory.h"
#include "sim/world.h"
#include <stdio.h>

void broker_init(struct world *w) {
  memset(&w->broker, 0, sizeof w->broker);
  w->broker.scratch.from = UM_CLIENT;
}

void broker_drop_session(struct bsession *s) {
  free(s->out);
  free(s->in);
  memset(s, 0, sizeof *s);
}

void broker_done(struct world *w) {
  for (size_t i = 0; i < SESSIONS; i++)
    broker_drop_session(&w->broker.sessions[i]);
  free(w->broker.answers);
  struct memory before = memory_aside();
  um_scratch_done(&w->broker.scratch);
  memory_back(before);
}

struct bsession *broker_session(struct world *w, struct conn *c) {
  return c->peer.session < 0 ? NULL : &w->broker.sessions[c->peer.session];
}

struct conn *broker_client(struct world *w) {
  for (size_t i = 0; i < CONNS_MAX; i++) {
    struct conn *c = &w->net.conns[i];
    if (c->used && c->broker_here && c->client_here && c->peer.accepted &&
        !c->peer.leaving)
      return c;
  }
  return NULL;
}

/* Sending. */

void broker_send(struct world *w, struct conn *c, uint8_t first,
                 const struct bytes *body, uint16_t pid, uint8_t reason,
                 uint32_t message) {
  struct bytes packet = {0};
  struct arrival a = {.type = first >> 4,
                      .flags = first & 15,
                      .pid = pid,
                      .reason = reason,
                      .message = message};
  if (!c->broker_here || c->peer.leaving)
    return;
  put8(&packet, first);
  put_varint(&packet, body->len);
  bytes_add(&packet, bytes_head(body), body->len);
  note(w, "broker: sends type %llu pid %llu reason/message %llu", a.type, pid,
       message != 0 ? message : reason);
  byzantine_touch(w, c, &packet);
  net_broker_send(w, c, &packet, &a);
  bytes_done(&packet);
}

static void send_ack(struct world *w, struct conn *c, const struct answer *a) {
  struct bytes body = {0};
  bool v5 = c->peer.version == UM_V5;
  if (a->type != UVMQTT_PINGRESP)
    put16(&body, a->pid);
  if (a->type == UVMQTT_PINGRESP) {
    ;
  } else if (a->type == UVMQTT_SUBACK || a->type == UVMQTT_UNSUBACK) {
    if (v5)
      put8(&body, 0);
    if (v5 || a->type == UVMQTT_SUBACK)
      bytes_add(&body, a->codes, a->n);
  } else if (v5 && (a->reason != 0 || chance(w, 300))) {
    put8(&body, a->reason);
    if (chance(w, 300)) {
      put8(&body, 7);
      put8(&body, UVMQTT_PROPERTY_REASON_STRING);
      put_text(&body, "why?");
    }
  }
  uint8_t first = (uint8_t)(a->type << 4 | (a->type == UVMQTT_PUBREL ? 2 : 0));
  broker_send(w, c, first, &body, a->pid, a->reason, 0);
  bytes_done(&body);
}

static void on_answer(struct world *w, void *arg, uint64_t n) {
  const struct answer a = w->broker.answers[n];
  struct conn *c = net_find(w, a.conn);
  (void)arg;
  if (c != NULL && c->broker_here && c->peer.accepted)
    send_ack(w, c, &a);
}

static uint64_t answer_time(struct world *w, struct conn *c, uint8_t type) {
  uint64_t when =
      w->clock.now + (w->healed ? 1 : roll(w, w->climate.ack_delay + 1));
  if (w->climate.shuffles || (type != UVMQTT_SUBACK && type != UVMQTT_UNSUBACK))
    return when;
  if (when <= c->peer.last_suback)
    when = c->peer.last_suback + 1;
  c->peer.last_suback = when;
  return when;
}

/* In its own time, so that answers overtake each other. */
static void answer_later(struct world *w, struct conn *c, struct answer a) {
  struct broker *b = &w->broker;
  if (b->n_answers == b->cap_answers) {
    b->cap_answers = b->cap_answers == 0 ? 64 : 2 * b->cap_answers;
    b->answers = realloc(b->answers, b->cap_answers * sizeof a);
    if (b->answers == NULL)
      abort();
  }
  a.conn = c->id;
  b->answers[b->n_answers] = a;
  at(w, answer_time(w, c, a.type), on_answer, NULL, b->n_answers++);
  bool may_echo = a.type != UVMQTT_SUBACK && a.type != UVMQTT_UNSUBACK &&
                  a.type != UVMQTT_PUBREL;
  if (may_echo && fault(w, w->climate.echoes))
    at(w, w->clock.now + roll(w, 2 * (uint64_t)w->climate.ack_delay + 1),
       on_answer, NULL, b->n_answers - 1);
}

static void ack(struct world *w, struct conn *c, uint8_t type, uint16_t pid,
                uint8_t reason) {
  answer_later(w, c,
               (struct answer){
                   .type = type,
                   .pid = pid,
                   .reason = c->peer.version == UM_V5 ? reason : (uint8_t)0});
}

/* Messages to the client. */

static size_t put_message(struct bytes *body, const struct inbound *m,
                          uint32_t number, uint16_t pid, bool v5) {
  char text[16];
  uint8_t payload[INBOUND_MAX];
  snprintf(text, sizeof text, "n%u", number);
  put_text(body, topics[m->topic]);
  if (m->qos != 0)
    put16(body, pid);
  if (v5 && m->properties) {
    put_varint(body, 6 + strlen(text));
    put8(body, UVMQTT_PROPERTY_USER_PROPERTY);
    put_text(body, "k");
    put_text(body, text);
  } else if (v5) {
    put8(body, 0);
  }
  payload_write(payload, m->size, 'B', number);
  bytes_add(body, payload, m->size);
  return body->len;
}

void broker_publish(struct world *w, struct conn *c, uint32_t number,
                    uint16_t pid, bool dup) {
  struct inbound *m = &w->ledger.inbound[number];
  struct bytes body = {0};
  put_message(&body, m, number, pid, c->peer.version == UM_V5);
  uint8_t first =
      (uint8_t)(0x30 | m->qos << 1 | (dup ? 8 : 0) | (m->retain ? 1 : 0));
  m->sends++;
  broker_send(w, c, first, &body, pid, 0, number);
  bytes_done(&body);
}

static bool too_large(struct world *w, struct conn *c, uint32_t number) {
  struct bytes body = {0};
  size_t n = put_message(&body, &w->ledger.inbound[number], number, 1,
                         c->peer.version == UM_V5);
  bytes_done(&body);
  return n + 5 > c->peer.packet_max;
}

static bool pid_used(const struct bsession *s, uint16_t pid) {
  for (size_t i = 0; i < s->n_out; i++)
    if (s->out[i].state != OUT_QUEUED && s->out[i].pid == pid)
      return true;
  return false;
}

static uint16_t new_pid(struct bsession *s) {
  do
    s->last_pid++;
  while (s->last_pid == 0 || pid_used(s, s->last_pid));
  return s->last_pid;
}

static void remove_out(struct bsession *s, size_t i) {
  memmove(&s->out[i], &s->out[i + 1], (s->n_out - i - 1) * sizeof s->out[0]);
  s->n_out--;
}

static size_t in_flight(const struct bsession *s) {
  size_t n = 0;
  for (size_t i = 0; i < s->n_out; i++)
    n += s->out[i].here;
  return n;
}

/* False: it must wait, and all behind it. */
static bool send_queued(struct world *w, struct conn *c, size_t i) {
  struct bsession *s = broker_session(w, c);
  struct outgoing *o = &s->out[i];
  uint32_t number = o->message;
  if (too_large(w, c, number) || w->ledger.inbound[number].qos == 0) {
    remove_out(s, i);
    if (!too_large(w, c, number))
      broker_publish(w, c, number, 0, false);
    return true;
  }
  if (in_flight(s) >= c->peer.receive_maximum)
    return false;
  bool again = o->state == OUT_SENT;
  if (!again)
    o->pid = new_pid(s);
  o->state = OUT_SENT;
  o->here = true;
  broker_publish(w, c, number, o->pid, again);
  return true;
}

static bool waits(const struct outgoing *o) {
  return o->state == OUT_QUEUED || (o->state == OUT_SENT && !o->here);
}

void broker_pump(struct world *w, struct conn *c) {
  struct bsession *s = broker_session(w, c);
  if (s == NULL || !c->peer.accepted)
    return;
  for (size_t i = 0; i < s->n_out && !c->peer.leaving && c->broker_here;) {
    size_t before = s->n_out;
    if (waits(&s->out[i]) && !send_queued(w, c, i))
      return;
    i += s->n_out == before;
  }
}

/* [MQTT-4.4.0-1]: what is unacknowledged goes again, in its order. */
void broker_resume(struct world *w, struct conn *c) {
  struct bsession *s = broker_session(w, c);
  for (size_t i = 0; i < s->n_out; i++) {
    s->out[i].here = false;
    if (s->out[i].state == OUT_RECEIVED)
      ack(w, c, UVMQTT_PUBREL, s->out[i].pid, 0);
  }
}

static struct outgoing *find_out(struct bsession *s, uint16_t pid) {
  for (size_t i = 0; s != NULL && i < s->n_out; i++)
    if (s->out[i].state != OUT_QUEUED && s->out[i].pid == pid)
      return &s->out[i];
  return NULL;
}

static void complete_out(struct world *w, struct conn *c, uint16_t pid) {
  struct bsession *s = broker_session(w, c);
  struct outgoing *o = find_out(s, pid);
  if (o != NULL)
    remove_out(s, (size_t)(o - s->out));
  broker_pump(w, c);
}

static void recv_pubrec(struct world *w, struct conn *c,
                        const struct um_packet *p) {
  struct outgoing *o = find_out(broker_session(w, c), p->id);
  if (o != NULL && p->reason < 0x80)
    o->state = OUT_RECEIVED;
  if (p->reason >= 0x80)
    complete_out(w, c, p->id);
  else
    ack(w, c, UVMQTT_PUBREL, p->id, o == NULL ? 0x92 : 0);
}

/* Messages from the client. */

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
                             const uvmqtt_subscription_t *f) {
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
  return f->qos;
}

static void recv_subscribe(struct world *w, struct conn *c,
                           const struct um_packet *p) {
  struct answer a = {.type = UVMQTT_SUBACK, .pid = p->id};
  for (size_t i = 0; i < p->u.subscribe.n && i < FILTERS; i++)
    a.codes[a.n++] = subscribe_one(w, c, &p->u.subscribe.filters[i]);
  answer_later(w, c, a);
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
  answer_later(w, c, a);
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

static void handle(struct world *w, struct conn *c, struct um_packet *p) {
  switch (p->type) {
  case UVMQTT_PUBLISH:
    recv_publish(w, c, p);
    break;
  case UVMQTT_PUBACK:
  case UVMQTT_PUBCOMP:
    complete_out(w, c, p->id);
    break;
  case UVMQTT_PUBREC:
    recv_pubrec(w, c, p);
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

/* Bytes. */

/* The whole packet at the front; 0: not all of it is there. */
static size_t extent(const struct bytes *b, size_t *ret_body) {
  size_t at = 1, left = 0;
  int shift = 0;
  do {
    if (at >= b->len)
      return 0;
    left |= (size_t)(bytes_head(b)[at] & 127) << shift;
    shift += 7;
  } while (bytes_head(b)[at++] & 128 && shift < 28);
  *ret_body = at;
  return at + left <= b->len ? at + left : 0;
}

static void handle_frame(struct world *w, struct conn *c, size_t len,
                         size_t body) {
  struct um_packet p;
  struct um_scratch *s = &w->broker.scratch;
  s->version = c->peer.greeted ? c->peer.version : UM_V5;
  struct um_span frame = {bytes_head(&c->peer.rx), len, body};
  unsigned type = frame.data[0] >> 4;
  struct memory before = memory_aside();
  int r = um_decode(frame, s, &p);
  memory_back(before);
  if (r)
    violation(w, "I13", "the broker cannot read a packet of type %llu: -%llu",
              type, (uint64_t)-r, 0);
  else if (p.type == UVMQTT_CONNECT)
    greeting_receive(w, c, &p);
  else if (!c->peer.greeted)
    violation(w, "I13", "a packet of type %llu came before CONNECT", type, 0,
              0);
  else if (c->peer.accepted)
    handle(w, c, &p);
}

void broker_bytes(struct world *w, struct conn *c, const uint8_t *data,
                  size_t len) {
  uint64_t id = c->id;
  size_t n, body;
  if (c->peer.leaving)
    return;
  bytes_add(&c->peer.rx, data, len);
  c->peer.heard = w->clock.now;
  while (!w->violated && (n = extent(&c->peer.rx, &body)) != 0) {
    handle_frame(w, c, n, body);
    c = net_find(w, id);
    if (c == NULL || !c->broker_here || c->peer.leaving)
      return;
    bytes_drop(&c->peer.rx, n);
  }
}

/* Connections. */

void broker_accept(struct world *w, struct conn *c) {
  memset(&c->peer, 0, sizeof c->peer);
  c->peer.session = -1;
  c->peer.heard = w->clock.now;
}

void broker_lost(struct world *w, struct conn *c) {
  greeting_end(w, c);
}

void broker_ended(struct world *w, struct conn *c) {
  greeting_end(w, c);
  c->peer.leaving = true;
  net_broker_close(w, c, false);
}
