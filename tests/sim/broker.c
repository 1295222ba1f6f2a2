#include "sim/broker.h"

#include "sim/authority.h"
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

void broker_answer(struct world *w, struct conn *c, struct answer a) {
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
  else if (p.type == UVMQTT_AUTH)
    authority_receive(w, c, &p);
  else if (c->peer.accepted || p.type == UVMQTT_DISCONNECT)
    broker_handle(w, c, &p);
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
