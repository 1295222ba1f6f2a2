#include "sim/authority.h"

#include "sim/greeting.h"
#include "sim/world.h"

void authority_put(struct bytes *to) {
  put8(to, UVMQTT_PROPERTY_AUTHENTICATION_METHOD);
  put_text(to, AUTH_METHOD);
}

static void send(struct world *w, struct conn *c, uint8_t reason) {
  struct bytes body = {0}, properties = {0};
  bool bare = reason == 0 && chance(w, 300);
  if (!bare) {
    authority_put(&properties);
    put8(&properties, UVMQTT_PROPERTY_AUTHENTICATION_DATA);
    put16(&properties, 1);
    put8(&properties, c->peer.said);
    put8(&body, reason);
    put_varint(&body, properties.len);
    bytes_add(&body, bytes_head(&properties), properties.len);
  }
  broker_send(w, c, 0xF0, &body, 0, reason, 0);
  bytes_done(&properties);
  bytes_done(&body);
}

#define ROUNDS_MAX 16u

static void challenge(struct world *w, struct conn *c) {
  c->peer.rounds--;
  c->peer.said = (uint8_t)range(w, 1, 250);
  if (++c->peer.asked > ROUNDS_MAX && c->peer.expected == 0)
    c->peer.expected = UVMQTT_EAUTH;
  send(w, c, 0x18);
}

static void conclude(struct world *w, struct conn *c) {
  if (!c->peer.again) {
    greeting_decide(w, c);
    return;
  }
  c->peer.again = false;
  if (fault(w, w->climate.auth_denials))
    broker_disconnect(w, c, 0x87);
  else
    send(w, c, 0);
}

static void on_turn(struct world *w, void *arg, uint64_t id) {
  struct conn *c = net_find(w, id);
  (void)arg;
  if (c == NULL || !c->broker_here || c->peer.leaving)
    return;
  if (c->peer.rounds != 0)
    challenge(w, c);
  else
    conclude(w, c);
}

static void later(struct world *w, struct conn *c) {
  at(w, w->clock.now + roll(w, w->climate.ack_delay / 4 + 1), on_turn, NULL,
     c->id);
}

static void begin(struct world *w, struct conn *c) {
  c->peer.rounds = w->climate.auth_rounds;
  c->peer.asked = 0;
  c->peer.said = 0;
  later(w, c);
}

void authority_begin(struct world *w, struct conn *c) {
  begin(w, c);
}

static const uint8_t *data_of(const struct um_packet *p) {
  const uvmqtt_property_t *found = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_AUTHENTICATION_DATA);
  return found == NULL || found->value.bin.len != 1 ? NULL
                                                    : found->value.bin.data;
}

static bool names_method(const struct um_packet *p) {
  const uvmqtt_property_t *found = uvmqtt_property_find(
      p->properties, p->n_properties, UVMQTT_PROPERTY_AUTHENTICATION_METHOD);
  return found != NULL && strcmp(found->value.str, AUTH_METHOD) == 0;
}

/* [MQTT-4.12.0-3/5], [MQTT-4.12.0-5/5], [MQTT-4.12.1-1/5] */
void authority_receive(struct world *w, struct conn *c,
                       const struct um_packet *p) {
  struct peer *peer = &c->peer;
  const uint8_t *data = data_of(p);
  if (judge_blind(w) && p->reason != UVMQTT_REASON_RE_AUTHENTICATE) {
    peer->said = 0;
    later(w, c);
  } else if (!peer->auth || !names_method(p)) {
    violation(w, "I13", "AUTH of another method", 0, 0, 0);
  } else if (p->reason == UVMQTT_REASON_RE_AUTHENTICATE) {
    if (!peer->accepted || peer->again || peer->said != 0)
      violation(w, "I13", "a re-authentication out of turn", 0, 0, 0);
    peer->again = true;
    begin(w, c);
  } else if (peer->asked > ROUNDS_MAX) {
    violation(w, "I13", "round %llu of AUTH is answered", peer->asked, 0, 0);
  } else if (peer->said == 0) {
    violation(w, "I13", "an AUTH that nobody asked for", 0, 0, 0);
  } else if (data == NULL || *data != (uint8_t)(peer->said + 1)) {
    violation(w, "I13", "AUTH says %llu instead of %llu",
              data == NULL ? 0 : *data, peer->said + 1u, 0);
  } else {
    peer->said = 0;
    later(w, c);
  }
}
