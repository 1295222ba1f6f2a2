#include "sim/greeting.h"

#include "sim/authority.h"
#include "sim/world.h"
#include <stdio.h>

static uint32_t number_of(const struct um_packet *p, uvmqtt_property_id_t id,
                          uint32_t otherwise) {
  const uvmqtt_property_t *found =
      uvmqtt_property_find(p->properties, p->n_properties, id);
  return found == NULL ? otherwise : found->value.num;
}

static void on_connack(struct world *w, void *arg, uint64_t id);
static void check_alive(struct world *w, void *arg, uint64_t id);

void greeting_receive(struct world *w, struct conn *c,
                      const struct um_packet *p) {
  struct peer *peer = &c->peer;
  if (peer->greeted) {
    violation(w, "I13", "a second CONNECT", 0, 0, 0);
    return;
  }
  bool v5 = p->u.connect.version == UM_V5;
  peer->greeted = true;
  peer->version = p->u.connect.version;
  peer->clean = p->u.connect.clean_start;
  peer->keep_alive = p->u.connect.keep_alive;
  snprintf(peer->client_id, sizeof peer->client_id, "%s",
           p->u.connect.client_id);
  peer->expiry = v5 ? number_of(p, UVMQTT_PROPERTY_SESSION_EXPIRY_INTERVAL, 0)
                    : (peer->clean ? 0 : UVMQTT_FOREVER);
  peer->receive_maximum =
      (uint16_t)number_of(p, UVMQTT_PROPERTY_RECEIVE_MAXIMUM, 65535);
  peer->alias_max =
      (uint16_t)number_of(p, UVMQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM, 0);
  peer->auth =
      uvmqtt_property_find(p->properties, p->n_properties,
                           UVMQTT_PROPERTY_AUTHENTICATION_METHOD) != NULL;
  peer->packet_max =
      v5 ? number_of(p, UVMQTT_PROPERTY_MAXIMUM_PACKET_SIZE, UINT32_MAX)
         : w->climate.packet_max; /* cannot be said: we keep to it */
  note(w, "broker: CONNECT version %llu clean %llu on connection %llu",
       peer->version, peer->clean, c->id);
  if (peer->auth)
    authority_begin(w, c);
  else
    at(w, w->clock.now + roll(w, w->climate.ack_delay / 4 + 1), on_connack,
       NULL, c->id);
}

/* Sessions. */

static struct bsession *find(struct world *w, const char *id) {
  for (size_t i = 0; i < SESSIONS; i++)
    if (w->broker.sessions[i].exists &&
        strcmp(w->broker.sessions[i].id, id) == 0)
      return &w->broker.sessions[i];
  return NULL;
}

static struct bsession *make(struct world *w, const char *id) {
  struct bsession *s = &w->broker.sessions[0];
  for (size_t i = 1; i < SESSIONS; i++)
    if (s->exists && (!w->broker.sessions[i].exists ||
                      w->broker.sessions[i].touched < s->touched))
      s = &w->broker.sessions[i];
  broker_drop_session(s);
  s->exists = true;
  s->generation = ++w->broker.generations;
  snprintf(s->id, sizeof s->id, "%s", id);
  s->last_pid = (uint16_t)(chance(w, 300) ? 65530 : roll(w, 6));
  return s;
}

/* [MQTT-3.1.4-3/5]: the older connection of this client goes. */
static void take_over(struct world *w, struct conn *c) {
  for (size_t i = 0; i < CONNS_MAX; i++) {
    struct conn *other = &w->net.conns[i];
    if (other != c && other->used && other->broker_here &&
        other->peer.accepted &&
        strcmp(other->peer.client_id, c->peer.client_id) == 0)
      broker_disconnect(w, other, 0x8E);
  }
}

void greeting_end(struct world *w, struct conn *c) {
  struct bsession *s = broker_session(w, c);
  if (s == NULL || s->conn != c->id)
    return;
  s->conn = 0;
  uint64_t ms = (uint64_t)c->peer.expiry * 1000;
  s->expires =
      c->peer.expiry == UVMQTT_FOREVER ? UINT64_MAX : w->clock.now + ms;
  c->peer.session = -1;
  if (c->peer.expiry == 0)
    broker_drop_session(s);
}

