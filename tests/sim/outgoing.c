/* Messages to the client. Part of sim/broker.h. */
#include "sim/world.h"
#include <stdio.h>

/* Who sends a message, and what with. */
struct letter {
  struct inbound *m;
  uint32_t number;
  uint16_t pid;
  uint16_t alias; /* 0: none */
  bool bare;      /* the alias says the topic */
};

static void put_identifiers(struct bytes *to, const struct bsession *s,
                            const struct inbound *m) {
  for (size_t i = 0; s != NULL && i < FILTERS; i++) {
    if (!s->subs[i].on || s->subs[i].identifier == 0 ||
        !filter_matches(filters[i], topics[m->topic]))
      continue;
    put8(to, UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER);
    put_varint(to, s->subs[i].identifier);
  }
}

static void put_properties(struct bytes *to, const struct letter *l) {
  char text[16];
  snprintf(text, sizeof text, "n%u", l->number);
  if (l->alias != 0) {
    put8(to, UVMQTT_PROPERTY_TOPIC_ALIAS);
    put16(to, l->alias);
  }
  if (l->m->properties) {
    put8(to, UVMQTT_PROPERTY_USER_PROPERTY);
    put_text(to, "k");
    put_text(to, text);
  }
  if (l->m->asks) {
    put8(to, UVMQTT_PROPERTY_RESPONSE_TOPIC);
    put_text(to, topics[TOPIC_ANSWERS]);
    put8(to, UVMQTT_PROPERTY_CORRELATION_DATA);
    put16(to, 4);
    put32(to, l->number);
  }
  if (l->m->n_correlation != 0) {
    put8(to, UVMQTT_PROPERTY_CORRELATION_DATA);
    put16(to, (unsigned)l->m->n_correlation);
    bytes_add(to, l->m->correlation, l->m->n_correlation);
  }
}

static size_t put_message(struct bytes *body, const struct letter *l,
                          const struct bsession *s, bool v5) {
  uint8_t payload[INBOUND_MAX];
  struct bytes properties = {0};
  put_text(body, l->bare ? "" : topics[l->m->topic]);
  if (l->m->qos != 0)
    put16(body, l->pid);
  if (v5) {
    put_properties(&properties, l);
    put_identifiers(&properties, s, l->m);
    put_varint(body, properties.len);
    bytes_add(body, bytes_head(&properties), properties.len);
    bytes_done(&properties);
  }
  payload_write(payload, l->m->size, 'B', l->number);
  bytes_add(body, payload, l->m->size);
  return body->len;
}

/* Any alias may be given to any topic at any time. */
static void choose_alias(struct world *w, struct conn *c, struct letter *l) {
  struct peer *p = &c->peer;
  if (p->alias_max == 0 || !chance(w, w->climate.aliases))
    return;
  l->alias = (uint16_t)range(w, 1, p->alias_max);
  l->bare = p->aliases[l->alias] == l->m->topic + 1 && chance(w, 800);
  p->aliases[l->alias] = l->m->topic + 1;
}

void broker_publish(struct world *w, struct conn *c, uint32_t number,
                    uint16_t pid, bool dup) {
  struct inbound *m = &w->ledger.inbound[number];
  struct letter l = {.m = m, .number = number, .pid = pid};
  struct bytes body = {0};
  choose_alias(w, c, &l);
  put_message(&body, &l, broker_session(w, c), c->peer.version == UM_V5);
  uint8_t first =
      (uint8_t)(0x30 | m->qos << 1 | (dup ? 8 : 0) | (m->retain ? 1 : 0));
  m->sends++;
  note(w, "broker: message %llu on topic %llu, alias %llu", number, m->topic,
       l.alias);
  broker_send(w, c, first, &body, pid, 0, number);
  bytes_done(&body);
}

/* With an alias it is four bytes longer. */
static bool too_large(struct world *w, struct conn *c, uint32_t number) {
  struct letter l = {.m = &w->ledger.inbound[number], .number = number};
  struct bytes body = {0};
  size_t n =
      put_message(&body, &l, broker_session(w, c), c->peer.version == UM_V5);
  bytes_done(&body);
  return n + 9 > c->peer.packet_max;
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

static void release(struct world *w, struct conn *c, uint16_t pid,
                    uint8_t reason) {
  struct answer a = {.type = UVMQTT_PUBREL,
                     .pid = pid,
                     .reason = c->peer.version == UM_V5 ? reason : (uint8_t)0};
  broker_answer(w, c, a);
}

/* [MQTT-4.4.0-1]: what is unacknowledged goes again, in its order. */
void broker_resume(struct world *w, struct conn *c) {
  struct bsession *s = broker_session(w, c);
  for (size_t i = 0; i < s->n_out; i++) {
    s->out[i].here = false;
    if (s->out[i].state == OUT_RECEIVED)
      release(w, c, s->out[i].pid, 0);
  }
}

static struct outgoing *find_out(struct bsession *s, uint16_t pid) {
  for (size_t i = 0; s != NULL && i < s->n_out; i++)
    if (s->out[i].state != OUT_QUEUED && s->out[i].pid == pid)
      return &s->out[i];
  return NULL;
}

void broker_acked(struct world *w, struct conn *c, uint16_t pid) {
  struct bsession *s = broker_session(w, c);
  struct outgoing *o = find_out(s, pid);
  if (o != NULL)
    remove_out(s, (size_t)(o - s->out));
  broker_pump(w, c);
}

void broker_received(struct world *w, struct conn *c, uint16_t pid,
                     uint8_t reason) {
  struct outgoing *o = find_out(broker_session(w, c), pid);
  if (o != NULL && reason < 0x80)
    o->state = OUT_RECEIVED;
  if (reason >= 0x80)
    broker_acked(w, c, pid);
  else
    release(w, c, pid, o == NULL ? 0x92 : 0);
}