static bool forgotten(struct world *w, const struct bsession *s) {
  return w->clock.now >= s->expires || fault(w, w->climate.forgets);
}

/* *ret_present: there was one, and it is continued. */
static void join(struct world *w, struct conn *c) {
  take_over(w, c);
  struct bsession *s = find(w, c->peer.client_id);
  if (s != NULL && (c->peer.clean || forgotten(w, s))) {
    broker_drop_session(s);
    s = NULL;
  }
  c->peer.present = s != NULL;
  if (s == NULL)
    s = make(w, c->peer.client_id);
  s->conn = c->id;
  c->peer.generation = s->generation;
  s->touched = w->clock.now;
  s->expires = UINT64_MAX;
  c->peer.session = (int)(s - w->broker.sessions);
}

/* CONNACK. */

static void put_number(struct bytes *b, uvmqtt_property_id_t id, unsigned width,
                       uint32_t value) {
  put8(b, id);
  if (width == 1)
    put8(b, value);
  else if (width == 2)
    put16(b, value);
  else
    put32(b, value);
}

static void draw_terms(struct world *w, struct conn *c) {
  struct terms *t = &c->peer.terms;
  *t = (struct terms){.receive_maximum = 65535,
                      .packet_max = UINT32_MAX,
                      .max_qos = 2,
                      .retain = true,
                      .wildcard = true,
                      .shared = true,
                      .identifier = true,
                      .keep_alive = c->peer.keep_alive};
  if (c->peer.version != UM_V5)
    return;
  if (chance(w, w->climate.limits))
    t->receive_maximum =
        (uint16_t)(chance(w, 700) ? range(w, 1, 4) : range(w, 1, 65535));
  if (chance(w, w->climate.limits / 4))
    t->packet_max = (uint32_t)range(w, 40, 400);
  if (chance(w, w->climate.limits / 4))
    t->max_qos = (uint8_t)roll(w, 2);
  t->retain = !chance(w, w->climate.limits / 4);
  t->wildcard = !chance(w, w->climate.limits / 4);
  t->shared = !chance(w, w->climate.limits / 2);
  t->identifier = !chance(w, w->climate.limits / 2);
  if (chance(w, 600))
    t->alias_max = (uint16_t)range(w, 1, 5);
  if (chance(w, w->climate.limits))
    t->keep_alive = (uint16_t)(chance(w, 200) ? 0 : range(w, 2, 60));
}

static void put_terms(struct bytes *b, const struct conn *c, bool assigned) {
  const struct terms *t = &c->peer.terms;
  if (t->receive_maximum != 65535)
    put_number(b, UVMQTT_PROPERTY_RECEIVE_MAXIMUM, 2, t->receive_maximum);
  if (t->packet_max != UINT32_MAX)
    put_number(b, UVMQTT_PROPERTY_MAXIMUM_PACKET_SIZE, 4, t->packet_max);
  if (t->max_qos != 2)
    put_number(b, UVMQTT_PROPERTY_MAXIMUM_QOS, 1, t->max_qos);
  if (!t->retain)
    put_number(b, UVMQTT_PROPERTY_RETAIN_AVAILABLE, 1, 0);
  if (!t->wildcard)
    put_number(b, UVMQTT_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE, 1, 0);
  if (!t->shared)
    put_number(b, UVMQTT_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE, 1, 0);
  if (!t->identifier)
    put_number(b, UVMQTT_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE, 1, 0);
  if (t->alias_max != 0)
    put_number(b, UVMQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM, 2, t->alias_max);
  if (c->peer.auth)
    authority_put(b);
  if (t->keep_alive != c->peer.keep_alive)
    put_number(b, UVMQTT_PROPERTY_SERVER_KEEP_ALIVE, 2, t->keep_alive);
  if (assigned) {
    put8(b, UVMQTT_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER);
    put_text(b, c->peer.client_id);
  }
}

void greeting_put_reference(struct bytes *to, uint8_t reason) {
  if (reason != 0x9C && reason != 0x9D)
    return;
  put8(to, UVMQTT_PROPERTY_SERVER_REFERENCE);
  put_text(to, "elsewhere");
}

static void send_connack(struct world *w, struct conn *c, bool present,
                         uint8_t reason, bool assigned) {
  struct bytes body = {0}, properties = {0};
  put8(&body, present);
  put8(&body, reason);
  if (c->peer.version == UM_V5) {
    if (reason == 0)
      put_terms(&properties, c, assigned);
    greeting_put_reference(&properties, reason);
    put_varint(&body, properties.len);
    bytes_add(&body, bytes_head(&properties), properties.len);
  }
  broker_send(w, c, 0x20, &body, 0, reason, 0);
  bytes_done(&properties);
  bytes_done(&body);
}

static void hang_up(struct world *w, struct conn *c) {
  c->peer.leaving = true;
  net_broker_close(w, c, false);
}

static void refuse(struct world *w, struct conn *c, uint8_t reason) {
  send_connack(w, c, false, reason, false);
  hang_up(w, c);
}

/* What servers of 3.1.1 do with a CONNECT of 5.0. */
static void not_understood(struct world *w, struct conn *c) {
  struct bytes body = {0};
  put8(&body, 0);
  put8(&body, 1);
  if (w->climate.old == OLD_REFUSES)
    refuse(w, c, 0x84);
  else if (w->climate.old == OLD_REFUSES_311)
    broker_send(w, c, 0x20, &body, 0, 1, 0);
  bytes_done(&body);
  if (w->climate.old != OLD_REFUSES)
    hang_up(w, c);
}

static uint8_t reason_to_refuse(struct world *w, const struct conn *c) {
  static const uint8_t v5[] = {0x80, 0x87, 0x88, 0x89, 0x97, 0x9F, 0x8A};
  static const uint8_t v311[] = {2, 3, 4, 5};
  if (c->peer.version == UM_V5 && chance(w, w->climate.redirects))
    return chance(w, 500) ? 0x9C : 0x9D;
  return c->peer.version == UM_V5 ? v5[roll(w, sizeof v5)]
                                  : v311[roll(w, sizeof v311)];
}

static bool assign_id(struct world *w, struct conn *c) {
  if (c->peer.client_id[0] != '\0')
    return false;
  snprintf(c->peer.client_id, sizeof c->peer.client_id, "given-%u",
           (unsigned)++w->broker.assigned);
  return c->peer.version == UM_V5;
}

static void welcome(struct world *w, struct conn *c) {
  bool assigned = assign_id(w, c);
  join(w, c);
  draw_terms(w, c);
  send_connack(w, c, c->peer.present, 0, assigned);
  c->peer.accepted = true;
  at(w, w->clock.now + 1000, check_alive, NULL, c->id);
  if (c->peer.present)
    broker_resume(w, c);
  broker_pump(w, c);
}

static bool is_old(const struct world *w, const struct conn *c) {
  bool spared = w->climate.old_beyond && c->server == 0;
  return w->climate.old != OLD_NOT && !spared;
}

void greeting_decide(struct world *w, struct conn *c) {
  if (is_old(w, c) && c->peer.version == UM_V5)
    not_understood(w, c);
  else if (fault(w, w->climate.refuses))
    refuse(w, c, reason_to_refuse(w, c));
  else
    welcome(w, c);
}

static void on_connack(struct world *w, void *arg, uint64_t id) {
  struct conn *c = net_find(w, id);
  (void)arg;
  if (c != NULL && c->broker_here && !c->peer.leaving)
    greeting_decide(w, c);
}

/* [MQTT-3.1.2-22/5]: silence for one and a half Keep Alives. */
static void check_alive(struct world *w, void *arg, uint64_t id) {
  struct conn *c = net_find(w, id);
  (void)arg;
  if (c == NULL || !c->broker_here || c->peer.leaving ||
      c->peer.terms.keep_alive == 0)
    return;
  uint64_t end = c->peer.heard + (uint64_t)c->peer.terms.keep_alive * 1500;
  if (w->clock.now < end) {
    at(w, end, check_alive, NULL, id);
    return;
  }
  note(w, "broker: keep alive of connection %llu ran out", id, 0, 0);
  broker_disconnect(w, c, 0x8D);
}
